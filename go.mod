module github.com/xinfeng-kms/xinfeng

go 1.26

require github.com/emmansun/gmsm v0.34.1

require github.com/tidwall/btree v1.8.2

require (
	github.com/decred/dcrd/dcrec/secp256k1/v4 v4.4.1
	golang.org/x/crypto v0.41.0 // indirect
)
