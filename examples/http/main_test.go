package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// handle returns a handler of the files in a folder.
func handle(t *testing.T, dir string) http.Handler {
	t.Helper()
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	cmk, err := server.Client(nil).CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := keyring.NewKMS(server.Client(nil), cmk.KeyID, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := envelope.New(provider, nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return newHandler(client, root)
}

// serve returns the folder with the files of a server, and a function for requests.
func serve(t *testing.T) (dir string, do func(method, name, body string, header ...string) (*http.Response, []byte, error)) {
	t.Helper()
	dir = t.TempDir()
	web := httptest.NewServer(handle(t, dir))
	t.Cleanup(web.Close)
	return dir, func(method, name, body string, header ...string) (*http.Response, []byte, error) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, web.URL+"/files/"+name, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		response, err := web.Client().Do(request)
		if err != nil {
			return nil, nil, err
		}
		defer response.Body.Close()
		got, err := io.ReadAll(response.Body)
		return response, got, err
	}
}

// contents are as long as a few chunks, and differ everywhere.
func contents() string {
	var b bytes.Buffer
	for i := 0; b.Len() < 300_000; i++ {
		b.WriteString(strings.Repeat(string(rune('a'+i%26)), i%7+1))
	}
	return b.String()
}

func TestUploadAndDownload(t *testing.T) {
	dir, do := serve(t)
	want := contents()
	if r, _, err := do("PUT", "f", want); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("PUT: %v, %v", r, err)
	}
	r, got, err := do("GET", "f", "")
	if err != nil || r.StatusCode != http.StatusOK || string(got) != want {
		t.Fatalf("GET: %v, %d bytes, %v", r, len(got), err)
	}
	etag, modified := r.Header.Get("ETag"), r.Header.Get("Last-Modified")
	if r.Header.Get("Content-Type") != "application/octet-stream" || r.ContentLength != int64(len(want)) {
		t.Errorf("headers: %v", r.Header)
	}

	for _, tt := range []struct {
		name, header, value string
		status              int
		want                string
	}{
		{"beginning", "Range", "bytes=0-9", 206, want[:10]},
		{"over a chunk's end", "Range", "bytes=65530-65545", 206, want[65530:65546]},
		{"to the end", "Range", "bytes=299990-", 206, want[299990:]},
		{"the last", "Range", "bytes=-7", 206, want[len(want)-7:]},
		{"beyond", "Range", "bytes=9999999-", 416, "invalid range: failed to overlap\n"},
		{"known already", "If-None-Match", etag, 304, ""},
		{"not newer", "If-Modified-Since", modified, 304, ""},
	} {
		r, got, err := do("GET", "f", "", tt.header, tt.value)
		if err != nil || r.StatusCode != tt.status || string(got) != tt.want {
			t.Errorf("%s: %v, %d bytes, %v", tt.name, r, len(got), err)
		}
	}
	if r, got, err := do("GET", "f", "", "Range", "bytes=0-1,70000-70001"); err != nil || r.StatusCode != 206 ||
		!strings.Contains(string(got), want[70000:70002]) || !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/byteranges") {
		t.Errorf("two ranges: %v, %q, %v", r, got, err)
	}
	if r, got, err := do("HEAD", "f", ""); err != nil || r.StatusCode != 200 || r.ContentLength != int64(len(want)) || len(got) != 0 {
		t.Errorf("HEAD: %v, %v", r, err)
	}

	// On disk there is ciphertext, and nothing but files that are whole.
	onDisk, err := os.ReadFile(filepath.Join(dir, "f"))
	if err != nil || bytes.Contains(onDisk, []byte(want[:64])) {
		t.Errorf("the file on disk holds its plaintext, or %v", err)
	}
	if _, err := format.ReadHeader(bytes.NewReader(onDisk)); err != nil {
		t.Error(err)
	}
	for _, body := range []string{"", "another"} {
		if _, _, err := do("PUT", "f", body); err != nil {
			t.Fatal(err)
		}
		if r, got, err := do("GET", "f", "", "If-None-Match", etag); err != nil || r.StatusCode != 200 || string(got) != body {
			t.Errorf("after another upload: %v, %q, %v", r, got, err)
		}
	}
	if names, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(names) != 1 {
		t.Errorf("files: %q, %v", names, err)
	}
}

func TestRefused(t *testing.T) {
	dir, do := serve(t)
	if _, _, err := do("PUT", "a", contents()); err != nil {
		t.Fatal(err)
	}
	message, err := os.ReadFile(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("renamed", message)
	write("cut", message[:len(message)-1])
	write("none", []byte("plaintext"))
	for name, want := range map[string]int{"missing": 404, "renamed": 500, "cut": 500, "none": 500, ".upload-1": 404, "..%2fa": 404} {
		if r, got, err := do("GET", name, ""); err != nil || r.StatusCode != want || len(got) > 64 {
			t.Errorf("GET %s: %v, %q, %v, want %d", name, r, got, err, want)
		}
	}
	for _, name := range []string{".hidden", "..%2fb", "a%2fb", "%00"} {
		if r, _, err := do("PUT", name, "x"); err != nil || r.StatusCode < 400 {
			t.Errorf("PUT %s: %v, %v", name, r, err)
		}
	}

	// A chunk that was changed in the middle is found when the client has the first ones: it sees a broken connection.
	flipped := bytes.Clone(message)
	flipped[len(flipped)/2] ^= 1
	write("a", flipped)
	if _, got, err := do("GET", "a", ""); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(contents(), string(got)) {
		t.Errorf("a changed chunk: %d bytes, %v, want fewer and io.ErrUnexpectedEOF", len(got), err)
	}
	if _, got, err := do("GET", "a", "", "Range", "bytes=0-9"); err != nil || string(got) != contents()[:10] {
		t.Errorf("a range elsewhere: %q, %v", got, err)
	}
	if names, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(names) != 0 {
		t.Errorf("files are left: %q, %v", names, err)
	}
}

// An upload that breaks off leaves nothing.
func TestBrokenUpload(t *testing.T) {
	dir := t.TempDir()
	request := httptest.NewRequest("PUT", "/files/f", io.MultiReader(strings.NewReader(contents()), iotest.ErrReader(io.ErrClosedPipe)))
	answer := httptest.NewRecorder()
	handle(t, dir).ServeHTTP(answer, request)
	if answer.Code != http.StatusInternalServerError {
		t.Errorf("a broken upload: %d, want 500", answer.Code)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("files are left: %v, %v", files, err)
	}
}

// A server that was killed has left the upload it was at. The next one removes it, and nothing else.
func TestUnfinishedUploads(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".upload-ABC", ".upload-", ".hidden", "upload-1", "f"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	handle(t, dir)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 || files[0].Name() != ".hidden" || files[1].Name() != "f" || files[2].Name() != "upload-1" {
		t.Errorf("files are left: %v, %v", files, err)
	}
}
