package main

import (
	"os"
	"testing"
	"time"
)

// If the source changes while it is encrypted again, the message that is there stays, also with --force.
func TestChangeKeepsOlderMessage(t *testing.T) {
	w := newWorld(t)
	w.env["XINFENG_KMS"], w.env["XINFENG_KEY"] = "local", ""
	w.write("a", "content")
	w.ok("encrypt", "a")
	older := w.read("a.xf")
	// The data key is made after the first look at the file, and before its contents are read.
	at := time.Now()
	w.onNow = func() {
		at = at.Add(time.Second)
		if err := os.Chtimes("a", time.Time{}, at); err != nil {
			t.Error(err)
		}
	}
	w.fails(exitFailed, "source changed while it was read", "encrypt", "--force", "a")
	w.wantNames(".", "a", "a.xf")
	w.wantContent("a.xf", older)
}

// A message as text that takes the place of the one that is rewrapped stays, though it came while the key service was asked.
func TestChangeKeepsNewerText(t *testing.T) {
	w := newLocalWorld(t)
	w.write("a", "older")
	w.ok("encrypt", "--armor", "-o", "text", "a")
	w.write("a", "newer")
	w.ok("encrypt", "--armor", "-o", "new", "a")
	newer := w.read("new")
	w.onNow = func() { // at every call of the key service
		w.write("another", newer)
		if err := os.Rename("another", "text"); err != nil {
			t.Error(err)
		}
	}
	w.fails(exitFailed, "changed meanwhile", "rewrap", "text")
	w.wantContent("text", newer)
	w.onNow = nil
	w.ok("rewrap", "text")
	if out, _ := w.ok("decrypt", "-o", "-", "text"); out != "newer" {
		t.Errorf("it opens to %q", out)
	}
}
