package osscse_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// Objects exchanged with the OSS SDK for Python (PyPI: oss2), whose KMS is the reference KMS on loopback. It runs where
// XINFENG_OSS2_PYTHON names an interpreter that has the SDK.
func TestExchangeWithPython(t *testing.T) {
	const env = "XINFENG_OSS2_PYTHON"
	python := os.Getenv(env)
	if python == "" {
		t.Skipf("%s is not set to a Python interpreter with the OSS SDK", env)
	}
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	kms := server.Client(nil)
	cmk, err := kms.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(server.Handler())
	defer srv.Close()
	id, secret := server.AccessKey()

	type message struct {
		Op          string            `json:"op"`
		Provider    string            `json:"provider"`
		Key         string            `json:"key"`
		Passphrase  string            `json:"passphrase"`
		Description map[string]string `json:"description"`
		Metadata    map[string]string `json:"metadata"`
		Body        []byte            `json:"body"`
	}
	ask := func(r message) message {
		in, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "interop", "oss2_sdk.py"), srv.URL, id, secret)
		cmd.Env = append(os.Environ(), "NO_PROXY=*")
		cmd.Stdin = bytes.NewReader(in)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s by %s: %v\n%s", r.Op, r.Provider, err, &stderr)
		}
		var answer message
		if err := json.Unmarshal(out, &answer); err != nil {
			t.Fatal(err)
		}
		return answer
	}

	description := map[string]string{"b": "1", "a": "键"}
	key := string(read(t, "rsa-pkcs1.pem"))
	for _, tt := range []struct {
		name       string
		request    message
		master     osscse.MasterKey
		readsOurs  bool
		passphrase string
	}{
		{"RSA", message{Provider: "rsa", Key: key, Description: description}, rsaKey(t, "rsa-pkcs1.pem", description), true, ""},
		{"RSA-OAEP", message{Provider: "local-rsa", Key: key}, rsaKey(t, "rsa-pkcs1.pem", nil), false, ""},
		{"KMS", message{Provider: "kms", Key: cmk.KeyID, Description: description}, nil, false, ""},
		{"KMS with passphrase", message{Provider: "kms", Key: cmk.KeyID, Passphrase: "secret"}, nil, false, "secret"},
	} {
		if tt.master == nil {
			tt.master, err = osscse.NewKMSKey(kms, cmk.KeyID, tt.request.Description, &osscse.KMSOptions{Passphrase: tt.passphrase})
			if err != nil {
				t.Fatal(err)
			}
		}
		c := newClient(t, tt.master)
		for _, size := range []int{1, 1000} {
			plaintext := random(size)
			tt.request.Op, tt.request.Body = "encrypt", plaintext
			theirs := ask(tt.request)
			o, err := c.OpenUnauthenticated(t.Context(), theirs.Metadata)
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			if got, err := io.ReadAll(o.NewReader(bytes.NewReader(theirs.Body))); err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("%s: we open the SDK's %d bytes to %d others, %v", tt.name, size, len(got), err)
			}
			if !tt.readsOurs {
				continue // it encodes what it has from KMS twice, and OAEP is not what is written
			}
			r := tt.request
			r.Op, r.Metadata = "decrypt", map[string]string{}
			metadata, body := put(t, c, plaintext, nil)
			for k, v := range metadata {
				r.Metadata["x-oss-meta-"+k] = v
			}
			r.Body = body
			if got := ask(r); !bytes.Equal(got.Body, plaintext) {
				t.Errorf("%s: the SDK opens our %d bytes to %d others", tt.name, size, len(got.Body))
			}
		}
	}
}
