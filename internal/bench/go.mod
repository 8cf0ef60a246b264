module github.com/xinfeng-kms/xinfeng/internal/bench

go 1.26

require github.com/xinfeng-kms/xinfeng v0.0.0

require (
	github.com/emmansun/gmsm v0.34.1 // indirect
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
)

replace github.com/xinfeng-kms/xinfeng => ../..
