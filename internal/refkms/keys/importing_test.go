package keys_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A parcel is what an importer gets from GetParametersForImport and wraps the material with.
type parcel struct {
	t         *testing.T
	key       string
	token     string
	public    *material.PublicKey
	algorithm material.Algorithm
}

// parcel asks for the parameters of an import.
func (w *world) parcel(key, spec, algorithm string) *parcel {
	w.t.Helper()
	d := w.ok("GetParametersForImport", "KeyId", key, "WrappingKeySpec", spec, "WrappingAlgorithm", algorithm)
	pairSpec, _ := material.ParsePairSpec(spec)
	public, err := material.ParsePublicKey(pairSpec, unb64(w.t, d.str("PublicKey")))
	if err != nil {
		w.t.Fatal(err)
	}
	a, _ := pairSpec.Algorithm(material.Import, algorithm)
	return &parcel{w.t, key, d.str("ImportToken"), public, a}
}

// sm2Parcel asks for those of an import into a key in a mainland HSM, the quickest to make.
func (w *world) sm2Parcel(key string) *parcel {
	w.t.Helper()
	return w.parcel(key, "EC_SM2", "SM2PKE")
}

// wrap returns material as ImportKeyMaterial takes it.
func (p *parcel) wrap(m []byte) string {
	p.t.Helper()
	wrapped, err := p.public.Wrap(p.algorithm, m)
	if err != nil {
		p.t.Fatal(err)
	}
	return b64(wrapped)
}

// params returns the parameters of an import of material.
func (p *parcel) params(m []byte, more ...string) []string {
	p.t.Helper()
	return append([]string{"KeyId", p.key, "ImportToken", p.token, "EncryptedKeyMaterial", p.wrap(m)}, more...)
}

// externalKey makes a key in a mainland HSM without material.
func (w *world) externalKey() string {
	w.t.Helper()
	return w.key("Origin", "EXTERNAL", "KeySpec", "Aliyun_AES_256", "ProtectionLevel", "HSM")
}

// importedKey makes a key and imports material into it.
func (w *world) importedKey(m []byte, more ...string) string {
	w.t.Helper()
	key := w.externalKey()
	w.ok("ImportKeyMaterial", w.sm2Parcel(key).params(m, more...)...)
	return key
}

var aesMaterial = bytesOf(32)

