package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

func TestStory(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), nil, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"encrypted under alias/Apollo/WorkKey: ", "a client that trusts cert.pem reads: hello over TLS\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story does not say %q:\n%s", want, &out)
		}
	}
}

// lines is a writer that hands over what is written.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// The two commands, as they are used against the cloud: over a socket, with credentials from the environment.
func TestCommands(t *testing.T) {
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	service := httptest.NewServer(server.Handler())
	defer service.Close()
	id, secret := server.AccessKey()
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", id)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret)
	t.Setenv("ALIBABA_CLOUD_SECURITY_TOKEN", "")
	direct := server.Client(nil)
	cmk, err := direct.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := makeCertificate(cert, key); err != nil {
		t.Fatal(err)
	}
	common := []string{"-region", refkms.DefaultRegion, "-endpoint", service.URL}
	command := func(name string, args ...string) []string { return append(append([]string{name}, common...), args...) }

	var out bytes.Buffer
	if err := run(t.Context(), command("encrypt", "-key", cmk.KeyID, key), &out); err != nil || !strings.Contains(out.String(), "key.pem.cipher") {
		t.Fatalf("encrypt: %v, %s", err, &out)
	}
	plain, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	// What is stored is the service's text: whoever has it decrypted has the file again, byte for byte.
	blob, err := os.ReadFile(key + ".cipher")
	if err != nil {
		t.Fatal(err)
	}
	opened, err := direct.Decrypt(t.Context(), &kmsapi.DecryptRequest{CiphertextBlob: string(blob)})
	if err != nil || !bytes.Equal(opened.Plaintext.Bytes(), plain) || bytes.Contains(blob, []byte("PRIVATE KEY")) {
		t.Errorf("the ciphertext opens as another text than key.pem, %v", err)
	}
	// An editor may have put a newline at its end.
	if err := os.WriteFile(key+".cipher", append(blob, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}

	ctx, stop := context.WithCancel(t.Context())
	said, served := make(lines, 1), make(chan error, 1)
	go func() {
		served <- run(ctx, command("serve", "-cert", cert, "-addr", "127.0.0.1:0", key+".cipher"), said)
	}()
	select {
	case line := <-said:
		url := strings.TrimSpace(strings.TrimPrefix(line, "serving "))
		if body, err := get(t.Context(), url, cert); err != nil || body != "hello over TLS\n" {
			t.Errorf("get %s = %q, %v", url, body, err)
		}
	case err := <-served:
		t.Fatalf("serve: %v", err)
	}
	stop()
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}

	// What goes wrong is told by its cause.
	big := filepath.Join(dir, "big.pem")
	if err := os.WriteFile(big, make([]byte, 6145), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.pem")
	if err := makeCertificate(other, filepath.Join(dir, "other-key.pem")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want error
		text string
	}{
		{"too large", command("encrypt", "-key", cmk.KeyID, big), kmsclient.ErrTooLarge, "use an envelope"},
		{"no such key", command("encrypt", "-key", "alias/none", other), kmsclient.ErrAliasNotFound, "encrypt "},
		{"no such file", command("encrypt", "-key", cmk.KeyID, filepath.Join(dir, "none")), fs.ErrNotExist, ""},
		{"no certificate", command("serve", "-cert", filepath.Join(dir, "none"), key+".cipher"), fs.ErrNotExist, ""},
		{"no ciphertext", command("serve", "-cert", cert, filepath.Join(dir, "none")), fs.ErrNotExist, ""},
		{"another certificate", command("serve", "-cert", other, key+".cipher"), nil, "private key does not match public key"},
		{"no ciphertext at all", command("serve", "-cert", cert, cert), kmsapi.ErrInvalidCiphertext, "decrypt "},
		{"no region", []string{"encrypt", "-key", "k", key}, nil, "region of 0 characters"},
		{"no file", command("encrypt"), nil, "usage: "},
		{"unknown flag", []string{"encrypt", "-x"}, nil, "usage: "},
		{"unknown command", command("decrypt", key), nil, "usage: "},
		{"address", command("serve", "-cert", cert, "-addr", "127.0.0.1:99999", key+".cipher"), nil, "invalid port"},
	} {
		if err := run(t.Context(), tt.args, &out); err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v, want %v, %s", tt.name, err, tt.want, tt.text)
		}
	}
	if err := direct.DisableKey(t.Context(), cmk.KeyID); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), command("serve", "-cert", cert, key+".cipher"), &out); !errors.Is(err, kmsapi.ErrDisabled) {
		t.Errorf("serve with a disabled key: %v, want ErrDisabled", err)
	}
}
