package aliyunesdk_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
)

// FuzzDecrypt holds that the ways of reading agree about every message, and that of the vectors under algorithms that
// authenticate nothing but the plaintext comes out.
func FuzzDecrypt(f *testing.F) {
	api := &kmskeytest.KMS{}
	known := map[string]bool{}
	for _, v := range aliyunesdk.ReadVectors(f) {
		f.Add(v.Message)
		h, err := aliyunesdk.Inspect(bytes.NewReader(v.Message))
		if err != nil {
			f.Fatal(err)
		}
		if v.Algorithm.Authenticated() {
			known[string(v.Plaintext)] = true
		}
		for _, k := range h.Keys {
			api.Plant(k.Blob, rawID(k.KeyID), v.DataKeyText(), h.Context)
		}
	}
	c := newClient(f, &aliyunesdk.Options{InsecureAllowAlgorithms: insecure, AcceptUnseen: []string{"*"}},
		aliyunesdk.Key{ARN: keyA, API: api}, aliyunesdk.Key{ARN: keyB, API: api}, aliyunesdk.Key{ARN: keyC, API: api})
	header, _ := splitFirst(f)
	d, err := c.OpenDetached(f.Context(), header, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		plaintext, err := c.Decrypt(t.Context(), message, nil)
		if err != nil && plaintext != nil {
			t.Errorf("plaintext %q with %v", plaintext, err)
		}
		r, err2 := c.NewReaderAt(t.Context(), bytes.NewReader(message), int64(len(message)), nil)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("Decrypt = %v, NewReaderAt = %v", err, err2)
		}
		if err == nil {
			got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("Decrypt = %q, ReadAt = %q, %v", plaintext, got, err)
			}
			if r.Info().Algorithm.Authenticated() && !known[string(plaintext)] {
				t.Errorf("%x opens to %q", message, plaintext)
			}
		}
		if got, err := d.Decrypt(message); err == nil && !known[string(got)] {
			t.Errorf("body %x opens to %q", message, got)
		}
		aliyunesdk.InspectDetached(base64.StdEncoding.EncodeToString(message))
	})
}

// splitFirst returns header and body of J1.
func splitFirst(f *testing.F) (header string, body []byte) {
	m := vector(f, "J1").Message
	const head, end = 3, 0x9d // as the offsets of the format's documentation have them
	return base64.StdEncoding.EncodeToString(m[head:end]), m[end:]
}