// Every way to wrap, for every kind of key that can have its material imported.
func TestImport(t *testing.T) {
	for _, tt := range []struct {
		keySpec, level  string
		spec, algorithm string
		err             error
	}{
		{"Aliyun_AES_256", "SOFTWARE", "RSA_2048", "RSAES_PKCS1_V1_5", nil},
		{"Aliyun_AES_256", "SOFTWARE", "RSA_2048", "RSAES_OAEP_SHA_1", nil},
		{"Aliyun_AES_256", "SOFTWARE", "RSA_2048", "RSAES_OAEP_SHA_256", nil},
		{"Aliyun_AES_256", "SOFTWARE", "EC_SM2", "SM2PKE", call.Invalid("WrappingKeySpec")},
		{"Aliyun_AES_256", "HSM", "RSA_2048", "RSAES_OAEP_SHA_256", nil},
		{"Aliyun_AES_256", "HSM", "EC_SM2", "SM2PKE", nil},
		{"Aliyun_SM4", "HSM", "RSA_2048", "RSAES_PKCS1_V1_5", nil},
		{"Aliyun_SM4", "HSM", "EC_SM2", "SM2PKE", nil},
		{"Aliyun_AES_256", "HSM", "EC_SM2", "SM2DSA", call.Invalid("WrappingAlgorithm")},
		{"Aliyun_AES_256", "HSM", "EC_SM2", "RSAES_OAEP_SHA_256", call.Invalid("WrappingAlgorithm")},
		{"Aliyun_AES_256", "HSM", "RSA_2048", "SM2PKE", call.Invalid("WrappingAlgorithm")},
		{"Aliyun_AES_256", "HSM", "RSA_2048", "RSA_PSS_SHA_256", call.Invalid("WrappingAlgorithm")},
		{"Aliyun_AES_256", "HSM", "RSA_3072", "RSAES_OAEP_SHA_256", call.Invalid("WrappingKeySpec")},
		{"Aliyun_AES_256", "HSM", "EC_P256", "SM2PKE", call.Invalid("WrappingKeySpec")},
		{"Aliyun_AES_256", "HSM", "rsa_2048", "RSAES_OAEP_SHA_256", call.Invalid("WrappingKeySpec")},
	} {
		t.Run(fmt.Sprintf("%s/%s/%s/%s", tt.keySpec, tt.level, tt.spec, tt.algorithm), func(t *testing.T) {
			w := newWorld(t, keys.Options{})
			key := w.key("Origin", "EXTERNAL", "KeySpec", tt.keySpec, "ProtectionLevel", tt.level)
			if tt.err != nil {
				w.refused(tt.err, "GetParametersForImport", "KeyId", key, "WrappingKeySpec", tt.spec, "WrappingAlgorithm", tt.algorithm)
				return
			}
			size := map[string]int{"Aliyun_AES_256": 32, "Aliyun_SM4": 16}[tt.keySpec]
			p := w.parcel(key, tt.spec, tt.algorithm)
			for _, n := range []int{size - 1, size + 1, 48 - size, 1} {
				w.refused(call.ErrInvalidKeyMaterial, "ImportKeyMaterial", p.params(bytesOf(n))...)
			}
			w.refused(pi, "Encrypt", "KeyId", key, "Plaintext", "x")
			w.ok("ImportKeyMaterial", p.params(bytesOf(size))...)
			if m := w.describe(key); m["KeyState"] != "Enabled" || m["MaterialExpireTime"] != "" {
				t.Errorf("after the import the key is %v until %q, want Enabled for ever", m["KeyState"], m["MaterialExpireTime"])
			}
			blob := w.ok("Encrypt", "KeyId", key, "Plaintext", "text").str("CiphertextBlob")
			if got := w.ok("Decrypt", "CiphertextBlob", blob).str("Plaintext"); got != "text" {
				t.Errorf("Decrypt = %q", got)
			}
		})
	}
}

// What is encrypted is encrypted under the very bytes that were imported.
func TestImportedMaterialIsUsed(t *testing.T) {
	w := newWorld(t, keys.Options{})
	key := w.importedKey(aesMaterial)
	blob := material.Blob{Text: w.ok("Encrypt", "KeyId", key, "Plaintext", "text").str("CiphertextBlob")}
	if err := blob.CheckParam(); err != nil {
		t.Fatal(err)
	}
	aead, err := new(material.Cache).AEAD(material.AES256GCM, "", aesMaterial)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := blob.Open(aead, nil, material.InjectiveAAD); err != nil || string(got) != "text" {
		t.Errorf("Open = %q, %v", got, err)
	}
}

func TestGetParametersForImport(t *testing.T) {
	w := newWorld(t, keys.Options{})
	key := w.externalKey()
	params := []string{"KeyId", key, "WrappingKeySpec", "EC_SM2", "WrappingAlgorithm", "SM2PKE"}
	a, b := w.ok("GetParametersForImport", params...), w.ok("GetParametersForImport", params...)
	if a.str("KeyId") != key || a.str("TokenExpireTime") != date(start.Add(day)) {
		t.Errorf("GetParametersForImport answers %v", a)
	}
	if a.str("ImportToken") == b.str("ImportToken") || a.str("PublicKey") == b.str("PublicKey") {
		t.Error("two calls answer with one pair")
	}
	for _, name := range []string{"KeyId", "WrappingAlgorithm", "WrappingKeySpec"} {
		w.refused(call.Missing(name), "GetParametersForImport", append(params, name, "")...)
	}
	w.refused(call.ErrUnsupportedOrigin, "GetParametersForImport", append(params, "KeyId", w.key())...)
	w.refused(call.ErrUnsupportedAlias, "GetParametersForImport", append(params, "KeyId", "alias/x")...)
	w.refused(call.ErrKeyNotFound, "GetParametersForImport", append(params, "KeyId", "none")...)
	w.nobody().refused(call.NoPermission(arns+"key/none"), "GetParametersForImport", append(params, "KeyId", "none")...)
	w.refused(call.Invalid("WrappingKeySpec"), "GetParametersForImport", append(params, "KeyId", "none", "WrappingKeySpec", "x")...)

	// The state's own algorithms are for its own HSMs.
	fips := w.in(account, "us-east-1")
	w.refused(call.ErrKeyNotFound, "GetParametersForImport", append(params, "KeyId", fips.externalKey())...)
	fips.refused(call.Invalid("WrappingKeySpec"), "GetParametersForImport", append(params, "KeyId", fips.externalKey())...)
}

