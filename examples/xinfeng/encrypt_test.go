package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/format"
)

func TestFileAndBack(t *testing.T) {
	w := newWorld(t)
	for name, content := range map[string]string{"empty": "", "short.txt": "hello", "long": strings.Repeat("0123456789", 300_000), "信 封.txt": "unicode"} {
		w.write(name, content)
		_, says := w.ok("encrypt", name)
		if want := name + " -> " + name + ".xf\n"; says != want {
			t.Errorf("it says %q, want %q", says, want)
		}
		w.wantContent(name, content)
		os.Remove(name)
		w.ok("decrypt", name+".xf")
		w.wantContent(name, content)
		for _, f := range []string{name, name + ".xf"} {
			info, err := os.Stat(f)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: mode %v, %v, want 0600", f, info.Mode(), err)
			}
		}
	}
}

func TestStreams(t *testing.T) {
	w := newWorld(t)
	w.stdin = strings.NewReader("hello")
	message, says := w.ok("encrypt")
	if says != "" {
		t.Errorf("it says %q", says)
	}
	w.stdin = strings.NewReader(message)
	if got, _ := w.ok("decrypt", "-"); got != "hello" {
		t.Errorf("decrypted %q", got)
	}
	w.stdin = strings.NewReader(message)
	w.ok("decrypt", "-o", "file")
	w.wantContent("file", "hello")
	w.stdin = strings.NewReader(message)
	w.fails(exitFailed, "--force replaces it", "decrypt", "-o", "file")
	w.stdin = strings.NewReader("hello")
	w.ok("encrypt", "-o", "file.xf", "-")
	if got, _ := w.ok("decrypt", "file.xf", "-o", "-"); got != "hello" {
		t.Errorf("decrypted %q", got)
	}
	if got, _ := w.ok("encrypt", "file", "-o", "-"); len(got) < 250 {
		t.Errorf("a message of %d bytes", len(got))
	}
	// What was released before the end is true, and the code says that it is not all.
	w.stdin = strings.NewReader(message[:len(message)-1])
	w.fails(exitNotAuthentic, "it may have been cut", "decrypt")
	w.stdin = io.MultiReader(strings.NewReader("x"), readerFunc(func([]byte) (int, error) { return 0, errors.New("boom") }))
	w.fails(exitFailed, "boom", "encrypt", "-o", "never")
	w.wantNames(".", "file", "file.xf")
}

// A message is no text.
func TestMessageDoesNotGoToTerminal(t *testing.T) {
	w := newWorld(t)
	w.terminal = func(any) bool { return true }
	w.fails(exitUsage, "does not go to a terminal", "encrypt")
}

// A read of standard input that does not return does not keep the program from ending, nor leave a file.
func TestInterruptedStream(t *testing.T) {
	w := newWorld(t)
	r, writer := io.Pipe()
	defer writer.Close()
	w.stdin = r
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		writer.Write([]byte("begin"))
		cancel()
	}()
	code, _, says := w.runCtx(ctx, "encrypt", "-o", "out")
	if code != exitFailed || says != "xinfeng: interrupted\n" {
		t.Errorf("exit %d, %q", code, says)
	}
	w.wantNames(".")
}

func TestContext(t *testing.T) {
	w := newWorld(t)
	w.write("a", "secret")
	w.ok("encrypt", "-c", "tenant=42", "-c", "row=7", "--withhold", "row", "a")
	message := w.read("a.xf")
	if !strings.Contains(message, "tenant") || strings.Contains(message, "row") {
		t.Error("stored and withheld pairs are not as asked for")
	}
	for _, args := range [][]string{
		{}, {"-c", "tenant=42"}, {"-c", "tenant=42", "-c", "row=8"}, {"-c", "tenant=43", "-c", "row=7"}, {"-c", "row=7"}, {"-c", "tenant=42", "-c", "row=7", "-c", "more=1"},
	} {
		w.fails(exitNotAuthentic, "a.xf: ", append([]string{"decrypt", "a.xf", "-o", "b"}, args...)...)
	}
	w.ok("decrypt", "a.xf", "-o", "b", "-c", "tenant=42", "-c", "row=7")
	w.ok("decrypt", "a.xf", "-o", "c", "--accept-unseen", "tenant", "-c", "row=7")
	w.ok("decrypt", "a.xf", "-o", "d", "--accept-unseen", "*", "-c", "row=7")
	for _, f := range []string{"b", "c", "d"} {
		w.wantContent(f, "secret")
	}
	w.fails(exitUsage, "want k=v", "encrypt", "-c", "tenant", "a")
	w.fails(exitUsage, "given twice", "encrypt", "-c", "t=1", "-c", "t=2", "a")
}

