//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

// Who waits for a pipe that nobody writes to can be interrupted, though even opening it waits.
func TestInterruptedKeyFiles(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	w.ok("encrypt", "a")
	if err := errors.Join(syscall.Mkfifo("silent", 0o600), syscall.Mkfifo("spoken", 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"encrypt -f --passphrase-file silent a", "decrypt -f -i silent a.xf", "encrypt -f --recipients-file silent a", "identity show silent"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if code, _, says := w.runCtx(ctx, strings.Fields(args)...); code != exitFailed || says != "xinfeng: interrupted\n" {
			t.Errorf("xinfeng %s: exit %d\n%s", args, code, says)
		}
	}
	// One that somebody writes to is a file like others, as <(command) is.
	go func() {
		if f, err := os.OpenFile("spoken", os.O_WRONLY, 0); err == nil {
			f.WriteString("correct horse\n")
			f.Close()
		}
	}()
	w.ok("encrypt", "-f", "--passphrase-file", "spoken", "a")
	w.write("pass", "correct horse")
	w.ok("decrypt", "-f", "--passphrase-file", "pass", "a.xf")
}
