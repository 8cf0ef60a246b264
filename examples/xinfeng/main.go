// Xinfeng encrypts files and folders on the command line, under keys of Alibaba Cloud KMS, of a key service of one's own
// on this machine, of a passphrase, or of other people's public keys.
//
//	go run ./examples/xinfeng help
//
// README.md beside this file is its manual. It protects what package envelope protects, and offline by default as much as
// the folder of the local key service is protected: whoever reads its two files reads everything.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}
