package keys_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A taker has a key pair of its own to have data keys exported to.
type taker struct {
	t         *testing.T
	pair      *material.KeyPair
	algorithm material.Algorithm
}

func newTaker(t *testing.T, spec material.PairSpec, algorithm material.Algorithm) *taker {
	t.Helper()
	pair, err := material.GeneratePair(spec)
	if err != nil {
		t.Fatal(err)
	}
	return &taker{t, pair, algorithm}
}

// params returns parameters with those of the taker.
func (r *taker) params(more ...string) []string {
	return append([]string{"PublicKeyBlob", b64(r.pair.Public().DER()), "WrappingKeySpec", r.pair.Spec().String(),
		"WrappingAlgorithm", r.algorithm.String()}, more...)
}

// open returns the data key that was exported to the taker.
func (r *taker) open(exported string) []byte {
	r.t.Helper()
	b, err := r.pair.Decrypt(r.algorithm, unb64(r.t, exported))
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// The raw bytes of a data key are exported, for which Decrypt has the base64.
func TestExport(t *testing.T) {
	for _, tt := range []struct {
		spec      material.PairSpec
		algorithm material.Algorithm
		longest   int // data key that fits, at most 1024 bytes
	}{
		{material.RSA2048, material.OAEPSHA256, 190},
		{material.RSA2048, material.OAEPSHA1, 214},
		{material.ECSM2, material.SM2PKE, 1024},
	} {
		t.Run(tt.spec.String()+"/"+tt.algorithm.String(), func(t *testing.T) {
			w := newWorld(t, keys.Options{})
			key, to := w.key(), newTaker(t, tt.spec, tt.algorithm)
			version := w.describe(key).str("PrimaryKeyVersion")
			w.ok("CreateAlias", "AliasName", "alias/data", "KeyId", key)
			for name, size := range map[string]int{"": 32, "AES_256": 32, "AES_128": 16, "1": 1, strconv.Itoa(tt.longest): tt.longest} {
				params := to.params("KeyId", "alias/data", "KeySpec", name, "EncryptionContext", `{"a":"1"}`)
				if name != "" && name[0] != 'A' {
					params = append(params, "KeySpec", "not looked at", "NumberOfBytes", name)
				}
				d := w.ok("GenerateAndExportDataKey", params...)
				blob := d.str("CiphertextBlob")
				if d.str("KeyId") != key || d.str("KeyVersionId") != version || d["Plaintext"] != nil {
					t.Errorf("GenerateAndExportDataKey answers %v, want key, version and no plaintext", d)
				}
				dataKey := to.open(d.str("ExportedDataKey"))
				if len(dataKey) != size {
					t.Errorf("a data key of %d bytes was exported, want %d", len(dataKey), size)
				}
				if got := w.ok("Decrypt", "CiphertextBlob", blob, "EncryptionContext", `{"a":"1"}`).str("Plaintext"); got != b64(dataKey) {
					t.Errorf("Decrypt has another data key than was exported")
				}
				e := w.ok("ExportDataKey", to.params("CiphertextBlob", blob, "EncryptionContext", `{"a":"1"}`)...)
				if e.str("KeyId") != key || e.str("KeyVersionId") != version || e["Plaintext"] != nil || e["CiphertextBlob"] != nil {
					t.Errorf("ExportDataKey answers %v, want key, version and what is exported", e)
				}
				if !bytes.Equal(to.open(e.str("ExportedDataKey")), dataKey) {
					t.Error("ExportDataKey exports another data key")
				}
				w.refused(call.Invalid("CiphertextBlob"), "ExportDataKey", to.params("CiphertextBlob", blob)...)
			}
			if tt.longest == 1024 {
				w.refused(call.Invalid("NumberOfBytes"), "GenerateAndExportDataKey", to.params("KeyId", key, "NumberOfBytes", "1025")...)
				return
			}
			w.refused(call.Invalid("NumberOfBytes"), "GenerateAndExportDataKey", to.params("KeyId", key, "NumberOfBytes", strconv.Itoa(tt.longest+1))...)
			long := w.ok("GenerateDataKey", "KeyId", key, "NumberOfBytes", strconv.Itoa(tt.longest+1)).str("CiphertextBlob")
			w.refused(call.Invalid("CiphertextBlob"), "ExportDataKey", to.params("CiphertextBlob", long)...)
		})
	}
}

// What Encrypt was given is exported decoded if it is the base64 of something, and as it is if not.
func TestExportOfText(t *testing.T) {
	w := newWorld(t, keys.Options{})
	key, to := w.key(), newTaker(t, material.ECSM2, material.SM2PKE)
	for text, want := range map[string]string{
		"AAEC": "\x00\x01\x02", "password": "\xa5\xab,\xc2\x8a\xdd", // which is base64, too
		"pass word": "pass word", "AAE": "AAE", "AAF=": "AAF=", "AA\nEC": "AA\nEC", "-_-_": "-_-_", "密码": "密码",
	} {
		blob := w.ok("Encrypt", "KeyId", key, "Plaintext", text).str("CiphertextBlob")
		if got := to.open(w.ok("ExportDataKey", to.params("CiphertextBlob", blob)...).str("ExportedDataKey")); string(got) != want {
			t.Errorf("%q is exported as %q, want %q", text, got, want)
		}
	}
	longest := w.ok("Encrypt", "KeyId", key, "Plaintext", strings.Repeat("!", 6047)).str("CiphertextBlob")
	w.ok("ExportDataKey", to.params("CiphertextBlob", longest)...)
	longer := w.ok("Encrypt", "KeyId", key, "Plaintext", strings.Repeat("!", 6048)).str("CiphertextBlob")
	w.refused(call.Invalid("CiphertextBlob"), "ExportDataKey", to.params("CiphertextBlob", longer)...)
}

func TestExportRefusals(t *testing.T) {
	w := newWorld(t, keys.Options{})
	key, blob := w.keyIn(state.Enabled)
	rsa, sm2 := newTaker(t, material.RSA2048, material.OAEPSHA256), newTaker(t, material.ECSM2, material.SM2PKE)
	large := newTaker(t, material.RSA3072, material.OAEPSHA256)
	pair, _ := w.pair("EC_SM2", "ENCRYPT/DECRYPT")
	pem := base64.StdEncoding.EncodeToString([]byte(rsa.pair.Public().PEM()))
	for op, params := range map[string][]string{
		"ExportDataKey": {"CiphertextBlob", blob}, "GenerateAndExportDataKey": {"KeyId", key},
	} {
		t.Run(op, func(t *testing.T) {
			good := append(rsa.params(), params...)
			with := func(set ...string) []string { return append(append([]string{}, good...), set...) }
			w.ok(op, good...)
			for i := 0; i < len(good); i += 2 {
				w.refused(call.Missing(good[i]), op, with(good[i], "")...)
			}
			for _, tt := range []struct {
				name string
				want error
				set  []string
			}{
				{"PEM", call.Invalid("PublicKeyBlob"), []string{"PublicKeyBlob", rsa.pair.Public().PEM()}},
				{"PEM in base64", call.Invalid("PublicKeyBlob"), []string{"PublicKeyBlob", pem}},
				{"key of another spec", call.Invalid("PublicKeyBlob"), sm2.params()[:2]},
				{"key of another size", call.Invalid("PublicKeyBlob"), large.params()[:2]},
				{"key cut short", call.Invalid("PublicKeyBlob"), []string{"PublicKeyBlob", b64(rsa.pair.Public().DER()[:200])}},
				{"key with something behind it", call.Invalid("PublicKeyBlob"), []string{"PublicKeyBlob", b64(append(rsa.pair.Public().DER(), 0))}},
				{"spec that exports nothing", call.Invalid("WrappingKeySpec"), large.params()},
				{"unknown spec", call.Invalid("WrappingKeySpec"), []string{"WrappingKeySpec", "RSA"}},
				{"algorithm of imports", call.Invalid("WrappingAlgorithm"), []string{"WrappingAlgorithm", "RSAES_PKCS1_V1_5"}},
				{"algorithm of another spec", call.Invalid("WrappingAlgorithm"), []string{"WrappingAlgorithm", "SM2PKE"}},
				{"context no object", call.Invalid("EncryptionContext"), []string{"EncryptionContext", "[]"}},
			} {
				t.Run(tt.name, func(t *testing.T) { w.refused(tt.want, op, with(tt.set...)...) })
			}
			w.nobody().refused(call.NoPermission(arns+"key/"+key), op, good...)
		})
	}
	w.refused(call.ErrKeyNotFound, "ExportDataKey", rsa.params("CiphertextBlob", b64(make([]byte, 100)))...)
	w.refused(call.Invalid("CiphertextBlob"), "ExportDataKey", rsa.params("CiphertextBlob", b64(make([]byte, 64)))...)
	w.refused(call.ErrUnsupportedOperation, "GenerateAndExportDataKey", rsa.params("KeyId", pair)...)
	w.refused(call.ErrAliasNotFound, "GenerateAndExportDataKey", rsa.params("KeyId", "alias/none")...)
	w.refused(errKeySpecWords, "GenerateAndExportDataKey", rsa.params("KeyId", key, "KeySpec", "AES_192")...)
}

// errKeySpecWords is the refusal of a data key's spec, whose words differ from those of other parameters.
var errKeySpecWords = &call.Error{Code: "InvalidParameter", Param: "KeySpec"}

// FuzzExport sends arbitrary public keys.
func FuzzExport(f *testing.F) {
	pair, err := material.GeneratePair(material.ECSM2)
	if err != nil {
		f.Fatal(err)
	}
	rsa, err := material.GeneratePair(material.RSA2048)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pair.Public().DER(), "EC_SM2", "SM2PKE")
	f.Add(rsa.Public().DER(), "RSA_2048", "RSAES_OAEP_SHA_256")
	f.Add(rsa.Public().DER()[5:], "RSA_2048", "RSAES_OAEP_SHA_1")
	f.Add([]byte{}, "", "")
	f.Fuzz(func(t *testing.T, public []byte, spec, algorithm string) {
		w := newWorld(t, keys.Options{})
		_, err := w.call("GenerateAndExportDataKey", "KeyId", w.key(), "PublicKeyBlob", b64(public), "WrappingKeySpec", spec, "WrappingAlgorithm", algorithm)
		var refusal *call.Error
		if err != nil && (!errors.As(err, &refusal) || refusal.Status != 400) {
			t.Errorf("GenerateAndExportDataKey = %v, want an answer or a refusal of the parameters", err)
		}
	})
}
