package osscse_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"math/big"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

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

func ecPublic(t *testing.T) []byte {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func smallRSA() []byte {
	n := new(big.Int).Lsh(big.NewInt(1), 511)
	return x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537})
}
