package main

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "release.tar")
	if err := os.WriteFile(file, []byte("contents"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(&out, dir, []string{file}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{file + " is signed by version ", "one byte more: the signature is not of this file"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story does not say %q:\n%s", want, &out)
		}
	}
	_, command, _ := strings.Cut(out.String(), "openssl ")
	args := strings.Fields(command) // dgst -sha256 -verify FILE.pub -signature FILE.sig FILE
	if len(args) != 7 || filepath.Dir(filepath.Dir(args[3])) != dir {
		t.Fatalf("the command to verify by is %q", command)
	}
	public, err := os.ReadFile(args[3])
	if err != nil {
		t.Fatal(err)
	}
	signature, err := os.ReadFile(args[5])
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("contents"))
	for _, tt := range []struct {
		name                      string
		public, digest, signature []byte
		want                      string
	}{
		{"what was written", public, digest[:], signature, ""},
		{"a signature cut", public, digest[:], signature[:len(signature)-1], errSignature.Error()},
		{"no signature", public, digest[:], nil, errSignature.Error()},
		{"no PEM", []byte("key"), digest[:], signature, "the public key is not in PEM"},
		{"no key", []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), digest[:], signature, "asn1: "},
	} {
		if err := verify(tt.public, tt.digest, tt.signature); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if err := run(&out, dir, []string{filepath.Join(dir, "none")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := run(&out, dir, []string{file, file}); err == nil || !strings.HasPrefix(err.Error(), "usage: ") {
		t.Errorf("two files: %v, want the usage", err)
	}
	t.Run("openssl", func(t *testing.T) {
		if _, err := exec.LookPath("openssl"); err != nil {
			t.Skip("openssl is not installed")
		}
		if text, err := exec.Command("openssl", args...).CombinedOutput(); err != nil || string(text) != "Verified OK\n" {
			t.Errorf("openssl says %q, %v", text, err)
		}
	})
}