func TestMessageFlags(t *testing.T) {
	w := newWorld(t)
	w.write("a", strings.Repeat("x", 10_000))
	if err := os.Mkdir("keys", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args  []string
		suite format.Suite
		chunk int
		kind  format.Kind
	}{
		{nil, format.AES256GCM, 65536, format.Attached},
		{[]string{"--suite", "SM4GCM"}, format.SM4GCM, 65536, format.Attached},
		{[]string{"--suite", "aes256gcm", "--chunk-size", "4096"}, format.AES256GCM, 4096, format.Attached},
		{[]string{"--chunk-size", "4M", "--wrapped-keys", "slots"}, format.AES256GCM, 4 << 20, format.Slots},
		{[]string{"--wrapped-keys", "detached", "--key-files", "keys"}, format.AES256GCM, 65536, format.Detached},
	} {
		w.ok(append([]string{"encrypt", "--force", "a"}, tt.args...)...)
		h, err := format.ReadHeader(strings.NewReader(w.read("a.xf")))
		if err != nil || h.Suite != tt.suite || h.ChunkSize != tt.chunk || h.Kind != tt.kind {
			t.Errorf("%q: %v, %d, %v, %v", tt.args, h.Suite, h.ChunkSize, h.Kind, err)
		}
		w.ok("decrypt", "--force", "--key-files", "keys", "a.xf")
	}
	for _, args := range [][]string{
		{"--suite", "DES"}, {"--chunk-size", "1"}, {"--chunk-size", "8M"}, {"--chunk-size", "5000"}, {"--chunk-size", "many"}, {"--wrapped-keys", "nowhere"},
		{"--wrapped-keys", "detached"}, {"--nonsense"}, {"--output", "x", "--output-dir", "y"}, {"--output", "x", "b"}, {"--suffix", ""}, {"--suffix", "a/b"},
		{"--jobs", "-1"}, {"--include", "["}, {"--kms", "elsewhere"}, {"--key", "?"}, {"--endpoint", "http://kms.example"}, {"--output", "x", "--output-dir", "y"},
	} {
		w.fails(exitUsage, "Try 'xinfeng encrypt --help'", append([]string{"encrypt", "a"}, args...)...)
	}
	w.fails(exitUsage, "unknown command", "encipher")
}

// Who has no key gets code 4, who has a damaged message code 3.
func TestExitCodes(t *testing.T) {
	w := newWorld(t)
	w.write("a", strings.Repeat("secret", 1000))
	w.ok("encrypt", "a")
	message := []byte(w.read("a.xf"))
	w.fails(exitNoAccess, "it is under another key", "decrypt", "--force", "a.xf", "-k", w.newKey())
	w.fails(exitNoAccess, "Forbidden.KeyNotFound", "encrypt", "--force", "a", "-k", strings.Replace(w.key, "key/", "key/no", 1))
	for _, at := range []int{50, len(message) - 1} {
		damaged := bytes.Clone(message)
		damaged[at] ^= 1
		w.write("b.xf", string(damaged))
		w.fails(exitNotAuthentic, "b.xf: ", "decrypt", "b.xf")
	}
	w.write("b.xf", string(message[:30]))
	w.fails(exitNotAuthentic, "it ends within its header", "decrypt", "b.xf")
	w.write("b.xf", "plain text")
	w.fails(exitFailed, "not a Xinfeng message", "decrypt", "b.xf")
	if err := w.kms.DisableKey(t.Context(), w.key[strings.LastIndex(w.key, "/")+1:]); err != nil {
		t.Fatal(err)
	}
	w.fails(exitNoAccess, "'xinfeng keys enable'", "decrypt", "--force", "a.xf")
	w.fails(exitFailed, "no such file", "encrypt", "none")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAInobody")
	w.fails(exitNoAccess, "InvalidAccessKeyId", "encrypt", "--force", "a")
	w.wantNames(".", "a", "a.xf", "b.xf")
}

func TestKeepMode(t *testing.T) {
	w := newWorld(t)
	when := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	w.write("in/sub/a", "x")
	if err := errors.Join(os.Chmod("in/sub", 0o750), os.Chmod("in/sub/a", 0o640), os.Chtimes("in/sub/a", when, when)); err != nil {
		t.Fatal(err)
	}
	w.ok("encrypt", "-r", "--keep-mode", "in", "-d", "safe")
	w.ok("decrypt", "-r", "--keep-mode", "safe", "-d", "out")
	for _, f := range []string{"safe/sub/a.xf", "out/sub/a"} {
		info, err := os.Stat(f)
		if err != nil || info.Mode().Perm() != 0o640 || !info.ModTime().Equal(when) {
			t.Errorf("%s: %v, %v, %v", f, info.Mode(), info.ModTime(), err)
		}
	}
	if info, err := os.Stat("out/sub"); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("out/sub: %v, %v, want 0750", info.Mode(), err)
	}
}

func TestJSON(t *testing.T) {
	w := newWorld(t)
	w.write("a", "hello")
	decode := func(line string, v any) {
		t.Helper()
		if err := json.Unmarshal([]byte(line), v); err != nil {
			t.Errorf("%v in %q", err, line)
		}
	}
	out, says := w.ok("encrypt", "--json", "a")
	var res result
	if decode(out, &res); res.File != "a" || res.Output != "a.xf" || res.Status != "done" || res.Bytes != 5 || says != "" {
		t.Errorf("%s%s", out, says)
	}
	if out, _ = w.ok("decrypt", "--json", "--force", "a.xf"); true {
		if decode(out, &res); res.KeyID != w.key || res.Provider != "kms" {
			t.Errorf("%s", out)
		}
	}
	// Results go where the data do not.
	w.stdin = strings.NewReader("hello")
	_, says = w.ok("encrypt", "--json")
	if decode(says, &res); res.File != "-" || res.Output != "-" || res.Bytes != 5 {
		t.Errorf("%s", says)
	}
	w.stdin = strings.NewReader("hello")
	out, _ = w.ok("encrypt", "--json", "-o", "b.xf")
	if decode(out, &res); res.Output != "b.xf" {
		t.Errorf("%s", out)
	}
	w.write("c.xf", "damaged")
	code, out, _ := w.run("decrypt", "--json", "b.xf", "a.xf", "c.xf")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var sum summary
	if decode(lines[len(lines)-1], &sum); code != exitFailed || len(lines) != 4 || !sum.Summary || sum.Done != 1 || sum.There != 1 || sum.Failed != 1 || sum.Failures[0].File != "c.xf" {
		t.Errorf("exit %d\n%s", code, out)
	}
}
