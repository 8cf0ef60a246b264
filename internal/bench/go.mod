module github.com/xinfeng-kms/xinfeng/internal/bench

go 1.26

require (
	github.com/emmansun/gmsm v0.34.1
	github.com/secure-io/sio-go v0.3.1
	github.com/xinfeng-kms/xinfeng v0.0.0
)

require (
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	golang.org/x/crypto v0.41.0 // indirect
	golang.org/x/sync v0.20.0 // indirect
	golang.org/x/sys v0.45.0 // indirect
)

replace github.com/xinfeng-kms/xinfeng => ../..
