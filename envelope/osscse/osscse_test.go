package osscse_test

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

const (
	keyID = "11111111-2222-3333-4444-555555555555"
	other = "66666666-7777-8888-9999-aaaaaaaaaaaa"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rsaKey(t testing.TB, name string, description map[string]string) *osscse.RSAKey {
	t.Helper()
	k, err := osscse.NewRSAKey(read(t, name), description)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func kmsKey(t testing.TB, api kmsapi.API, description map[string]string, opts *osscse.KMSOptions) *osscse.KMSKey {
	t.Helper()
	k, err := osscse.NewKMSKey(api, keyID, description, opts)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newClient(t testing.TB, keys ...osscse.MasterKey) *osscse.Client {
	t.Helper()
	c, err := osscse.New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// put encrypts an object and returns what OSS would store.
func put(t testing.TB, c *osscse.Client, plaintext []byte, opts *osscse.UploadOptions) (metadata map[string]string, body []byte) {
	t.Helper()
	u, err := c.NewUnauthenticatedUpload(t.Context(), int64(len(plaintext)), opts)
	if err != nil {
		t.Fatal(err)
	}
	if opts == nil || opts.PartSize == 0 {
		r, err := u.Encrypt(bytes.NewReader(plaintext))
		if err != nil {
			t.Fatal(err)
		}
		body, err = io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return u.Metadata(), body
	}
	size := int(opts.PartSize)
	parts := max(1, (len(plaintext)+size-1)/size)
	encrypted := make([][]byte, parts)
	for i := parts; i > 0; i-- { // the last one first
		r, err := u.EncryptPart(i, bytes.NewReader(plaintext[(i-1)*size:min(i*size, len(plaintext))]))
		if err != nil {
			t.Fatal(err)
		}
		if encrypted[i-1], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return u.Metadata(), bytes.Join(encrypted, nil)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func TestRoundTrip(t *testing.T) {
	description := map[string]string{"desc": "材料 \U0001F511 <&>", "": "x"}
	api := &kmskeytest.KMS{Asked: func(op, _ string, ec map[string]string) {
		if ec != nil {
			t.Errorf("%s has context %v", op, ec)
		}
	}}
	for name, key := range map[string]osscse.MasterKey{
		"RSA": rsaKey(t, "rsa-pkcs1.pem", nil), "RSA with description": rsaKey(t, "rsa-pkcs8.pem", description),
		"KMS": kmsKey(t, api, nil, nil), "KMS with description": kmsKey(t, api, description, nil),
	} {
		c := newClient(t, key)
		for _, size := range []int{0, 1, 15, 16, 17, 31, 32, 33, 100, 5000} {
			plaintext := random(size)
			sum := md5.Sum(plaintext)
			for _, opts := range []*osscse.UploadOptions{nil, {ContentMD5: sum[:]}, {PartSize: 16}, {PartSize: 1024, ContentMD5: sum[:]}} {
				calls := api.Calls("")
				metadata, body := put(t, c, plaintext, opts)
				for k, v := range metadata {
					for i := range len(v) {
						if v[i] < ' ' || v[i] > '~' {
							t.Errorf("%s: %s is %q, which is no header", name, k, v)
							break
						}
					}
				}
				if len(body) != size || size > 15 && bytes.Equal(body, plaintext) {
					t.Errorf("%s: %d bytes are encrypted to %d", name, size, len(body))
				}
				m, err := osscse.Inspect(metadata)
				if err != nil || strings.Contains(name, "description") != maps.Equal(m.Description, description) {
					t.Fatalf("%s: Inspect = %+v, %v", name, m, err)
				}
				if opts != nil && opts.PartSize > 0 {
					if m.PartSize != opts.PartSize || m.DataSize != int64(size) || m.ContentLength != -1 {
						t.Errorf("%s: parts: %+v", name, m)
					}
				} else if m.ContentLength != int64(size) || m.PartSize != 0 || m.DataSize != -1 {
					t.Errorf("%s: whole: %+v", name, m)
				}
				prefixed := map[string]string{"Content-Type": "text/plain", "X-Oss-Request-Id": "1"}
				for k, v := range metadata {
					prefixed["X-Oss-Meta-"+strings.ToTitle(k)] = v
				}
				for _, md := range []map[string]string{metadata, prefixed} {
					o, err := c.OpenUnauthenticated(t.Context(), md)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if err := iotest.TestReader(o.NewReader(bytes.NewReader(body)), plaintext); err != nil {
						t.Errorf("%s, %d bytes: %v", name, size, err)
					}
				}
				if n := api.Calls("") - calls; strings.HasPrefix(name, "KMS") && n != 2+2*2 {
					t.Errorf("%s: %d calls, want 6", name, n)
				}
			}
		}
	}
}

// Two objects have neither key nor counter in common, and bytes 8 to 11 of a counter are zero.
func TestUploadsAreFresh(t *testing.T) {
	api := &kmskeytest.KMS{}
	c := newClient(t, kmsKey(t, api, nil, nil))
	seen := map[string]bool{}
	for range 100 {
		metadata, body := put(t, c, make([]byte, 64), nil)
		for _, v := range []string{metadata["client-side-encryption-key"], metadata["client-side-encryption-start"], string(body)} {
			if seen[v] {
				t.Fatal("a key, a counter or a key stream is there twice")
			}
			seen[v] = true
		}
		resp, err := api.Decrypt(t.Context(), &kmsapi.DecryptRequest{CiphertextBlob: metadata["client-side-encryption-start"]})
		if err != nil {
			t.Fatal(err)
		}
		counter, err := base64.StdEncoding.DecodeString(string(resp.Plaintext.Bytes()))
		if err != nil || len(counter) != 16 || !bytes.Equal(counter[8:12], make([]byte, 4)) || bytes.Equal(counter[:8], make([]byte, 8)) {
			t.Errorf("counter %x, %v", counter, err)
		}
	}
}

// fixed returns a data key and a counter for objects as other SDKs make them.
func fixed() (key, counter []byte) {
	key, counter = bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 16)
	clear(counter[8:12])
	return key, counter
}

func encrypt(t testing.TB, key, counter, plaintext []byte) []byte {
	t.Helper()
	o, err := osscse.NewObject(&osscse.Metadata{ContentLength: -1}, key, counter)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(o.NewReader(bytes.NewReader(plaintext))) // one key stream in both directions
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func text(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func privateKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	p, _ := pem.Decode(read(t, "rsa-pkcs1.pem"))
	k, err := x509.ParsePKCS1PrivateKey(p.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// The description alone chooses, among keys of the kind that the metadata name.
func TestDescriptionChooses(t *testing.T) {
	a, b := map[string]string{"k": "a"}, map[string]string{"k": "b"}
	apiA, apiB := &kmskeytest.KMS{}, &kmskeytest.KMS{}
	keyA, keyB, rsaA := kmsKey(t, apiA, a, nil), kmsKey(t, apiB, b, nil), rsaKey(t, "rsa-pkcs1.pem", a)
	all := newClient(t, rsaA, keyB, keyA)
	for name, c := range map[string]*osscse.Client{"A": newClient(t, keyA), "B": newClient(t, keyB), "RSA A": newClient(t, rsaA)} {
		metadata, _ := put(t, c, nil, nil)
		if _, err := all.OpenUnauthenticated(t.Context(), metadata); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if apiA.Calls("Decrypt") != 2 || apiB.Calls("Decrypt") != 2 {
		t.Errorf("%d and %d calls, want 2 each", apiA.Calls("Decrypt"), apiB.Calls("Decrypt"))
	}
	metadata, _ := put(t, newClient(t, keyA), nil, nil)
	for name, c := range map[string]*osscse.Client{"other description": newClient(t, keyB), "other kind": newClient(t, rsaA), "no description": newClient(t, kmsKey(t, apiA, nil, nil))} {
		calls := apiA.Calls("")
		_, err := c.OpenUnauthenticated(t.Context(), metadata)
		if !errors.Is(err, osscse.ErrNoMatch) || apiA.Calls("") != calls {
			t.Errorf("%s: %v, want ErrNoMatch and no call", name, err)
		}
	}
	public := newClient(t, rsaKey(t, "rsa-public.pem", nil))
	metadata, _ = put(t, public, nil, nil)
	if _, err := public.OpenUnauthenticated(t.Context(), metadata); !errors.Is(err, osscse.ErrNoMatch) {
		t.Errorf("public key: %v, want ErrNoMatch", err)
	}
}

func TestNew(t *testing.T) {
	api := &kmskeytest.KMS{}
	k := kmsKey(t, api, nil, nil)
	if _, err := osscse.New(); err == nil {
		t.Error("New without keys succeeded")
	}
	if _, err := osscse.New(nil); err == nil {
		t.Error("New(nil) succeeded")
	}
	if _, err := osscse.New(k, kmsKey(t, api, map[string]string{}, nil)); err == nil {
		t.Error("two keys of one description succeeded")
	}
	if _, err := osscse.New(k, rsaKey(t, "rsa-public.pem", nil)); err != nil {
		t.Errorf("two kinds of one description: %v", err)
	}
	long := map[string]string{"k": strings.Repeat("v", osscse.MaxMetadataValue)}
	for name, tt := range map[string]struct {
		err  error
		want error
	}{
		"no id":                  {second(osscse.NewKMSKey(api, "", nil, nil)), kmskey.ErrName},
		"long description":       {second(osscse.NewKMSKey(api, keyID, long, nil)), osscse.ErrMalformed},
		"description no UTF-8":   {second(osscse.NewKMSKey(api, keyID, map[string]string{"\xff": ""}, nil)), osscse.ErrMalformed},
		"long RSA description":   {second(osscse.NewRSAKey(read(t, "rsa-public.pem"), long)), osscse.ErrMalformed},
		"passphrase is no UTF-8": {second(osscse.NewKMSKey(api, keyID, nil, &osscse.KMSOptions{Passphrase: "\xff"})), kmskey.ErrInvalidContext},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", name, tt.err, tt.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }
