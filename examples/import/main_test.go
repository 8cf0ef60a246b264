package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
)

func TestRun(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	dir := t.TempDir()
	made := filepath.Join(dir, "made")
	if text, err := exec.Command("openssl", "rand", "-out", made, "32").CombinedOutput(); err != nil {
		t.Fatalf("openssl rand: %v: %s", err, text)
	}
	for _, args := range [][]string{nil, {made}} {
		var out strings.Builder
		if err := run(&out, t.TempDir(), args); err != nil {
			t.Fatalf("run(%v): %v", args, err)
		}
		for _, want := range []string{": PendingImport\n", "the CMK encrypts\n", "nothing opens\n", `imported again, for good: "hello"`} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("run(%v) does not say %q:\n%s", args, want, &out)
			}
		}
	}

	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, make([]byte, 31), 0o600); err != nil {
		t.Fatal(err)
	}
	var refusal sdkerrors.Error
	if err := run(&strings.Builder{}, t.TempDir(), []string{short}); !errors.As(err, &refusal) || refusal.ErrorCode() != "InvalidKeyMaterial" {
		t.Errorf("31 bytes: %v, want InvalidKeyMaterial", err)
	}
	var exit *exec.ExitError
	if err := run(&strings.Builder{}, t.TempDir(), []string{filepath.Join(dir, "none")}); !errors.As(err, &exit) || !strings.Contains(err.Error(), "none") {
		t.Errorf("no material: %v, want what openssl says", err)
	}
	if err := run(&strings.Builder{}, t.TempDir(), []string{made, made}); err == nil || !strings.HasPrefix(err.Error(), "usage: ") {
		t.Errorf("two files: %v, want the usage", err)
	}
	if err := run(&strings.Builder{}, filepath.Join(dir, "none"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}
