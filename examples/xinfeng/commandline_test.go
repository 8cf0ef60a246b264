package main

import (
	"strings"
	"testing"
)

// A command that does not exist is an error also below another one: a script that has mistyped 'keys disable' must not
// take it for done.
func TestUnknownCommands(t *testing.T) {
	w := newWorld(t)
	for _, args := range [][]string{{"keys", "dissable", "alias/work"}, {"identity", "bogus"}, {"completion", "csh"}, {"help", "bogus"}, {"help", "keys", "bogus"}} {
		w.fails(exitUsage, "Try 'xinfeng", args...)
	}
	for _, args := range [][]string{{"keys"}, {"identity"}, {"completion"}, {"help"}, {"help", "keys"}, {"help", "keys", "disable"}} {
		if out, _ := w.ok(args...); !strings.Contains(out, "Usage:") {
			t.Errorf("xinfeng %q prints %q", args, out)
		}
	}
}

// A pair to withhold that is not in the context is a slip of the finger, and the one that was meant would be written.
func TestWithholdWhatIsNotThere(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	w.fails(exitUsage, `--withhold "patent"`, "encrypt", "-c", "patient=Li", "--withhold", "patent", "a")
	w.fails(exitUsage, `--withhold "patent"`, "convert", "--from", "fourline", "-c", "patient=Li", "--withhold", "patent", "a")
	w.wantNames(".", "a")
}
