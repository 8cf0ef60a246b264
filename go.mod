module github.com/xinfeng-kms/xinfeng

go 1.26

require github.com/emmansun/gmsm v0.34.1

require github.com/tidwall/btree v1.8.2
