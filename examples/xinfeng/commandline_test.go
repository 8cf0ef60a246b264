package main

import (
	"os"
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

// What was asked for and cannot be written is a failure.
func TestLostOutput(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	w.ok("encrypt", "a")
	for _, args := range [][]string{{"identity", "create", "me.key"}, {"keys", "list", "--region", "cn-hangzhou"}, {"keys", "list", "--region", "cn-hangzhou", "--json"}, {"version"}, {"verify", "--json", "a.xf"}, {"rewrap", "-n", "a.xf"}, {"inspect", "a.xf"}} {
		out, err := os.Open("a") // not to be written to
		if err != nil {
			t.Fatal(err)
		}
		var says strings.Builder
		if code := run(t.Context(), args, strings.NewReader(""), out, &says, func(k string) string { return w.env[k] }); code != exitFailed || !strings.Contains(says.String(), "write") {
			t.Errorf("xinfeng %q: exit %d, want %d: %s", args, code, exitFailed, &says)
		}
		out.Close()
	}
}

// A file of recipients that is too long is refused: those behind its limit could not open what was meant for them.
func TestLongRecipientsFile(t *testing.T) {
	w := newWorld(t)
	first, _ := w.ok("identity", "create", "first.key")
	second, _ := w.ok("identity", "create", "second.key")
	w.write("a", "content")
	w.write("all.pub", first+strings.Repeat("# comment\n", maxKeyFile/10)+second)
	w.fails(exitFailed, "all.pub: over 65536 bytes", "encrypt", "--recipients-file", "all.pub", "a")
	w.wantNames(".", "a", "all.pub", "first.key", "second.key")
}

// What is left out or fails in a folder is told also if its one file goes to standard output.
func TestFolderToStdout(t *testing.T) {
	w := newWorld(t)
	w.write("in/a", "content")
	if err := os.Symlink("a", "in/link"); err != nil {
		t.Fatal(err)
	}
	w.fails(exitDone, "in/link: left out: a symbolic link", "encrypt", "-r", "in", "-o", "-")
	if os.Getuid() > 0 {
		if err := os.Mkdir("in/closed", 0); err != nil {
			t.Fatal(err)
		}
		w.fails(exitFailed, "in/closed: permission denied", "encrypt", "-r", "in", "-o", "-")
	}
}