func TestImportRefusals(t *testing.T) {
	w := newWorld(t, keys.Options{})
	key := w.externalKey()
	p := w.sm2Parcel(key)
	good := p.params(aesMaterial)
	with := func(set ...string) []string { return append(append([]string{}, good...), set...) }
	for _, name := range []string{"KeyId", "EncryptedKeyMaterial", "ImportToken"} {
		w.refused(call.Missing(name), "ImportKeyMaterial", with(name, "")...)
	}
	w.refused(call.Invalid("EncryptedKeyMaterial"), "ImportKeyMaterial", with("EncryptedKeyMaterial", "not base64", "KeyId", "none")...)
	w.refused(call.ErrUnsupportedAlias, "ImportKeyMaterial", with("KeyId", "alias/x")...)
	w.refused(call.ErrKeyNotFound, "ImportKeyMaterial", with("KeyId", "none", "ImportToken", "x")...)
	w.nobody().refused(call.NoPermission(arns+"key/"+key), "ImportKeyMaterial", good...)

	// The origin before the state, the state before the token, the token before the material.
	own := w.key()
	w.ok("ScheduleKeyDeletion", "KeyId", own)
	w.refused(call.ErrUnsupportedOrigin, "ImportKeyMaterial", with("KeyId", own, "ImportToken", "x")...)
	dying := w.externalKey()
	w.ok("ScheduleKeyDeletion", "KeyId", dying)
	w.refused(smf, "ImportKeyMaterial", with("KeyId", dying, "ImportToken", "x")...)
	for _, token := range []string{"x", "AAAA", p.token[4:], p.token[:len(p.token)-4] + "AAAA", strings.Repeat("A", 1<<20), w.sm2Parcel(w.externalKey()).token} {
		w.refused(call.ErrInvalidImportToken, "ImportKeyMaterial", with("ImportToken", token, "EncryptedKeyMaterial", "AAAA")...)
	}
	other := w.in(account, "cn-beijing")
	foreign := other.externalKey()
	other.refused(call.ErrInvalidImportToken, "ImportKeyMaterial", with("KeyId", foreign)...)

	wrapped := unb64(t, p.wrap(aesMaterial))
	damaged := bytes.Clone(wrapped)
	damaged[len(damaged)-1] ^= 1
	for name, m := range map[string]string{
		"damaged": b64(damaged), "cut": b64(wrapped[1:]), "not wrapped": b64(aesMaterial), "nothing": " ", "as long as base64 may be": b64(make([]byte, 12<<10)),
		"for another pair":        w.sm2Parcel(key).wrap(aesMaterial),
		"by another algorithm":    w.parcel(key, "RSA_2048", "RSAES_OAEP_SHA_256").wrap(aesMaterial),
		"base64 of the material":  p.wrap([]byte(b64(aesMaterial))),
		"hexadecimal of material": p.wrap([]byte(fmt.Sprintf("%x", aesMaterial))),
	} {
		t.Run(name, func(t *testing.T) {
			w.refused(call.ErrInvalidKeyMaterial, "ImportKeyMaterial", with("EncryptedKeyMaterial", m)...)
		})
	}
	if got := w.describe(key)["KeyState"]; got != "PendingImport" {
		t.Errorf("after refused imports the key is %v", got)
	}
	w.ok("ImportKeyMaterial", with("ImportToken", p.token[:9]+"\n"+p.token[9:], "EncryptedKeyMaterial", good[5][:9]+"\r\n"+good[5][9:])...)
}

