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
