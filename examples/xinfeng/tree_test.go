package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// makeTree writes n files into a folder: nested, empty, large, with names of every kind. It returns their contents.
func (w *world) makeTree(dir string, n int) map[string]string {
	w.t.Helper()
	files := map[string]string{}
	names := []string{"plain.txt", "信封/封面.txt", "a b/c d.txt", "deep/er/and/deeper/x", "ümläut", "new\nline", "-dash", "'quote\"", "emoji-📨.bin", ".hidden/.file"}
	for i := range n {
		name := fmt.Sprintf("dir%d/file%03d", i%7, i)
		if i < len(names) {
			name = names[i]
		}
		size := i * 37
		switch i % 10 {
		case 3:
			size = 0
		case 9:
			size = 100_000 + i
		}
		files[name] = strings.Repeat(string(rune('a'+i%26)), size)
	}
	for name, content := range files {
		w.write(filepath.Join(dir, name), content)
	}
	return files
}

func (w *world) wantTree(dir string, files map[string]string) {
	w.t.Helper()
	names := w.names(dir)
	if len(names) != len(files) {
		w.t.Errorf("%s has %d files, want %d", dir, len(names), len(files))
	}
	for name, content := range files {
		w.wantContent(filepath.Join(dir, name), content)
	}
}

func TestTree(t *testing.T) {
	w := newWorld(t)
	files := w.makeTree("in", 40)
	_, says := w.ok("encrypt", "-r", "in", "-d", "safe")
	if lines := strings.Split(strings.TrimSpace(says), "\n"); len(lines) != 41 || lines[40] != "40 files encrypted" {
		t.Errorf("it says\n%s", says)
	}
	if n := w.calls("GenerateDataKey"); n != 1 {
		t.Errorf("%d data keys for a batch, want 1", n)
	}
	_, says = w.ok("decrypt", "-r", "safe", "-d", "out", "-q")
	if says != "" {
		t.Errorf("--quiet says %q", says)
	}
	if n := w.calls("Decrypt"); n != 1 {
		t.Errorf("%d calls to decrypt a batch, want 1", n)
	}
	w.wantTree("out", files)

	// The same again does what is left.
	os.Remove("safe/plain.txt.xf")
	_, says = w.ok("encrypt", "-r", "in", "-d", "safe")
	if !strings.Contains(says, "1 file encrypted, 39 there already") || strings.Contains(says, "ümläut") {
		t.Errorf("it says\n%s", says)
	}
	// What is newer than its message is not silently passed over.
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes("in/plain.txt", later, later); err != nil {
		t.Fatal(err)
	}
	w.fails(exitFailed, "safe/plain.txt.xf is there and older; --force replaces it", "encrypt", "-r", "in", "-d", "safe")
	w.ok("encrypt", "-r", "in", "-d", "safe", "--force", "-j", "1")
	now := time.Now().Add(-time.Minute)
	if err := os.Chtimes("in/plain.txt", now, now); err != nil {
		t.Fatal(err)
	}

	// In place, messages are not encrypted again, and the output folder is not descended into.
	w.ok("encrypt", "-r", "in")
	w.ok("encrypt", "-r", "in")
	if n := len(w.names("in")); n != 80 {
		t.Errorf("in has %d files, want 80", n)
	}
	w.ok("decrypt", "-r", "in", "-d", "in/out")
	w.ok("encrypt", "-r", "in", "-d", "in/out")
	w.wantNames("in/out/dir1", slices.DeleteFunc(w.names("in/out/dir1"), func(n string) bool { return strings.HasSuffix(n, ".xf.xf") })...)
}

// A run that fails for some files does the rest and lists the failures.
func TestTreeWithFailures(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"in/a", "in/b", "in/c", "in/sub/d"} {
		w.write(name, name)
	}
	w.ok("encrypt", "-r", "in", "-d", "safe")
	damaged := []byte(w.read("safe/b.xf"))
	damaged[len(damaged)-1] ^= 1
	w.write("safe/b.xf", string(damaged))
	w.write("safe/c.xf", "no message")
	w.write("safe/notes.txt", "passed over")
	code, _, says := w.run("decrypt", "-r", "safe", "-d", "out")
	if code != exitNotAuthentic || !strings.Contains(says, "2 files decrypted, 2 failed\nfailed:\n  safe/b.xf: ") || !strings.Contains(says, "\n  safe/c.xf: ") {
		t.Errorf("exit %d\n%s", code, says)
	}
	w.wantNames("out", "a", "sub/d")
	code, _, says = w.run("verify", "-r", "safe")
	if code != exitNotAuthentic || !strings.Contains(says, "2 files authentic, 2 failed") {
		t.Errorf("exit %d\n%s", code, says)
	}
	w.ok("encrypt", "--force", "in/b", "in/c", "-d", "safe", "-q")
	_, says = w.ok("decrypt", "-r", "safe", "-d", "out")
	if !strings.Contains(says, "2 files decrypted, 2 there already") {
		t.Error(says)
	}
}

