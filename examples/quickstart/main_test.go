package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	for _, size := range []int{0, 1, 200_000} {
		dir := t.TempDir()
		file := filepath.Join(dir, "data")
		if err := os.WriteFile(file, bytes.Repeat([]byte("x"), size), 0o600); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := run(t.Context(), &out, file, t.TempDir()); err != nil {
			t.Fatalf("%d bytes: %v\n%s", size, err, &out)
		}
		for _, want := range []string{
			"alias/Apollo/WorkKey", "AES256GCM", "equal to " + file, "rotated: ", "the old message opens", "the new message opens",
			"a flipped byte: ", "a wrong context: ", "a disabled key: ",
		} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%d bytes: the story does not say %q:\n%s", size, want, &out)
			}
		}
	}
	if err := run(t.Context(), &strings.Builder{}, filepath.Join(t.TempDir(), "none"), t.TempDir()); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
}
