package main

import (
	"os"
	"testing"
)

// No command replaces the only copy of what it reads, whatever it is called and also with --force.
func TestOutputIsInput(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	w.ok("encrypt", "a")
	message := w.read("a.xf")
	if err := os.Symlink("a.xf", "link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Link("a.xf", "second.xf"); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{"a.xf", "./a.xf", "link", "second.xf"} {
		w.fails(exitFailed, "same file", "decrypt", "--force", "-o", out, "a.xf")
		w.fails(exitFailed, "same file", "verify", "--force", "--salvage", out, "a.xf")
		f, err := os.Open("a.xf")
		if err != nil {
			t.Fatal(err)
		}
		w.stdin = f
		w.fails(exitFailed, "same file", "decrypt", "--force", "-o", out)
		f.Close()
		w.wantContent("a.xf", message)
	}
	w.fails(exitFailed, "same file", "encrypt", "--force", "-o", "a", "a")
	w.fails(exitFailed, "same file", "encrypt", "--armor", "--force", "-o", "a", "a")
	w.wantContent("a", "content")
	w.wantNames(".", "a", "a.xf", "link", "second.xf")
}
