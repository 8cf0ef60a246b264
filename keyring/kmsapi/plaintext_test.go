package kmsapi_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

func TestPlaintextNeverShows(t *testing.T) {
	const secret = "c2VjcmV0IGRhdGEga2V5"
	p := kmsapi.NewPlaintext([]byte(secret))
	type hidden struct {
		p    kmsapi.Plaintext
		resp kmsapi.DecryptResponse
		ptr  *kmsapi.Plaintext
	}
	holders := []any{
		hidden{p, kmsapi.DecryptResponse{Plaintext: p}, &p}, &hidden{p: p}, []hidden{{p: p}},
		p, &p, []kmsapi.Plaintext{p},
		kmsapi.GenerateDataKeyResponse{Plaintext: p}, &kmsapi.GenerateDataKeyResponse{Plaintext: p},
		kmsapi.DecryptResponse{Plaintext: p}, &kmsapi.EncryptRequest{Plaintext: p},
		map[string]kmsapi.Plaintext{"k": p},
	}
	check := func(how, out string) {
		t.Helper()
		for _, bad := range []string{secret, hex.EncodeToString([]byte(secret)), fmt.Sprint([]byte(secret)), "99 50"} {
			if strings.Contains(strings.ToLower(out), strings.ToLower(bad)) {
				t.Errorf("%s shows the plaintext: %s", how, out)
			}
		}
	}
	for _, h := range holders {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%T", "%p"} {
			check(fmt.Sprintf("%T under %s", h, verb), fmt.Sprintf(verb, h))
		}
		var buf bytes.Buffer
		slog.New(slog.NewTextHandler(&buf, nil)).Info("x", "v", h)
		slog.New(slog.NewJSONHandler(&buf, nil)).Info("x", "v", h)
		check(fmt.Sprintf("%T in slog", h), buf.String())
		b, err := json.Marshal(h)
		check(fmt.Sprintf("%T in json", h), string(b))
		if !strings.Contains(fmt.Sprintf("%T", h), "hidden") && err == nil {
			t.Errorf("json.Marshal(%T) = %s, want an error", h, b)
		}
	}
}

func TestPlaintextZeroAndClear(t *testing.T) {
	var zero kmsapi.Plaintext
	zero.Clear()
	if b := zero.Bytes(); b != nil {
		t.Errorf("zero value holds %q", b)
	}
	p := kmsapi.NewPlaintext([]byte("abc"))
	q := p
	p.Clear()
	if got := q.Bytes(); !bytes.Equal(got, make([]byte, 3)) {
		t.Errorf("after Clear a copy holds %q", got)
	}
}