// A pair and its token are good for 24 hours, as often as one likes, beside those that were handed out since.
func TestTokenLife(t *testing.T) {
	w := newWorld(t, keys.Options{})
	key := w.externalKey()
	first := w.sm2Parcel(key)
	w.advance(12 * time.Hour)
	second := w.sm2Parcel(key)
	for range 3 {
		w.ok("ImportKeyMaterial", first.params(aesMaterial)...)
		w.ok("ImportKeyMaterial", second.params(aesMaterial)...)
		w.ok("DeleteKeyMaterial", "KeyId", key)
	}
	w.advance(12*time.Hour - time.Second)
	w.ok("ImportKeyMaterial", first.params(aesMaterial)...)
	w.advance(time.Second)
	w.refused(call.ErrExpiredImportToken, "ImportKeyMaterial", first.params(aesMaterial)...)
	w.refused(call.ErrExpiredImportToken, "ImportKeyMaterial", first.params(bytesOf(5))...) // before the material is looked at
	w.ok("ImportKeyMaterial", second.params(aesMaterial)...)
	w.advance(365 * day)
	w.refused(call.ErrExpiredImportToken, "ImportKeyMaterial", second.params(aesMaterial)...) // still known for what it was
}

// The first material is the key's for ever.
func TestSameMaterialOnly(t *testing.T) {
	w := newWorld(t, keys.Options{})
	key := w.importedKey(aesMaterial)
	blob := w.ok("Encrypt", "KeyId", key, "Plaintext", "text").str("CiphertextBlob")
	version := w.describe(key).str("PrimaryKeyVersion")
	p := w.sm2Parcel(key)
	other := bytesOf(32)
	other[31] ^= 1
	w.refused(call.ErrInvalidKeyMaterial, "ImportKeyMaterial", p.params(other)...)
	w.ok("DeleteKeyMaterial", "KeyId", key)
	w.refused(pi, "Decrypt", "CiphertextBlob", blob)
	w.refused(call.ErrInvalidKeyMaterial, "ImportKeyMaterial", p.params(other)...)
	w.ok("ImportKeyMaterial", p.params(aesMaterial, "KeyMaterialExpireUnix", unix(start.Add(time.Hour)))...)
	w.advance(time.Hour)
	w.refused(pi, "Decrypt", "CiphertextBlob", blob)
	w.refused(call.ErrInvalidKeyMaterial, "ImportKeyMaterial", p.params(other)...)
	w.ok("ImportKeyMaterial", p.params(aesMaterial)...)
	// The version is the same too, so what was encrypted opens again.
	if got := w.ok("Decrypt", "CiphertextBlob", blob).str("Plaintext"); got != "text" {
		t.Errorf("Decrypt = %q", got)
	}
	if got := w.describe(key).str("PrimaryKeyVersion"); got != version {
		t.Errorf("the version is %s, want the %s of before", got, version)
	}
	// A refused first import binds to nothing.
	fresh := w.externalKey()
	f := w.sm2Parcel(fresh)
	w.refused(call.ErrInvalidKeyMaterial, "ImportKeyMaterial", f.params(bytesOf(31))...)
	w.ok("ImportKeyMaterial", f.params(other)...)
}

// Two keys of the same material do not open each other's blobs.
func TestEqualMaterialOfTwoKeys(t *testing.T) {
	w := newWorld(t, keys.Options{})
	a, b := w.importedKey(aesMaterial), w.importedKey(aesMaterial)
	raw := unb64(t, w.ok("Encrypt", "KeyId", a, "Plaintext", "text").str("CiphertextBlob"))
	copy(raw, w.describe(b).str("PrimaryKeyVersion"))
	w.refused(call.Invalid("CiphertextBlob"), "Decrypt", "CiphertextBlob", b64(raw))
}

