package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/envelope/fourline"
	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// mainEnv makes the test binary the program itself.
const mainEnv = "XINFENG_TEST_CONVERT"

func TestMain(m *testing.M) {
	if os.Getenv(mainEnv) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A world is a reference KMS with two CMKs, and a folder of old files.
type world struct {
	server      *refkms.Server
	kms         *refkms.Client
	first, next string // ARNs
	dir         string
	plaintext   []byte
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{server: server, kms: server.Client(nil), dir: t.TempDir(), plaintext: bytes.Repeat([]byte("华东1,1234.50\n"), 20_000)}
	for _, arn := range []*string{&w.first, &w.next} {
		cmk, err := w.kms.CreateKey(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		*arn = cmk.ARN
	}

	four, err := fourline.New(w.kms, w.first, nil)
	if err != nil {
		t.Fatal(err)
	}
	message, err := four.Encrypt(t.Context(), w.plaintext)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "fourline", message)

	esdk, err := aliyunesdk.New([]aliyunesdk.Key{{ARN: w.first, API: w.kms}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if message, err = esdk.Encrypt(t.Context(), w.plaintext, aliyunesdk.Context{"tenant": "42"}); err != nil {
		t.Fatal(err)
	}
	w.write(t, "aliyunesdk", message)

	key, err := osscse.NewKMSKey(w.kms, w.first, map[string]string{"desc": "x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	oss, err := osscse.New(key)
	if err != nil {
		t.Fatal(err)
	}
	upload, err := oss.NewUnauthenticatedUpload(t.Context(), int64(len(w.plaintext)), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := upload.Encrypt(bytes.NewReader(w.plaintext))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "osscse", body)
	metadata, err := json.Marshal(upload.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "metadata.json", metadata)
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(w.path(name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (w *world) names(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// args returns the command line for a format, from the old file of that name to dst.
func (w *world) args(format, dst string, more ...string) []string {
	args := []string{"-from", format, "-key", w.first, "-context", "tenant=42"}
	if format == "osscse" {
		args = append(args, "-metadata", w.path("metadata.json"), "-description", "desc=x")
	}
	return append(append(args, more...), w.path(format), w.path(dst))
}

func (w *world) run(t *testing.T, args []string) (string, error) {
	t.Helper()
	j, err := parse(args)
	if err != nil {
		return "", err
	}
	j.connect = func(string) (kmsapi.API, error) { return w.kms, nil }
	var out strings.Builder
	err = j.run(t.Context(), &out)
	return out.String(), err
}

// check opens a new message under a CMK.
func (w *world) check(t *testing.T, name, arn string) {
	t.Helper()
	provider, err := keyring.NewKMS(w.kms, arn, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := envelope.New(provider, nil)
	if err != nil {
		t.Fatal(err)
	}
	message, err := os.ReadFile(w.path(name))
	if err != nil {
		t.Error(err)
		return
	}
	if got, err := client.Decrypt(t.Context(), message, envelope.Context{"tenant": "42"}); err != nil || !bytes.Equal(got, w.plaintext) {
		t.Errorf("%s opens to %d bytes, %v", name, len(got), err)
	}
}

func TestConvert(t *testing.T) {
	w := newWorld(t)
	for _, format := range []string{"fourline", "aliyunesdk", "osscse"} {
		old, err := os.ReadFile(w.path(format))
		if err != nil {
			t.Fatal(err)
		}
		dst := format + ".xf"
		out, err := w.run(t, w.args(format, dst))
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		if !strings.Contains(out, "equal") || !strings.Contains(out, "left as it is") || strings.Contains(out, "not authentic") != (format == "osscse") {
			t.Errorf("%s says %q", format, out)
		}
		w.check(t, dst, w.first)
		if now, err := os.ReadFile(w.path(format)); err != nil || !bytes.Equal(now, old) {
			t.Errorf("%s: the old file is not what it was, %v", format, err)
		}
		// Another CMK to write under.
		if _, err := w.run(t, w.args(format, dst+"2", "-to", w.next)); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		w.check(t, dst+"2", w.next)
		// An existing file is not replaced, nor a link that leads nowhere.
		if _, err := w.run(t, w.args(format, dst)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: existing DST: %v, want ErrExist", format, err)
		}
		w.check(t, dst, w.first)
		link := w.path(format + ".link")
		if err := os.Symlink("nowhere", link); err == nil {
			if _, err := w.run(t, w.args(format, format+".link")); !errors.Is(err, fs.ErrExist) {
				t.Errorf("%s: DST is a link: %v, want ErrExist", format, err)
			}
		}
	}
	if n := len(w.names(t)); n != 4+2*3+3 {
		t.Errorf("folder has %v", w.names(t))
	}
}

// The program as it is started, over HTTP with its own client of KMS.
func TestMainProgram(t *testing.T) {
	w := newWorld(t)
	srv := httptest.NewServer(w.server.Handler())
	defer srv.Close()
	id, secret := w.server.AccessKey()
	start := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
		cmd.Env = append(os.Environ(), mainEnv+"=1", "NO_PROXY=*", "ALIBABA_CLOUD_ACCESS_KEY_ID="+id, "ALIBABA_CLOUD_ACCESS_KEY_SECRET="+secret)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, format := range []string{"fourline", "aliyunesdk", "osscse"} {
		out, err := start(w.args(format, format+".xf", "-endpoint", srv.URL)...)
		if err != nil || !strings.Contains(out, "equal") {
			t.Errorf("%s: %v\n%s", format, err, out)
		}
		w.check(t, format+".xf", w.first)
		if out, err := start(w.args(format, format+".xf", "-endpoint", srv.URL)...); err == nil || !strings.Contains(out, "exists") {
			t.Errorf("%s again: %v\n%s", format, err, out)
		}
	}
	for name, args := range map[string][]string{
		"no arguments":   nil,
		"help":           {"-h"},
		"plain http":     w.args("fourline", "x", "-endpoint", "http://kms.example"),
		"another format": {"-from", "zip", "-key", w.first, w.path("fourline"), w.path("x")},
	} {
		var exit *exec.ExitError
		if out, err := start(args...); !errors.As(err, &exit) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestRSA(t *testing.T) {
	w := newWorld(t)
	pem, err := os.ReadFile("../../envelope/osscse/testdata/rsa-pkcs1.pem")
	if err != nil {
		t.Fatal(err)
	}
	key, err := osscse.NewRSAKey(pem, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := osscse.New(key)
	if err != nil {
		t.Fatal(err)
	}
	upload, err := client.NewUnauthenticatedUpload(t.Context(), -1, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := upload.Encrypt(bytes.NewReader(w.plaintext))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := json.Marshal(upload.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "osscse", body)
	w.write(t, "metadata.json", metadata)
	w.write(t, "rsa.pem", pem)
	args := []string{"-from", "osscse", "-rsa", w.path("rsa.pem"), "-key", w.first, "-context", "tenant=42", "-metadata", w.path("metadata.json"), w.path("osscse"), w.path("x")}
	if _, err := w.run(t, args); err != nil {
		t.Fatal(err)
	}
	w.check(t, "x", w.first)
}

// Whatever goes wrong, DST is not there, and nothing is left beside it.
func TestNothingIsLeftAfterAnError(t *testing.T) {
	w := newWorld(t)
	before := len(w.names(t))
	for _, format := range []string{"fourline", "aliyunesdk"} {
		b, err := os.ReadFile(w.path(format))
		if err != nil {
			t.Fatal(err)
		}
		broken := bytes.Clone(b)
		broken[len(broken)-8] ^= 1
		w.write(t, format, broken)
		if _, err := w.run(t, w.args(format, "x")); err == nil {
			t.Errorf("%s: a damaged file was converted", format)
		}
		w.write(t, format, b)
		if _, err := w.run(t, w.args(format, "x", "-to", strings.Replace(w.next, "key/", "key/no", 1))); !errors.Is(err, kmsapi.ErrKeyNotFound) {
			t.Errorf("%s: no such CMK: %v, want ErrKeyNotFound", format, err)
		}
	}
	if _, err := w.run(t, append([]string{"-from", "aliyunesdk", "-key", w.first, "-context", "tenant=43"}, w.path("aliyunesdk"), w.path("x"))); !errors.Is(err, aliyunesdk.ErrAuthentication) {
		t.Errorf("wrong context: %v, want ErrAuthentication", err)
	}
	for name, args := range map[string][]string{
		"no source":         {"-from", "fourline", "-key", w.first, w.path("none"), w.path("x")},
		"no metadata":       {"-from", "osscse", "-key", w.first, w.path("osscse"), w.path("x")},
		"metadata no JSON":  {"-from", "osscse", "-key", w.first, "-metadata", w.path("fourline"), w.path("osscse"), w.path("x")},
		"other description": {"-from", "osscse", "-key", w.first, "-metadata", w.path("metadata.json"), w.path("osscse"), w.path("x")},
		"no RSA key":        {"-from", "osscse", "-key", w.first, "-rsa", w.path("none"), "-metadata", w.path("metadata.json"), w.path("osscse"), w.path("x")},
		"no folder":         w.args("fourline", "none/x"),
		"no format":         {"-key", w.first, w.path("fourline"), w.path("x")},
		"key no ARN":        {"-from", "aliyunesdk", "-key", "alias/x", w.path("aliyunesdk"), w.path("x")},
		"fourline, bad key": {"-from", "fourline", "-key", "?", w.path("fourline"), w.path("x")},
		"osscse, bad key":   {"-from", "osscse", "-key", "?", "-metadata", w.path("metadata.json"), w.path("osscse"), w.path("x")},
		"to, bad key":       w.args("fourline", "x", "-to", "?"),
		"one argument":      {"-from", "fourline", "-key", w.first, w.path("fourline")},
		"no key":            {"-from", "fourline", w.path("fourline"), w.path("x")},
		"context no pair":   w.args("fourline", "x", "-context", "tenant"),
		"context twice":     w.args("fourline", "x", "-context", "tenant=1"),
		"no such algorithm": w.args("aliyunesdk", "x", "-insecure-allow", "DES"),
		"unknown flag":      w.args("fourline", "x", "-overwrite"),
	} {
		if out, err := w.run(t, args); err == nil {
			t.Errorf("%s: %q", name, out)
		}
	}
	if n := len(w.names(t)); n != before {
		t.Errorf("folder has %v", w.names(t))
	}
	if j, err := parse(w.args("aliyunesdk", "x", "-insecure-allow", "AES-256-CTR")); err != nil || len(j.allow) != 1 || j.allow[0] != aliyunesdk.AES256CTR {
		t.Errorf("-insecure-allow: %+v, %v", j, err)
	}
}
