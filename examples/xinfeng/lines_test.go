package main

import (
	"os"
	"strings"
	"testing"
)

// Names of files reach a terminal quoted, also where an error of the system has them in its text: somebody else may have
// chosen them.
func TestNamesInErrors(t *testing.T) {
	w := newWorld(t)
	const name = "red\x1b[31m\nforged.xf: all is well\u202e"
	w.write("in/"+name, "content")
	w.ok("encrypt", "-r", "in", "-d", "out")
	w.write("in/empty/"+name+".xf", "")
	for _, args := range [][]string{
		{"encrypt", "in/" + name, "-o", "out/" + name + ".xf"},
		{"encrypt", "-r", "in", "-d", name + "/\x00"},
		{"encrypt", "in/" + name, "-d", "in/" + name},
		{"decrypt", "out/" + name + ".xf", "-o", "in/" + name},
		{"decrypt", "-o", "-", "in/" + name},
		{"decrypt", "--identity", name, "in/" + name},
		{"verify", "-r", "in"},
		{"verify", "--salvage", "x", "gone" + name},
		{"inspect", "gone" + name},
		{"rewrap", "-n", "in/" + name, "in/empty/" + name},
		{"encrypt", "--passphrase-file", name, "in/" + name},
		{"encrypt", "--" + strings.ReplaceAll(name, "\n", "")},
		{name},
	} {
		code, out, says := w.run(args...)
		if code == exitDone || says == "" {
			t.Errorf("xinfeng %q: exit %d", args, code)
		}
		if strings.ContainsAny(out+says, "\x1b\u202e") || strings.Contains(out+says, "\nforged") {
			t.Errorf("xinfeng %q prints what a terminal would act on:\n%q%q", args, out, says)
		}
	}
	if _, err := os.Stat("x"); err == nil {
		t.Error("a file was made")
	}
}
