package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

func (w *world) inspects(args ...string) inspection {
	w.t.Helper()
	out, _ := w.ok(append([]string{"inspect", "--json"}, args...)...)
	var i inspection
	if err := json.Unmarshal([]byte(out), &i); err != nil {
		w.t.Fatalf("%v in %s", err, out)
	}
	return i
}

func TestInspect(t *testing.T) {
	w := newWorld(t)
	if err := os.Mkdir("keys", 0o700); err != nil {
		t.Fatal(err)
	}
	w.write("in/a", "hello")
	w.ok("encrypt", "in/a", "-c", "tenant=42")
	out, _ := w.ok("inspect", "in/a.xf")
	for _, want := range []string{"message, version 1 (nothing below is verified)", `"tenant": "42"`, w.key, "(read, not verified)", "5 bytes in 1 chunk"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	i := w.inspects("in/a.xf")
	if i.Format != "xinfeng" || !i.Unverified || i.Report.Stored["tenant"] != "42" || len(i.Versions) != 1 || i.Versions[0].KeyID != w.key {
		t.Errorf("%+v", i)
	}
	var m refkms.KeyMetadata
	if d, err := w.kms.CreateKey(t.Context(), nil); err != nil {
		t.Fatal(err)
	} else if m = *d; m.PrimaryKeyVersion == i.Versions[0].Version {
		t.Error("another key has the version")
	}
	w.stdin = strings.NewReader(w.read("in/a.xf"))
	if i = w.inspects(); i.File != "-" || i.Report.Message.PlaintextSize != 5 {
		t.Errorf("%+v", i)
	}
	w.ok("encrypt", "in/a", "-f", "--wrapped-keys", "detached", "--key-files", "keys")
	if i = w.inspects("-r", "keys"); i.Report.Structure != "key-file" {
		t.Errorf("%+v", i)
	}
	// Of several files each has its name before it; what is none is passed over in folders and fails if it was named.
	out, _ = w.ok("inspect", "-r", "in", "keys")
	if !strings.Contains(out, "in/a.xf: message") || !strings.Contains(out, ".xfk: key file") || strings.Contains(out, "in/a:") {
		t.Error(out)
	}
	w.fails(exitFailed, "in/a: neither a message", "inspect", "in/a", "in/a.xf")
	w.fails(exitFailed, "no such file", "inspect", "none")
	w.write("cut.xf", w.read("in/a.xf")[:30])
	w.fails(exitNotAuthentic, "cut.xf: ", "inspect", "cut.xf")
	w.write("empty", "")
	w.fails(exitFailed, "neither a message", "inspect", "empty")
	w.write("newer.xf", "\x8eXFE\x02"+strings.Repeat("x", 100))
	w.fails(exitFailed, "unsupported version", "inspect", "newer.xf")
	w.write("braces", "{")
	w.fails(exitFailed, "neither a message", "inspect", "braces")
}

func TestInspectForeignFormats(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ file, format, says string }{
		{"fourline.cipher", "fourline", "four-line envelope"},
		{"chunks", "fourline-chunks", "no tag"},
		{"sdk", "aliyunesdk", "encryption SDK"},
		{"header.txt", "aliyunesdk", "header of messages of the vendor's encryption SDK"},
		{"metadata.json", "osscse-metadata", "encrypted OSS object"},
	} {
		w.foreign(tt.file)
		out, _ := w.ok("inspect", tt.file)
		if i := w.inspects(tt.file); i.Format != tt.format || !strings.Contains(out, tt.says) {
			t.Errorf("%s: %+v\n%s", tt.file, i, out)
		}
	}
}