func TestGlobs(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"in/a.csv", "in/b.txt", "in/sub/c.csv", "in/sub/cache/d.csv", "in/tmp.csv"} {
		w.write(name, name)
	}
	for _, tt := range []struct {
		args, want string
	}{
		{"-r in --include *.csv", "a.csv.xf sub/c.csv.xf sub/cache/d.csv.xf tmp.csv.xf"},
		{"-r in --exclude cache --exclude tmp*", "a.csv.xf b.txt.xf sub/c.csv.xf"},
		{"-r in --include sub/**/*.csv --exclude **/cache/**", "sub/c.csv.xf"},
		{"in/*.csv", "a.csv.xf tmp.csv.xf"},
		{"in/**/*.csv", "a.csv.xf c.csv.xf d.csv.xf tmp.csv.xf"},
		{"-r in/su*", "c.csv.xf cache/d.csv.xf"},
		{"in/*", "a.csv.xf b.txt.xf tmp.csv.xf"},
		{"-r in in/b.txt --exclude b.txt", "a.csv.xf b.txt.xf sub/c.csv.xf sub/cache/d.csv.xf tmp.csv.xf"},
	} {
		w.ok(append([]string{"encrypt", "-d", "out"}, strings.Fields(tt.args)...)...)
		w.wantNames("out", strings.Fields(tt.want)...)
		os.RemoveAll("out")
	}
	w.fails(exitFailed, "no file matches", "encrypt", "in/*.pdf")
	w.fails(exitUsage, "use --recursive", "encrypt", "in")
	w.fails(exitFailed, "and so would that of in/sub/c.csv", "encrypt", "-d", "out", "in/sub/c.csv", "in/../in/sub/c.csv")
	w.fails(exitUsage, "--output is for one input", "encrypt", "-o", "x", "in/*.csv")
}

// A file that is written to while it is read fails, and leaves no message of two of its states. Whoever writes to it does so
// whenever the bar shows how far the reading is, and dates it, since the clocks of file systems stand still for milliseconds.
func TestFilesThatChange(t *testing.T) {
	const size = 4 << 20 // read in several batches
	for _, tt := range []struct {
		name   string
		change func(f *os.File, i int64) (int, error)
	}{
		{"grows", func(f *os.File, i int64) (int, error) { return f.WriteAt([]byte("y"), size+i) }},
		{"changes", func(f *os.File, i int64) (int, error) { return f.WriteAt([]byte("y"), i) }},
		{"shrinks", func(f *os.File, i int64) (int, error) { return 0, f.Truncate(size - 1 - i) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.write("a", strings.Repeat("x", size))
			f, err := os.OpenFile("a", os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			now, i := time.Now(), int64(0)
			w.terminal = func(any) bool { return true }
			w.watch = writerFunc(func(said []byte) (int, error) {
				_, err := tt.change(f, i)
				i++
				if err := errors.Join(err, os.Chtimes("a", time.Time{}, now.Add(time.Duration(i)*time.Second))); err != nil {
					t.Error(err)
				}
				return len(said), nil
			})
			code, _, says := w.run("encrypt", "a")
			if code != exitFailed || !strings.Contains(says, "source changed while it was read") || !strings.Contains(says, "try again when nobody writes to it") {
				t.Errorf("after %d changes: exit %d\n%s", i, code, says)
			}
			w.wantNames(".", "a")
		})
	}
}

// After an interruption there is no partial file, and the same command does the rest.
func TestInterruptedTree(t *testing.T) {
	w := newWorld(t)
	files := w.makeTree("in", 30)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, _, says := w.runCtx(ctx, "encrypt", "-r", "in", "-d", "safe")
	if code != exitFailed || !strings.Contains(says, "0 files encrypted, 30 not done\nthe same command again does the rest") {
		t.Errorf("exit %d\n%s", code, says)
	}
	w.ok("encrypt", "-r", "in", "-d", "safe")
	w.ok("decrypt", "-r", "safe", "-d", "out")
	w.wantTree("out", files)
}
