package osscse_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
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

// A vector is the published object of the vendor, as far as it is committed here: metadata, what they unwrap to, and
// some of its blocks.
type vector struct {
	metadata         map[string]string
	key, counter     []byte
	size             int64
	rows             []row
	sumEnc, sumPlain string
}

type row struct {
	off                            int64
	counter, ciphertext, plaintext []byte
}

func readVector(t *testing.T) *vector {
	t.Helper()
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	v := &vector{metadata: map[string]string{}}
	for line := range strings.Lines(string(read(t, "vector.txt"))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "data-key":
			v.key = unhex(value)
		case "counter":
			v.counter = unhex(value)
		case "size":
			v.size, _ = strconv.ParseInt(value, 10, 64)
		case "row":
			f := append(strings.Fields(value), "", "")
			off, err := strconv.ParseInt(f[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			v.rows = append(v.rows, row{off, unhex(f[1]), unhex(f[2]), unhex(f[3])})
		case "sha256-of-ciphertext":
			v.sumEnc = value
		case "sha256-of-plaintext":
			v.sumPlain = value
		default:
			v.metadata[name] = value
		}
	}
	if len(v.rows) != 5 || len(v.metadata) != 4 || v.size == 0 {
		t.Fatalf("vector.txt has %d rows, %d metadata", len(v.rows), len(v.metadata))
	}
	return v
}

func TestVector(t *testing.T) {
	v := readVector(t)
	m, err := osscse.Inspect(v.metadata)
	if err != nil || m.WrapAlgorithm != "RSA/NONE/PKCS1Padding" || m.ContentLength != -1 || m.Legacy {
		t.Fatalf("Inspect = %+v, %v", m, err)
	}
	o, err := osscse.NewObject(m, v.key, v.counter)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range v.rows {
		if got := o.CounterAt(row.off); !bytes.Equal(got, row.counter) {
			t.Errorf("counter at %d = %x, want %x", row.off, got, row.counter)
		}
		if len(row.ciphertext) == 0 {
			continue
		}
		rg, err := osscse.NewRange(row.off, int64(len(row.plaintext)))
		if err != nil {
			t.Fatal(err)
		}
		r, err := o.NewRangeReader(rg, osscse.Answer{
			StatusCode:   206,
			ContentRange: fmt.Sprintf("bytes %d-%d/%d", row.off, row.off+int64(len(row.ciphertext))-1, v.size),
			Body:         bytes.NewReader(row.ciphertext),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, row.plaintext) {
			t.Errorf("bytes from %d = %x, %v, want %x", row.off, got, err, row.plaintext)
		}
	}
	// Bytes 20 to 31: asked for from 16, 4 of them dropped.
	rg, err := osscse.NewRange(20, 12)
	if err != nil {
		t.Fatal(err)
	}
	if got := rg.Header()["Range"]; got != "bytes=16-31" {
		t.Errorf("Range = %q", got)
	}
	r, err := o.NewRangeReader(rg, osscse.Answer{206, "bytes 16-31/21839", bytes.NewReader(v.rows[1].ciphertext)})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || hex.EncodeToString(got) != "ffdb00430006040405040406" {
		t.Errorf("bytes 20 to 31 = %x, %v", got, err)
	}
}

// The whole published object, with its test key, from a clone of the vendor's repository.
func TestVectorWhole(t *testing.T) {
	const env = "XINFENG_OSS_GO_SDK"
	dir := os.Getenv(env)
	if dir == "" {
		t.Skipf("%s is not set to a clone of alibabacloud-oss-go-sdk-v2", env)
	}
	source, err := os.ReadFile(filepath.Join(dir, "oss", "encryption_client_mock_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)rsaPrivateKeyCompatibility string = `(.*?)`").FindSubmatch(source)
	if found == nil {
		t.Fatal("no test key in the clone")
	}
	key, err := osscse.NewRSAKey(found[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(filepath.Join(dir, "sample", "enc-example.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	v := readVector(t)
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != v.sumEnc {
		t.Errorf("SHA-256 of the body is %x", sum)
	}
	o, err := newClient(t, key).OpenUnauthenticated(t.Context(), v.metadata)
	if err != nil {
		t.Fatal(err)
	}
	plaintext, err := io.ReadAll(o.NewReader(bytes.NewReader(body)))
	if sum := sha256.Sum256(plaintext); err != nil || hex.EncodeToString(sum[:]) != v.sumPlain {
		t.Errorf("SHA-256 of the plaintext is %x, %v", sum, err)
	}
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

// The Python SDK encodes the blobs of KMS twice, and sends a passphrase as context.
func TestPythonKMS(t *testing.T) {
	ec := map[string]string{"x-passphrase": "secret"}
	api := &kmskeytest.KMS{}
	key, counter := fixed()
	api.Plant("YmxvYi1vZi10aGUta2V5", keyID, text(key), ec) // blob-of-the-key
	api.Plant("YmxvYi1vZi10aGUtc3RhcnQ=", keyID, text(counter), ec)
	metadata := map[string]string{
		"client-side-encryption-key":      text([]byte("YmxvYi1vZi10aGUta2V5")),
		"client-side-encryption-start":    text([]byte("YmxvYi1vZi10aGUtc3RhcnQ=")),
		"client-side-encryption-cek-alg":  "AES/CTR/NoPadding",
		"client-side-encryption-wrap-alg": "KMS/ALICLOUD",
		"client-side-encryption-matdesc":  `{"a": "b", "c": "d"}`, // with blanks
	}
	k := kmsKey(t, api, map[string]string{"c": "d", "a": "b"}, &osscse.KMSOptions{Passphrase: "secret"})
	o, err := newClient(t, k).OpenUnauthenticated(t.Context(), metadata)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(o.NewReader(bytes.NewReader(encrypt(t, key, counter, []byte("hello"))))); err != nil || string(got) != "hello" {
		t.Errorf("plaintext %q, %v", got, err)
	}
	k = kmsKey(t, api, map[string]string{"c": "d", "a": "b"}, nil)
	if _, err := newClient(t, k).OpenUnauthenticated(t.Context(), metadata); !errors.Is(err, osscse.ErrUnwrap) {
		t.Errorf("without passphrase: %v, want ErrUnwrap", err)
	}
}

// Objects of older Python SDKs: RSA-OAEP, or KMS with the blobs as they are, and a counter that is a decimal number.
func TestLegacyPython(t *testing.T) {
	key := bytes.Repeat([]byte{3}, 32)
	counter := make([]byte, 16)
	counter[15], counter[14] = 186, 1 // 442
	const number = "442"
	api := &kmskeytest.KMS{}
	api.Plant("a2V5", keyID, text(key), nil)
	api.Plant("c3RhcnQ=", keyID, number, nil)
	oaep := func(b []byte) string {
		w, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, &privateKey(t).PublicKey, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		return text(w)
	}
	sum := md5.Sum([]byte("hello"))
	for name, tt := range map[string]struct {
		key      osscse.MasterKey
		metadata map[string]string
	}{
		"KMS": {kmsKey(t, api, nil, nil), map[string]string{"oss-crypto-key": "a2V5", "oss-crypto-start": "c3RhcnQ=", "oss-wrap-alg": "kms"}},
		"RSA": {rsaKey(t, "rsa-pkcs1.pem", nil), map[string]string{"oss-crypto-key": oaep(key), "oss-crypto-start": oaep([]byte(number)), "oss-wrap-alg": "rsa"}},
	} {
		tt.metadata["oss-cek-alg"] = "AES/GCM/NoPadding"
		tt.metadata["oss-crypto-unencrypted-content-length"] = "5"
		tt.metadata["oss-crypto-unencrypted-content-md5"] = text(sum[:])
		o, err := newClient(t, tt.key).OpenUnauthenticated(t.Context(), tt.metadata)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !o.Metadata().Legacy || o.Metadata().ContentLength != 5 || !bytes.Equal(o.Metadata().ContentMD5, sum[:]) || !bytes.Equal(o.CounterAt(0), counter) {
			t.Errorf("%s: %+v, counter %x", name, o.Metadata(), o.CounterAt(0))
		}
		if got, err := io.ReadAll(o.NewReader(bytes.NewReader(encrypt(t, key, counter, []byte("hello"))))); err != nil || string(got) != "hello" {
			t.Errorf("%s: plaintext %q, %v", name, got, err)
		}
	}
	for name, number := range map[string]string{
		"empty": "", "negative": "-1", "hexadecimal": "0xff", "2^128": "340282366920938463463374607431768211456",
		"longer": strings.Repeat("1", 40), "blank": " 1",
	} {
		api.Plant("c3RhcnQ=", keyID, number, nil)
		_, err := newClient(t, kmsKey(t, api, nil, nil)).OpenUnauthenticated(t.Context(), map[string]string{
			"oss-crypto-key": "a2V5", "oss-crypto-start": "c3RhcnQ=", "oss-wrap-alg": "kms", "oss-cek-alg": "AES/GCM/NoPadding"})
		if !errors.Is(err, osscse.ErrUnwrap) {
			t.Errorf("counter %s: %v, want ErrUnwrap", name, err)
		}
	}
	api.Plant("c3RhcnQ=", keyID, "340282366920938463463374607431768211455", nil) // 2^128 - 1: the counter wraps at once
	o, err := newClient(t, kmsKey(t, api, nil, nil)).OpenUnauthenticated(t.Context(), map[string]string{
		"oss-crypto-key": "a2V5", "oss-crypto-start": "c3RhcnQ=", "oss-wrap-alg": "kms", "oss-cek-alg": "AES/CTR/NoPadding"})
	if err != nil || !bytes.Equal(o.CounterAt(16), make([]byte, 16)) {
		t.Errorf("largest counter: %v", err)
	}
}

// RSA-OAEP in the format of today.
func TestOAEP(t *testing.T) {
	key, counter := fixed()
	oaep := func(b []byte) string {
		w, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, &privateKey(t).PublicKey, b, nil)
		if err != nil {
			t.Fatal(err)
		}
		return text(w)
	}
	metadata := map[string]string{
		"client-side-encryption-key": oaep(key), "client-side-encryption-start": oaep(counter),
		"client-side-encryption-cek-alg":  "AES/CTR/NoPadding",
		"client-side-encryption-wrap-alg": "RSA/NONE/OAEPWithSHA-1AndMGF1Padding",
	}
	c := newClient(t, rsaKey(t, "rsa-pkcs1.pem", nil))
	if o, err := c.OpenUnauthenticated(t.Context(), metadata); err != nil || !bytes.Equal(o.CounterAt(0), counter) {
		t.Errorf("OAEP: %v", err)
	}
	for name, value := range map[string]string{
		"other padding": readVector(t).metadata["client-side-encryption-key"], "short": oaep(key[:16]), "cut": text([]byte("x")),
		"nonsense": text(make([]byte, 256)),
	} {
		broken := maps.Clone(metadata)
		broken["client-side-encryption-key"] = value
		if _, err := c.OpenUnauthenticated(t.Context(), broken); !errors.Is(err, osscse.ErrUnwrap) {
			t.Errorf("%s: %v, want ErrUnwrap", name, err)
		}
	}
}

// A wrong PKCS #1 v1.5 padding of a data key is nobody's business; of a counter it looks like a wrong counter.
func TestPaddingIsNoOracle(t *testing.T) {
	c := newClient(t, rsaKey(t, "rsa-pkcs1.pem", nil))
	metadata, _ := put(t, c, nil, nil)
	var texts []string
	public := &privateKey(t).PublicKey
	pkcs1 := func(b []byte) string {
		//lint:ignore SA1019 what is tested
		w, err := rsa.EncryptPKCS1v15(rand.Reader, public, b)
		if err != nil {
			t.Fatal(err)
		}
		return text(w)
	}
	for name, start := range map[string]string{
		"no padding": text(make([]byte, 256)), "another length": pkcs1(make([]byte, 15)), "another counter": pkcs1(bytes.Repeat([]byte{1}, 16)),
	} {
		broken := maps.Clone(metadata)
		broken["client-side-encryption-start"] = start
		_, err := c.OpenUnauthenticated(t.Context(), broken)
		if !errors.Is(err, osscse.ErrUnwrap) {
			t.Errorf("%s: %v, want ErrUnwrap", name, err)
			continue
		}
		texts = append(texts, err.Error())
	}
	for _, s := range texts {
		if s != texts[0] {
			t.Errorf("errors differ: %q", texts)
		}
	}
	for name, key := range map[string]string{"no padding": text(make([]byte, 256)), "another length": pkcs1(make([]byte, 16))} {
		broken := maps.Clone(metadata)
		broken["client-side-encryption-key"] = key
		if _, err := c.OpenUnauthenticated(t.Context(), broken); err != nil {
			t.Errorf("%s of the data key shows: %v", name, err)
		}
	}
	broken := maps.Clone(metadata)
	broken["client-side-encryption-key"] = text(make([]byte, 255))
	if _, err := c.OpenUnauthenticated(t.Context(), broken); !errors.Is(err, osscse.ErrUnwrap) {
		t.Errorf("length: %v, want ErrUnwrap", err)
	}
	if _, err := newClient(t, rsaKey(t, "rsa-other.pem", nil)).OpenUnauthenticated(t.Context(), metadata); !errors.Is(err, osscse.ErrUnwrap) {
		t.Errorf("another RSA key: %v, want ErrUnwrap", err)
	}
}

func TestKMSKeys(t *testing.T) {
	api := &kmskeytest.KMS{}
	metadata, _ := put(t, newClient(t, kmsKey(t, api, nil, nil)), nil, nil)
	open := func(k *osscse.KMSKey, err error) error {
		if err != nil {
			t.Fatal(err)
		}
		_, err = newClient(t, k).OpenUnauthenticated(t.Context(), metadata)
		return err
	}
	api.Alias("alias/x", keyID)
	if err := open(osscse.NewKMSKey(api, "alias/x", nil, nil)); err != nil || api.Calls("DescribeKey") != 2 {
		t.Errorf("by alias: %v", err)
	}
	if err := open(osscse.NewKMSKey(api, other, nil, nil)); !errors.Is(err, osscse.ErrWrongKey) {
		t.Errorf("other CMK: %v, want ErrWrongKey", err)
	}
	if err := open(osscse.NewKMSKey(api, other, nil, &osscse.KMSOptions{Opens: []string{keyID}})); err != nil {
		t.Errorf("other CMK that may open: %v", err)
	}
	if err := open(osscse.NewKMSKey(&kmskeytest.KMS{}, keyID, nil, nil)); !errors.Is(err, osscse.ErrUnwrap) || !errors.Is(err, kmsapi.ErrInvalidCiphertext) {
		t.Errorf("unknown blob: %v, want ErrUnwrap and its cause", err)
	}
	if err := open(osscse.NewKMSKey(&kmskeytest.KMS{Fail: map[string]error{"Decrypt": kmsapi.ErrThrottled}}, keyID, nil, nil)); !errors.Is(err, kmsapi.ErrThrottled) || errors.Is(err, osscse.ErrUnwrap) {
		t.Errorf("throttled: %v", err)
	}
	key, counter := fixed()
	for name, tt := range map[string]struct{ key, start string }{
		"short key":     {text(key[:16]), text(counter)},
		"short counter": {text(key), text(counter[:12])},
		"no base64":     {"?", text(counter)},
		"bytes 8 to 11": {text(key), text(bytes.Repeat([]byte{1}, 16))},
	} {
		api := &kmskeytest.KMS{}
		api.Plant(metadata["client-side-encryption-key"], keyID, tt.key, nil)
		api.Plant(metadata["client-side-encryption-start"], keyID, tt.start, nil)
		if err := open(osscse.NewKMSKey(api, keyID, nil, nil)); !errors.Is(err, osscse.ErrUnwrap) {
			t.Errorf("%s: %v, want ErrUnwrap", name, err)
		}
	}
	long := maps.Clone(metadata)
	long["client-side-encryption-key"] = text([]byte("AA==")) // taken for a blob encoded twice
	api = &kmskeytest.KMS{}
	if _, err := newClient(t, kmsKey(t, api, nil, nil)).OpenUnauthenticated(t.Context(), long); !errors.Is(err, osscse.ErrUnwrap) {
		t.Errorf("short blob: %v, want ErrUnwrap", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := newClient(t, kmsKey(t, api, nil, nil))
	if _, err := c.OpenUnauthenticated(ctx, metadata); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := c.NewUnauthenticatedUpload(ctx, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	liar := &kmskeytest.KMS{AnswerKeyID: func(_, _ string) string { return other }}
	if _, err := newClient(t, kmsKey(t, liar, nil, nil)).NewUnauthenticatedUpload(t.Context(), 1, nil); !errors.Is(err, osscse.ErrWrongKey) {
		t.Errorf("another CMK encrypts: %v, want ErrWrongKey", err)
	}
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

func TestRSAKeys(t *testing.T) {
	for _, name := range []string{"rsa-pkcs1.pem", "rsa-pkcs8.pem", "rsa-public.pem", "rsa-public-pkcs1.pem"} {
		metadata, body := put(t, newClient(t, rsaKey(t, name, nil)), []byte("hello"), nil)
		o, err := newClient(t, rsaKey(t, "rsa-pkcs1.pem", nil)).OpenUnauthenticated(t.Context(), metadata)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := io.ReadAll(o.NewReader(bytes.NewReader(body))); err != nil || string(got) != "hello" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	block := func(typ string, b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: b}) }
	public := read(t, "rsa-public.pem")
	for name, b := range map[string][]byte{
		"nothing":           nil,
		"no PEM":            []byte("hello"),
		"two blocks":        append(bytes.Clone(public), public...),
		"unknown block":     block("CERTIFICATE", nil),
		"broken SPKI":       block("PUBLIC KEY", []byte{1}),
		"broken PKCS #1":    block("RSA PUBLIC KEY", []byte{1}),
		"broken PKCS #8":    block("PRIVATE KEY", []byte{1}),
		"broken private":    block("RSA PRIVATE KEY", []byte{1}),
		"elliptic curve":    block("PUBLIC KEY", ecPublic(t)),
		"RSA of 512 bits":   block("RSA PUBLIC KEY", smallRSA()),
		"PKCS #8 as PKCS#1": bytes.ReplaceAll(read(t, "rsa-pkcs8.pem"), []byte("PRIVATE KEY"), []byte("RSA PRIVATE KEY")),
	} {
		if k, err := osscse.NewRSAKey(b, nil); err == nil || k != nil || !strings.HasPrefix(err.Error(), "osscse: ") {
			t.Errorf("%s: NewRSAKey = %v", name, err)
		}
	}
}
