package main

import (
	"os"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
)

func TestArmor(t *testing.T) {
	w := newLocalWorld(t)
	w.write("a", "hello")
	w.ok("encrypt", "--armor", "-c", "tenant=42", "a")
	text := w.read("a.xf")
	if !strings.HasPrefix(text, "-----BEGIN XINFENG MESSAGE-----\n") || !strings.HasSuffix(text, "-----END XINFENG MESSAGE-----\n") {
		t.Errorf("text is %q", text)
	}
	os.Remove("a")
	w.ok("decrypt", "a.xf", "-c", "tenant=42")
	w.wantContent("a", "hello")
	w.ok("verify", "a.xf", "-c", "tenant=42")
	w.stdin = strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n"))
	if got, _ := w.ok("decrypt", "-c", "tenant=42"); got != "hello" {
		t.Errorf("decrypted %q", got)
	}
	// It goes to a terminal, too.
	w.terminal = func(any) bool { return true }
	w.stdin = strings.NewReader("hello")
	if got, _ := w.ok("encrypt", "-a"); !strings.HasPrefix(got, "-----BEGIN") {
		t.Errorf("a terminal gets %q", got)
	}
	w.terminal = nil

	out, _ := w.ok("inspect", "a.xf")
	if i := w.inspects("a.xf"); !strings.HasPrefix(out, "text of a message, version 1") || !i.Text || i.Report.Stored["tenant"] != "42" || i.Report.Message.PlaintextSize != 5 {
		t.Errorf("%+v\n%s", i, out)
	}
	w.stdin = strings.NewReader(text)
	if i := w.inspects(); !i.Text {
		t.Errorf("%+v", i)
	}
	out, _ = w.ok("verify", "a.xf", "--salvage", "left", "-c", "tenant=42")
	if !strings.HasPrefix(out, "authentic            0 -            4") {
		t.Error(out)
	}

	// Rewrapped it is text as before, and in a folder it is found by its beginning.
	if err := os.Mkdir("in", 0o700); err != nil {
		t.Fatal(err)
	}
	w.ok("encrypt", "--armor", "--wrapped-keys", "slots", "a", "-o", "in/letter")
	w.ok("keys", "create", "--alias", "new")
	before := w.read("in/letter")
	w.ok("rewrap", "-r", "in", "-k", "alias/new", "--from-key", "alias/xinfeng", "--drop", "*")
	after := w.read("in/letter")
	if i := w.inspects("in/letter"); before == after || !i.Text || i.Report.Message.Kind != "slots" {
		t.Errorf("rewrapped: %+v", i)
	}
	w.ok("verify", "-r", "in", "-k", "alias/new")

	// What is wrong with text.
	w.write("b.xf", text[:len(text)/2])
	w.fails(exitNotAuthentic, "b.xf: ", "decrypt", "b.xf")
	w.write("b.xf", text+"more")
	w.fails(exitNotAuthentic, "bytes behind the last line", "verify", "b.xf")
	w.fails(exitNotAuthentic, "bytes behind the last line", "inspect", "b.xf")
	w.fails(exitNotAuthentic, "bytes behind the last line", "rewrap", "b.xf")
	w.fails(exitNotAuthentic, "bytes behind the last line", "verify", "b.xf", "--salvage", "x")
	w.write("large", strings.Repeat("x", format.MaxArmored))
	w.fails(exitFailed, "at most 16 MiB", "encrypt", "--armor", "large")
	w.write("large", strings.Repeat("x", format.MaxArmored+1))
	w.fails(exitFailed, "at most 16 MiB", "encrypt", "--armor", "large")
	w.fails(exitFailed, "same file", "encrypt", "--armor", "-f", "a", "-o", "a")
	w.fails(exitFailed, "--force replaces it", "encrypt", "--armor", "a")
	w.write("long", strings.Repeat("-----BEGIN XINFENG MESSAGE-----\n", 1+maxText/32))
	w.fails(exitFailed, "limit", "decrypt", "-o", "x", "long")
	if _, err := os.Stat("x"); !os.IsNotExist(err) {
		t.Errorf("x is there: %v", err)
	}
}
