package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write what is compared with: testdata/help and the session in README.md")

// newTool returns a program that is not run.
func newTool() *tool { return &tool{groups: map[*cobra.Command][]flagGroup{}} }

// commandLines returns the words of every command of the program.
func commandLines(cmd *cobra.Command) (lines [][]string) {
	words := strings.Fields(cmd.CommandPath())[1:]
	lines = append(lines, words)
	for _, sub := range cmd.Commands() {
		lines = append(lines, commandLines(sub)...)
	}
	return lines
}

// What help says of each command is as in testdata/help. Run with -update to write it.
func TestHelp(t *testing.T) {
	w := newWorld(t)
	dir := filepath.Join(w.home, "testdata", "help")
	lines := commandLines(newTool().root())
	if len(lines) < 20 {
		t.Fatalf("%d commands", len(lines))
	}
	seen := map[string]bool{}
	for _, words := range lines {
		name := "xinfeng"
		if len(words) > 0 {
			name = strings.Join(words, "-")
		}
		got, says := w.ok(append(words, "--help")...)
		if says != "" {
			t.Errorf("%s: it says %q beside", name, says)
		}
		if other, _ := w.ok(append([]string{"help"}, words...)...); other != got {
			t.Errorf("%s: help and --help differ", name)
		}
		path := filepath.Join(dir, name+".txt")
		seen[path] = true
		if *update {
			w.write(path, got)
		}
		if want := w.read(path); got != want {
			t.Errorf("%s is not as in %s:\n%s", name, path, got)
		}
		for line := range strings.Lines(got) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 90 {
				t.Errorf("%s: a line of %d characters: %s", name, n, line)
			}
		}
		if len(words) > 0 && !strings.Contains(got, "\nExamples:\n") {
			t.Errorf("%s has no example", name)
		}
	}
	stale, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stale {
		if !seen[path] {
			if *update {
				os.Remove(path)
			}
			t.Errorf("%s is of no command", path)
		}
	}
}

// Shells get flags, values of flags, and commands.
func TestCompletion(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ line, want string }{
		{"en", "encrypt\t"},
		{"encrypt --arm", "--armor\t"},
		{"encrypt --suite ", "AES256GCM\nSM4GCM\n:4\n"},
		{"keys list --kms ", "local\ncloud\n:4\n"},
		{"convert --from ", "fourline\naliyunesdk\nosscse\n"},
		{"keys ", "schedule-deletion\t"},
	} {
		args := append([]string{"__complete"}, strings.Split(tt.line, " ")...)
		if got, _ := w.ok(args...); !strings.Contains(got, tt.want) {
			t.Errorf("%q completes to %q, want %q", tt.line, got, tt.want)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if got, _ := w.ok("completion", shell); !strings.Contains(got, "xinfeng") || len(got) < 1000 {
			t.Errorf("%s gets %d bytes", shell, len(got))
		}
	}
}