func unix(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

func TestMaterialExpiry(t *testing.T) {
	w := newWorld(t, keys.Options{})
	key := w.importedKey(aesMaterial, "KeyMaterialExpireUnix", unix(start.Add(10*day)))
	expires := func(want string) {
		t.Helper()
		if got := w.describe(key)["MaterialExpireTime"]; got != want {
			t.Errorf("MaterialExpireTime = %q, want %q", got, want)
		}
	}
	expires(date(start.Add(10 * day)))
	w.advance(10*day - time.Second)
	w.ok("Encrypt", "KeyId", key, "Plaintext", "x")

	// A new import sets the date anew: later, or never.
	p := w.sm2Parcel(key)
	w.ok("ImportKeyMaterial", p.params(aesMaterial, "KeyMaterialExpireUnix", unix(start.Add(20*day)))...)
	expires(date(start.Add(20 * day)))
	w.advance(time.Second)
	w.ok("Encrypt", "KeyId", key, "Plaintext", "x")
	for _, never := range []string{"0", ""} {
		w.ok("ImportKeyMaterial", p.params(aesMaterial, "KeyMaterialExpireUnix", unix(start.Add(10*day+time.Hour)))...)
		w.ok("ImportKeyMaterial", p.params(aesMaterial, "KeyMaterialExpireUnix", never)...)
		expires("")
	}
	w.advance(2 * time.Hour)
	w.ok("Encrypt", "KeyId", key, "Plaintext", "x")

	p = w.sm2Parcel(key)
	w.ok("ImportKeyMaterial", p.params(aesMaterial, "KeyMaterialExpireUnix", unix(start.Add(30*day)))...)
	w.advance(30 * day)
	w.refused(pi, "Encrypt", "KeyId", key, "Plaintext", "x")
	expires("")
	if got := w.describe(key)["KeyState"]; got != "PendingImport" {
		t.Errorf("after the expiry the key is %v", got)
	}

	p = w.sm2Parcel(key)
	now := start.Add(40*day + 2*time.Hour)
	for _, bad := range []string{unix(now.Add(-time.Second)), "-1", "1546272000", "1.5", "soon", "0x7fffffff", "9223372036854775808", "253402300800", "1785500000000"} {
		w.refused(call.Invalid("KeyMaterialExpireUnix"), "ImportKeyMaterial", p.params(aesMaterial, "KeyMaterialExpireUnix", bad)...)
	}
	w.ok("ImportKeyMaterial", p.params(aesMaterial, "KeyMaterialExpireUnix", "253402300799")...)
	expires("9999-12-31T23:59:59Z")
	w.ok("ImportKeyMaterial", p.params(aesMaterial, "KeyMaterialExpireUnix", unix(now))...)
	w.refused(pi, "Encrypt", "KeyId", key, "Plaintext", "x") // it was not in the past, and is over
}

// What becomes of a key in each state when its material is imported, deleted, or expires.
func TestMaterialByState(t *testing.T) {
	for _, tt := range []struct {
		state                       state.KeyState
		imported, deleted, reimport string // the state afterwards, "" if it is refused
	}{
		{state: state.Enabled, imported: "Enabled", deleted: "PendingImport", reimport: "Enabled"},
		{state: state.Disabled, imported: "Disabled", deleted: "PendingImport", reimport: "Enabled"},
		{state: state.PendingDeletion, imported: "", deleted: "PendingDeletion", reimport: ""},
		{state: state.PendingImport, imported: "Enabled", deleted: "PendingImport", reimport: "Enabled"},
	} {
		t.Run(tt.state.String(), func(t *testing.T) {
			for _, expiry := range []bool{false, true} {
				w := newWorld(t, keys.Options{})
				key := w.externalKey()
				p := w.sm2Parcel(key)
				if tt.state != state.PendingImport {
					w.ok("ImportKeyMaterial", p.params(aesMaterial, "KeyMaterialExpireUnix", unix(start.Add(time.Hour)))...)
				}
				switch tt.state {
				case state.Disabled:
					w.ok("DisableKey", "KeyId", key)
				case state.PendingDeletion:
					w.ok("ScheduleKeyDeletion", "KeyId", key)
				}
				is := func(step, want string) {
					t.Helper()
					if got := w.describe(key)["KeyState"]; got != want {
						t.Errorf("after %s the key is %v, want %s", step, got, want)
					}
				}
				deletion := w.describe(key)["DeleteDate"]
				again := func(step, want string) {
					t.Helper()
					params := p.params(aesMaterial, "KeyMaterialExpireUnix", unix(start.Add(2*time.Hour)))
					if want == "" {
						w.refused(smf, "ImportKeyMaterial", params...)
						return
					}
					w.ok("ImportKeyMaterial", params...)
					is(step, want)
				}
				w.sm2Parcel(key) // in every state
				again("the import", tt.imported)
				if expiry {
					w.advance(2 * time.Hour)
				} else {
					w.ok("DeleteKeyMaterial", "KeyId", key)
				}
				is("the end of the material", tt.deleted)
				if m := w.describe(key); m["MaterialExpireTime"] != "" || m["DeleteDate"] != deletion {
					t.Errorf("the material expires %q, the key is deleted %q, want never and %q", m["MaterialExpireTime"], m["DeleteDate"], deletion)
				}
				w.ok("DeleteKeyMaterial", "KeyId", key) // there is nothing to delete, and that is no error
				p = w.sm2Parcel(key)
				if want := tt.reimport; want != "" {
					w.ok("ImportKeyMaterial", p.params(aesMaterial)...)
					is("the second import", want)
				} else {
					w.ok("CancelKeyDeletion", "KeyId", key)
					is("the end of the window", "PendingImport") // there is no material to enable
				}
			}
		})
	}
}

func TestDeleteKeyMaterial(t *testing.T) {
	w := newWorld(t, keys.Options{})
	w.refused(call.Missing("KeyId"), "DeleteKeyMaterial")
	w.refused(call.ErrUnsupportedAlias, "DeleteKeyMaterial", "KeyId", "alias/x")
	w.refused(call.ErrKeyNotFound, "DeleteKeyMaterial", "KeyId", "none")
	w.refused(call.ErrUnsupportedOrigin, "DeleteKeyMaterial", "KeyId", w.key())
	k, _ := w.pair("EC_P256", "")
	w.refused(call.ErrUnsupportedOrigin, "DeleteKeyMaterial", "KeyId", k)
	key := w.importedKey(aesMaterial)
	w.nobody().refused(call.NoPermission(arns+"key/"+key), "DeleteKeyMaterial", "KeyId", key)
	w.ok("DeleteKeyMaterial", "KeyId", key)
	w.update(func(tx state.Tx) {
		if v := state.Versions.Get(tx, w.scope, state.Keys.Get(tx, w.scope, key).Primary); v.Material.Bytes() != nil {
			t.Error("the material is still there")
		}
	})
}

// Expiry is one of the things that fall due: in order of time among the others, and recorded.
func TestExpiryInOrderOfTime(t *testing.T) {
	w := newWorld(t, keys.Options{})
	expiring := w.importedKey(aesMaterial, "KeyMaterialExpireUnix", unix(start.Add(10*day)))
	dying := w.importedKey(aesMaterial, "KeyMaterialExpireUnix", unix(start.Add(7*day)))
	w.ok("ScheduleKeyDeletion", "KeyId", dying, "PendingWindowInDays", "7") // at the very second of the expiry
	cancelled := w.importedKey(aesMaterial, "KeyMaterialExpireUnix", unix(start.Add(3*day)))
	w.ok("ScheduleKeyDeletion", "KeyId", cancelled)
	w.advance(30*day - time.Second)
	if got := w.describe(expiring)["KeyState"]; got != "PendingImport" {
		t.Errorf("the material has expired, and the key is %v", got)
	}
	w.refused(call.ErrKeyNotFound, "DescribeKey", "KeyId", dying)
	w.ok("CancelKeyDeletion", "KeyId", cancelled)
	if got := w.describe(cancelled)["KeyState"]; got != "PendingImport" {
		t.Errorf("the material expired in the window, and the key is %v", got)
	}
}

// An imported key has one version for life, and no rotation of either kind.
func TestImportedKeysDoNotRotate(t *testing.T) {
	w := newWorld(t, keys.Options{})
	key := w.importedKey(aesMaterial)
	w.refused(call.ErrUnsupportedOrigin, "UpdateRotationPolicy", "KeyId", key, "EnableAutomaticRotation", "true", "RotationInterval", "7d")
	w.advance(7 * day)
	w.refused(rej, "CreateKeyVersion", "KeyId", key)
	if n := len(w.versionIDs(key)); n != 1 {
		t.Errorf("the key has %d versions", n)
	}
}
