package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
)

func TestConvert(t *testing.T) {
	w := newWorld(t)
	w.foreign("fourline.cipher")
	w.foreign("sdk")
	w.foreign("object")
	for _, tt := range []struct {
		file string
		args []string
		says string
	}{
		{"fourline.cipher", []string{"--from", "fourline"}, "fourline.cipher -> fourline.cipher.xf (compared: equal)\n"},
		{"sdk", []string{"--from", "aliyunesdk", "-c", "tenant=42"}, "sdk -> sdk.xf (compared: equal)\n"},
		{"object", []string{"--from", "osscse", "--metadata", "metadata.json", "--description", "desc=x"}, "the old file was not authentic"},
	} {
		_, says := w.ok(append([]string{"convert", tt.file}, tt.args...)...)
		if !strings.Contains(says, tt.says) {
			t.Errorf("%s says %q, want %q", tt.file, says, tt.says)
		}
		args := []string{"decrypt", "-o", "-", tt.file + ".xf"}
		if tt.file == "sdk" {
			args = append(args, "-c", "tenant=42")
		}
		if got, _ := w.ok(args...); got != foreignText {
			t.Errorf("%s opens to %q", tt.file, got)
		}
		w.fails(exitFailed, "nothing is replaced", append([]string{"convert", tt.file}, tt.args...)...)
	}
	// To the key service of this machine, and to a passphrase.
	w.write("pass", "correct horse")
	w.ok("convert", "--from", "fourline", "--kms", "local", "--key", w.localKey(), "--from-kms", "cloud", "--from-key", w.key, "fourline.cipher", "-o", "here.xf")
	if got, _ := w.ok("decrypt", "--kms", "local", "-k", "alias/here", "-o", "-", "here.xf"); got != foreignText {
		t.Errorf("opens to %q", got)
	}
	w.ok("convert", "--from", "fourline", "--passphrase-file", "pass", "--suite", "SM4GCM", "fourline.cipher", "-o", "pass.xf")
	w.ok("verify", "--passphrase-file", "pass", "pass.xf")

	// A tree, of which one file is damaged.
	for _, name := range []string{"tree/a", "tree/sub/b", "tree/c"} {
		w.write(name, w.read("fourline.cipher"))
	}
	w.write("tree/c", strings.Replace(w.read("tree/c"), "\n", "\nA", 1))
	w.fails(exitFailed, "2 files converted, 1 failed", "convert", "--from", "fourline", "-r", "tree", "-d", "out")
	w.wantNames("out", "a.xf", "sub/b.xf")

	w.fails(exitNotAuthentic, "sdk: ", "convert", "--from", "aliyunesdk", "-c", "tenant=43", "sdk", "-o", "x")
	w.fails(exitNoAccess, "sdk: ", "convert", "--from", "aliyunesdk", "-c", "tenant=42", "--from-key", w.newKey(), "sdk", "-o", "x")
	for _, args := range [][]string{
		{"sdk"}, {"--from", "zip", "sdk"}, {"--from", "aliyunesdk", "--insecure-allow", "DES", "sdk"}, {"--from", "osscse", "--description", "x", "object"},
		{"--from", "osscse", "--metadata", "metadata.json", "object", "sdk"}, {"--from", "fourline", "-c", "x", "fourline.cipher"}, {"--from", "fourline"},
	} {
		w.fails(exitUsage, "Try", append([]string{"convert"}, args...)...)
	}
	w.env["XINFENG_KEY"] = ""
	w.fails(exitUsage, "want --from-key", "convert", "--from", "fourline", "fourline.cipher")
	if _, err := os.Stat("x"); !os.IsNotExist(err) {
		t.Errorf("x is there: %v", err)
	}
}

// localKey makes a key of the local service and returns its alias.
func (w *world) localKey() string {
	w.t.Helper()
	w.ok("keys", "create", "--kms", "local", "--alias", "here")
	return "alias/here"
}

func TestConvertRSA(t *testing.T) {
	w := newWorld(t)
	pem, err := os.ReadFile(filepath.Join(w.home, "../../envelope/osscse/testdata/rsa-pkcs1.pem"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("rsa.pem", string(pem))
	key, err := osscse.NewRSAKey(pem, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.object(key)
	w.ok("convert", "--from", "osscse", "--from-rsa", "rsa.pem", "--metadata", "metadata.json", "object")
	if got, _ := w.ok("decrypt", "-o", "-", "object.xf"); got != foreignText {
		t.Errorf("opens to %q", got)
	}
	w.fails(exitFailed, "RSA key", "convert", "--from", "osscse", "--from-rsa", "none", "--metadata", "metadata.json", "object", "-o", "x")
}
