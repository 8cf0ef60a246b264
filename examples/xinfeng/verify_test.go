package main

import (
	"strings"
	"testing"
)

func TestVerify(t *testing.T) {
	w := newWorld(t)
	w.write("in/a", "hello")
	w.ok("encrypt", "in/a", "-c", "tenant=42")
	_, says := w.ok("verify", "in/a.xf", "-c", "tenant=42")
	if want := "in/a.xf: authentic, 5 bytes, under kms " + w.key + "\n"; says != want {
		t.Errorf("it says %q, want %q", says, want)
	}
	message := w.read("in/a.xf")
	w.stdin = strings.NewReader(message)
	if _, says = w.ok("verify", "-c", "tenant=42"); !strings.HasPrefix(says, "-: authentic, 5 bytes") {
		t.Errorf("it says %q", says)
	}
	w.stdin = strings.NewReader(message)
	if out, _ := w.ok("verify", "--json", "-c", "tenant=42"); !strings.Contains(out, `"status":"done","bytes":5`) {
		t.Errorf("it says %q", out)
	}
	w.stdin = strings.NewReader(message + "x")
	w.fails(exitNotAuthentic, "may have been cut", "verify", "-c", "tenant=42")
	w.fails(exitNotAuthentic, "in/a.xf: ", "verify", "in/a.xf")
	w.fails(exitFailed, "not a Xinfeng message", "verify", "in/a")
	// In a folder a message is known by its name or by its beginning.
	w.write("in/renamed", message)
	w.write("in/b.xf", "no message")
	w.fails(exitFailed, "2 files authentic, 1 failed", "verify", "-r", "in", "-c", "tenant=42")
	w.fails(exitUsage, "want k=v", "verify", "-c", "x", "in/a.xf")
}
