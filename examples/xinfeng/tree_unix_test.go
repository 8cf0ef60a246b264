//go:build unix

package main

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// Whatever is no plain file gets a line that says so.
func TestOddFiles(t *testing.T) {
	w := newWorld(t)
	w.write("in/a", "a")
	w.write("in/.xinfeng-1.tmp", "left behind")
	w.write("outside/b", "b")
	for _, err := range []error{os.Symlink("a", "in/link"), os.Symlink("../outside", "in/folder"), os.Symlink("nowhere", "in/dangling"), syscall.Mkfifo("in/pipe", 0o600), os.Symlink("in", "linked")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	socket, err := net.Listen("unix", "in/socket")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	_, says := w.ok("encrypt", "-r", "in", "-d", "out")
	for _, want := range []string{
		"in/link: left out: a symbolic link, not followed\n", "in/folder: left out: a symbolic link, not followed\n", "in/dangling: left out: a symbolic link",
		"in/pipe: left out: not a regular file but a named pipe\n", "in/socket: left out: not a regular file but a socket\n", "in/.xinfeng-1.tmp: left out: an unfinished file", "1 file encrypted, 6 left out",
	} {
		if !strings.Contains(says, want) {
			t.Errorf("no %q in\n%s", want, says)
		}
	}
	// Named, a link is followed, and what is no file fails.
	w.ok("encrypt", "in/link", "-o", "named.xf")
	w.ok("encrypt", "-r", "linked", "-d", "out2", "-q")
	w.wantNames("out2", "a.xf")
	w.fails(exitFailed, "not a regular file but a named pipe", "encrypt", "in/pipe")
	w.fails(exitFailed, "no such file", "encrypt", "in/dangling")
	w.fails(exitFailed, "not a regular file but a device", "decrypt", "/dev/null")
	w.fails(exitFailed, "it is a device", "decrypt", "named.xf", "-f", "-o", "/dev/null")
	w.fails(exitFailed, "it is a folder", "decrypt", "named.xf", "-o", "in")
	w.fails(exitFailed, "same file", "encrypt", "-f", "in/a", "-o", "in/a")
	w.fails(exitFailed, "left out: it ends in .xf already", "encrypt", "named.xf")
	w.fails(exitFailed, "--output says where to", "decrypt", "in/a")
	if out, says := w.ok("inspect", "-r", "in", "named.xf"); !strings.HasPrefix(out, "named.xf: message") || !strings.Contains(says, "in/pipe: left out") {
		t.Errorf("%s%s", out, says)
	}
}
