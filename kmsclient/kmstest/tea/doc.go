// Package tea has no code. Its test runs the suite of package kmstest through the newer SDK of the vendor,
// alibabacloud-go/kms-20160120, which signs by header fields. It is a module of its own so that this SDK stays out of the
// module graph of the library's users.
package tea
