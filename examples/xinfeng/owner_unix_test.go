//go:build unix

package main

import (
	"os"
	"syscall"
	"testing"
)

// Who rewraps the messages of others leaves them theirs, also those that are text.
func TestRewrapKeepsOwner(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 {
		uid, gid = 12345, 23456
	}
	for _, args := range [][]string{{"encrypt", "-o", "message", "a"}, {"encrypt", "--armor", "-o", "message", "-f", "a"}} {
		w.ok(args...)
		if err := os.Chown("message", uid, gid); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod("message", 0o640); err != nil {
			t.Fatal(err)
		}
		w.ok("rewrap", "message")
		info, err := os.Stat("message")
		if err != nil {
			t.Fatal(err)
		}
		if s := info.Sys().(*syscall.Stat_t); info.Mode() != 0o640 || int(s.Uid) != uid || int(s.Gid) != gid {
			t.Errorf("after %q: mode %v of %d:%d, want 0640 of %d:%d", args, info.Mode(), s.Uid, s.Gid, uid, gid)
		}
	}
}
