package osscse_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
)

// FuzzInspect holds that no metadata panic, and that whatever is refused has a named error.
func FuzzInspect(f *testing.F) {
	f.Add("AAAA", "AAAA", "AES/CTR/NoPadding", "KMS/ALICLOUD", `{"a":"b"}`, "12", "1B2M2Y8AsgTpgAmY7PhCfg==", "16", "12", false)
	f.Add("AAAA", "AAAA", "AES/GCM/NoPadding", "kms", "", "", "", "", "", true)
	c := newClient(f, rsaKey(f, "rsa-pkcs1.pem", nil))
	f.Fuzz(func(t *testing.T, key, start, cek, wrap, description, length, sum, partSize, dataSize string, legacy bool) {
		names := []string{"key", "start", "cek-alg", "wrap-alg", "matdesc", "unencrypted-content-length", "unencrypted-content-md5", "part-size", "data-size"}
		metadata := map[string]string{}
		for i, v := range []string{key, start, cek, wrap, description, length, sum, partSize, dataSize} {
			name := "client-side-encryption-" + names[i]
			if legacy {
				name = "x-oss-meta-oss-crypto-" + names[i]
			}
			metadata[name] = v
		}
		if legacy {
			metadata["oss-cek-alg"], metadata["oss-wrap-alg"] = cek, wrap
		}
		m, err := osscse.Inspect(metadata)
		if err != nil {
			if m != nil || !errors.Is(err, osscse.ErrNotEncrypted) && !errors.Is(err, osscse.ErrMalformed) && !errors.Is(err, osscse.ErrUnsupportedAlgorithm) {
				t.Errorf("Inspect = %v, %v", m, err)
			}
			return
		}
		if m.ContentLength < -1 || m.DataSize < -1 || m.PartSize < 0 || m.PartSize%16 != 0 || m.ContentMD5 != nil && len(m.ContentMD5) != 16 {
			t.Errorf("Inspect = %+v", m)
		}
		if _, err := c.OpenUnauthenticated(t.Context(), metadata); err != nil && !errors.Is(err, osscse.ErrNoMatch) && !errors.Is(err, osscse.ErrUnwrap) {
			t.Errorf("OpenUnauthenticated = %v", err)
		}
	})
}

// FuzzRangeAnswer holds that what comes out of any answer is the plaintext of the range that was asked for, or nothing.
func FuzzRangeAnswer(f *testing.F) {
	key, counter := fixed()
	plaintext := make([]byte, 200)
	for i := range plaintext {
		plaintext[i] = byte(i)
	}
	body := encrypt(f, key, counter, plaintext)
	o, err := osscse.NewObject(&osscse.Metadata{ContentLength: -1}, key, counter)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(int64(20), int64(12), 206, "bytes 16-31/200", 16, 32)
	f.Add(int64(20), int64(-1), 200, "", 0, 200)
	f.Fuzz(func(t *testing.T, off, n int64, status int, contentRange string, from, to int) {
		rg, err := osscse.NewRange(off, n)
		if err != nil || from < 0 || to > len(body) || from > to || status == 200 && from > 0 {
			return
		}
		r, err := o.NewRangeReader(rg, osscse.Answer{StatusCode: status, ContentRange: contentRange, Body: bytes.NewReader(body[from:to])})
		if err != nil {
			return
		}
		got, err := io.ReadAll(r)
		if n >= 0 && int64(len(got)) > n && err == nil {
			t.Errorf("%d bytes of %d", len(got), n)
		}
		// An answer that lies about where it begins is not found out: nothing here is authentic.
		if err == nil && (status == 200 || int64(from) == off/16*16) && !bytes.Equal(got, plaintext[min(off, 200):][:len(got)]) {
			t.Errorf("range %d of %d, answer %q: %x", off, n, contentRange, got)
		}
	})
}
