package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"testing"
)

// attribs returns the names of files in a watched folder whose attributes were changed under that name since it was called
// last. The kernel has noted every change, so that none is missed for being short.
func attribs(t *testing.T, watch int) (names []string) {
	t.Helper()
	b := make([]byte, 1<<16)
	n, err := syscall.Read(watch, b)
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		t.Fatal(err)
	}
	for b = b[:max(n, 0)]; len(b) > 0; {
		mask, size := binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint32(b[12:])
		if mask&syscall.IN_ATTRIB != 0 {
			name, _, _ := bytes.Cut(b[syscall.SizeofInotifyEvent:][:size], []byte{0})
			names = append(names, string(name))
		}
		b = b[syscall.SizeofInotifyEvent+size:]
	}
	return names
}

// A result has its permission bits before it has its name: at no moment can more people read it than were meant to.
func TestModeBeforeName(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content") // which everybody can read
	watch, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(watch)
	if _, err := syscall.InotifyAddWatch(watch, ".", syscall.IN_ATTRIB); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod("a", 0o644); err != nil {
		t.Fatal(err)
	}
	if got := attribs(t, watch); len(got) != 1 || got[0] != "a" {
		t.Fatalf("of a change of a the kernel tells %q", got)
	}
	for _, args := range [][]string{
		{"encrypt", "a"}, {"encrypt", "-f", "a"}, {"encrypt", "-f", "--keep-mode", "a"}, {"encrypt", "-f", "--armor", "a"},
		{"rewrap", "a.xf"}, {"encrypt", "-f", "a"}, {"rewrap", "a.xf"}, {"decrypt", "-f", "a.xf"}, {"decrypt", "-f", "--keep-mode", "a.xf"},
		{"decrypt", "-o", "b", "a.xf"}, {"verify", "--salvage", "c", "a.xf"}, {"identity", "create", "me.key"},
	} {
		w.ok(args...)
		for _, name := range attribs(t, watch) {
			if !isTemporary(name) {
				t.Errorf("xinfeng %q: %s had its name before its mode", args, name)
			}
		}
	}
}
