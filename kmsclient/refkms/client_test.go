package refkms_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

const day = 24 * time.Hour

// start is where the clock of a fixture stands.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func frozen() *refkms.Options { return &refkms.Options{Now: func() time.Time { return start }} }

func newKey(t testing.TB, c *refkms.Client) string {
	t.Helper()
	k, err := c.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatalf("CreateKey = %v", err)
	}
	return k.KeyID
}

func plaintext(s string) kmsapi.Plaintext { return kmsapi.NewPlaintext([]byte(s)) }

// The five operations of kmsapi, with the key by id, alias and ARN.
func TestAPI(t *testing.T) {
	_, c := client(t, nil)
	ctx := t.Context()
	key, err := c.CreateKey(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CreateAlias(ctx, "alias/a", key.KeyID); err != nil {
		t.Fatal(err)
	}
	ec := map[string]string{"tenant": "42"}
	for _, name := range []string{key.KeyID, "alias/a", key.ARN} {
		dk, err := c.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: name, EncryptionContext: ec})
		if err != nil {
			t.Fatalf("GenerateDataKey(%s) = %v", name, err)
		}
		if raw, err := base64.StdEncoding.Strict().DecodeString(string(dk.Plaintext.Bytes())); err != nil || len(raw) != 32 {
			t.Errorf("the data key has %d bytes, want 32: %v", len(raw), err)
		}
		enc, err := c.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: name, Plaintext: dk.Plaintext, EncryptionContext: ec})
		if err != nil {
			t.Fatalf("Encrypt(%s) = %v", name, err)
		}
		re, err := c.ReEncrypt(ctx, &kmsapi.ReEncryptRequest{CiphertextBlob: enc.CiphertextBlob, SourceEncryptionContext: ec, DestinationKeyID: name})
		if err != nil {
			t.Fatalf("ReEncrypt(%s) = %v", name, err)
		}
		for _, blob := range []struct {
			text string
			ec   map[string]string
		}{{dk.CiphertextBlob, ec}, {enc.CiphertextBlob, ec}, {re.CiphertextBlob, nil}, {re.CiphertextBlob, map[string]string{}}} {
			dec, err := c.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: blob.text, EncryptionContext: blob.ec})
			if err != nil {
				t.Fatalf("Decrypt = %v", err)
			}
			if string(dec.Plaintext.Bytes()) != string(dk.Plaintext.Bytes()) || dec.KeyID != key.KeyID || dec.KeyVersionID != key.PrimaryKeyVersion || dec.RequestID == "" {
				t.Errorf("Decrypt answers %+v, or another text", dec)
			}
		}
		for _, id := range [][2]string{{dk.KeyID, dk.KeyVersionID}, {enc.KeyID, enc.KeyVersionID}, {re.KeyID, re.KeyVersionID}} {
			if id != [2]string{key.KeyID, key.PrimaryKeyVersion} {
				t.Errorf("an answer names %v, want %s and %s", id, key.KeyID, key.PrimaryKeyVersion)
			}
		}
		if dk.RequestID == enc.RequestID || dk.RequestID == "" || re.RequestID == "" {
			t.Errorf("request ids %q, %q, %q", dk.RequestID, enc.RequestID, re.RequestID)
		}
		d, err := c.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: name})
		if err != nil {
			t.Fatalf("DescribeKey(%s) = %v", name, err)
		}
		want := kmsapi.DescribeKeyResponse{KeyID: key.KeyID, ARN: key.ARN, KeyState: "Enabled", KeySpec: "Aliyun_AES_256",
			KeyUsage: "ENCRYPT/DECRYPT", PrimaryKeyVersion: key.PrimaryKeyVersion, RequestID: d.RequestID}
		if *d != want {
			t.Errorf("DescribeKey answers %+v, want %+v", *d, want)
		}
	}
	short, err := c.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: key.KeyID, NumberOfBytes: 16})
	if err != nil || len(short.Plaintext.Bytes()) != 24 {
		t.Errorf("GenerateDataKey of 16 bytes = %v, %v", short, err)
	}
}

// What prepares keys, and that the generic call sees what the typed ones made.
func TestKeysAndAliases(t *testing.T) {
	s, c := client(t, frozen())
	ctx := t.Context()
	tags := map[string]string{"Project": "Apollo"}
	key, err := c.CreateKey(ctx, &refkms.CreateKeyRequest{Description: "d", ProtectionLevel: "HSM", RotationInterval: 10*day + 1, Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	tags["Project"] = "Gemini" // the key keeps its own
	want := refkms.KeyMetadata{
		KeyID: key.KeyID, ARN: "acs:kms:cn-hangzhou:1234567890123456:key/" + key.KeyID, CreationDate: "2026-01-02T03:04:05Z",
		Creator: "1234567890123456", Description: "d", KeySpec: "Aliyun_SM4", KeyState: "Enabled", KeyUsage: "ENCRYPT/DECRYPT",
		Origin: "Aliyun_KMS", ProtectionLevel: "HSM", PrimaryKeyVersion: key.PrimaryKeyVersion, LastRotationDate: "2026-01-02T03:04:05Z",
		AutomaticRotation: "Enabled", RotationInterval: "864001s", NextRotationDate: "2026-01-12T03:04:06Z", DeletionProtection: "Disabled",
	}
	if *key != want {
		t.Errorf("CreateKey answers\n%+v\nwant\n%+v", *key, want)
	}

	state := func() string {
		t.Helper()
		d, err := c.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: key.KeyID})
		if err != nil {
			t.Fatal(err)
		}
		return d.KeyState
	}
	for _, step := range []struct {
		name string
		run  func() error
		want string
	}{
		{"DisableKey", func() error { return c.DisableKey(ctx, key.KeyID) }, "Disabled"},
		{"EnableKey", func() error { return c.EnableKey(ctx, key.KeyID) }, "Enabled"},
		{"ScheduleKeyDeletion", func() error { return c.ScheduleKeyDeletion(ctx, key.KeyID, 0) }, "PendingDeletion"},
		{"CancelKeyDeletion", func() error { return c.CancelKeyDeletion(ctx, key.KeyID) }, "Enabled"},
	} {
		if err := step.run(); err != nil {
			t.Fatalf("%s = %v", step.name, err)
		}
		if got := state(); got != step.want {
			t.Errorf("after %s the key is %s, want %s", step.name, got, step.want)
		}
	}

	other := newKey(t, c)
	for _, err := range []error{
		c.CreateAlias(ctx, "alias/a", key.KeyID), c.UpdateAlias(ctx, "alias/a", other), c.CreateAlias(ctx, "alias/b", key.KeyID),
		c.DeleteAlias(ctx, "alias/b"), c.UpdateRotationPolicy(ctx, key.KeyID, 0), c.UpdateRotationPolicy(ctx, other, 7*day),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	var list struct {
		Aliases struct{ Alias []map[string]string }
	}
	if err := c.Do(ctx, "ListAliases", nil, &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Aliases.Alias) != 1 || list.Aliases.Alias[0]["AliasName"] != "alias/a" || list.Aliases.Alias[0]["KeyId"] != other {
		t.Errorf("ListAliases answers %v", list)
	}
	s.Advance(7 * day)
	for id, n := range map[string]int{key.KeyID: 1, other: 2} {
		var versions struct{ TotalCount int }
		if err := c.Do(ctx, "ListKeyVersions", map[string]string{"KeyId": id}, &versions); err != nil || versions.TotalCount != n {
			t.Errorf("ListKeyVersions counts %d, %v, want %d", versions.TotalCount, err, n)
		}
	}
	if err := c.ScheduleKeyDeletion(ctx, key.KeyID, 7); err != nil {
		t.Fatal(err)
	}
	s.Advance(7 * day)
	if _, err := c.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: key.KeyID}); !errors.Is(err, kmsapi.ErrKeyNotFound) {
		t.Errorf("DescribeKey of a destroyed key = %v, want ErrKeyNotFound", err)
	}
}

// A typed request passes the checks that texts do.
func TestTypedRefusals(t *testing.T) {
	_, c := client(t, nil)
	ctx := t.Context()
	key := newKey(t, c)
	long := map[string]string{"a": strings.Repeat("x", 8192)}
	blob := func() string {
		r, err := c.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: key, Plaintext: plaintext("x")})
		if err != nil {
			t.Fatal(err)
		}
		return r.CiphertextBlob
	}()
	generate := func(r kmsapi.GenerateDataKeyRequest) error { _, err := c.GenerateDataKey(ctx, &r); return err }
	encrypt := func(r kmsapi.EncryptRequest) error { _, err := c.Encrypt(ctx, &r); return err }
	decrypt := func(r kmsapi.DecryptRequest) error { _, err := c.Decrypt(ctx, &r); return err }
	reencrypt := func(r kmsapi.ReEncryptRequest) error { _, err := c.ReEncrypt(ctx, &r); return err }
	create := func(r refkms.CreateKeyRequest) error { _, err := c.CreateKey(ctx, &r); return err }
	for _, tt := range []struct {
		name, code, param string
		err               error
		want              error
	}{
		{"no key", "MissingParameter", "KeyId", generate(kmsapi.GenerateDataKeyRequest{}), kmsapi.ErrInvalidParameter},
		{"1025 bytes", "InvalidParameter", "NumberOfBytes", generate(kmsapi.GenerateDataKeyRequest{KeyID: key, NumberOfBytes: 1025}), kmsapi.ErrInvalidParameter},
		{"-1 bytes", "InvalidParameter", "NumberOfBytes", generate(kmsapi.GenerateDataKeyRequest{KeyID: key, NumberOfBytes: -1}), kmsapi.ErrInvalidParameter},
		{"long context", "InvalidParameter", "EncryptionContext", generate(kmsapi.GenerateDataKeyRequest{KeyID: key, EncryptionContext: long}), kmsapi.ErrInvalidParameter},
		{"context not UTF-8", "InvalidParameter", "EncryptionContext", generate(kmsapi.GenerateDataKeyRequest{KeyID: key, EncryptionContext: map[string]string{"a": "\xff"}}), kmsapi.ErrInvalidParameter},
		{"no text", "MissingParameter", "Plaintext", encrypt(kmsapi.EncryptRequest{KeyID: key}), kmsapi.ErrInvalidParameter},
		{"empty text", "MissingParameter", "Plaintext", encrypt(kmsapi.EncryptRequest{KeyID: key, Plaintext: plaintext("")}), kmsapi.ErrInvalidParameter},
		{"long text", "InvalidParameter", "Plaintext", encrypt(kmsapi.EncryptRequest{KeyID: key, Plaintext: plaintext(strings.Repeat("x", 6145))}), kmsapi.ErrInvalidParameter},
		{"text not UTF-8", "InvalidParameter", "Plaintext", encrypt(kmsapi.EncryptRequest{KeyID: key, Plaintext: plaintext("\xff")}), kmsapi.ErrInvalidParameter},
		{"no blob", "MissingParameter", "CiphertextBlob", decrypt(kmsapi.DecryptRequest{}), kmsapi.ErrInvalidParameter},
		{"blob not base64", "InvalidParameter", "CiphertextBlob", decrypt(kmsapi.DecryptRequest{CiphertextBlob: "?"}), kmsapi.ErrInvalidCiphertext},
		{"blob with another context", "InvalidParameter", "CiphertextBlob", decrypt(kmsapi.DecryptRequest{CiphertextBlob: blob, EncryptionContext: map[string]string{"a": "b"}}), kmsapi.ErrInvalidCiphertext},
		{"no destination", "MissingParameter", "DestinationKeyId", reencrypt(kmsapi.ReEncryptRequest{CiphertextBlob: blob}), kmsapi.ErrInvalidParameter},
		{"source context", "InvalidParameter", "CiphertextBlob", reencrypt(kmsapi.ReEncryptRequest{CiphertextBlob: blob, DestinationKeyID: key, SourceEncryptionContext: map[string]string{"a": "b"}}), kmsapi.ErrInvalidCiphertext},
		{"unknown key", "Forbidden.KeyNotFound", "", generate(kmsapi.GenerateDataKeyRequest{KeyID: "none"}), kmsapi.ErrKeyNotFound},
		{"unknown alias", "Forbidden.AliasNotFound", "", generate(kmsapi.GenerateDataKeyRequest{KeyID: "alias/none"}), kmsapi.ErrKeyNotFound},
		{"alias where none is allowed", "Unsupported.Alias", "", c.EnableKey(ctx, "alias/none"), kmsapi.ErrInvalidParameter},
		{"bad alias", "InvalidParameter", "AliasName", c.CreateAlias(ctx, "a", key), kmsapi.ErrInvalidParameter},
		{"no alias", "MissingParameter", "AliasName", c.CreateAlias(ctx, "", key), kmsapi.ErrInvalidParameter},
		{"window too short", "InvalidParameter", "PendingWindowInDays", c.ScheduleKeyDeletion(ctx, key, 6), kmsapi.ErrInvalidParameter},
		{"window too long", "InvalidParameter", "PendingWindowInDays", c.ScheduleKeyDeletion(ctx, key, 31), kmsapi.ErrInvalidParameter},
		{"interval too short", "InvalidParameter", "RotationInterval", c.UpdateRotationPolicy(ctx, key, time.Nanosecond), kmsapi.ErrInvalidParameter},
		{"interval negative", "InvalidParameter", "RotationInterval", c.UpdateRotationPolicy(ctx, key, -7*day), kmsapi.ErrInvalidParameter},
		{"interval too long", "InvalidParameter", "RotationInterval", create(refkms.CreateKeyRequest{RotationInterval: 730*day + time.Nanosecond}), kmsapi.ErrInvalidParameter},
		{"spec", "InvalidParameter", "KeySpec", create(refkms.CreateKeyRequest{KeySpec: "x"}), kmsapi.ErrInvalidParameter},
		{"tag", "InvalidParameter", "Tags", create(refkms.CreateKeyRequest{Tags: map[string]string{"acs:x": ""}}), kmsapi.ErrInvalidParameter},
		{"level", "Unsupported.ProtectionLevel", "", func() error {
			s, _ := client(t, nil)
			_, err := s.Client(&refkms.ClientOptions{Region: "eu-central-1"}).CreateKey(ctx, &refkms.CreateKeyRequest{ProtectionLevel: "HSM"})
			return err
		}(), kmsapi.ErrInvalidParameter},
		{"state", "Rejected.StateModifiedFailed", "", c.CancelKeyDeletion(ctx, key), kmsapi.ErrConflict},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var refusal *refkms.Error
			if !errors.As(tt.err, &refusal) || refusal.Code != tt.code || !errors.Is(tt.err, tt.want) || refusal.RequestID == "" || refusal.StatusCode == 0 {
				t.Fatalf("got %+v, want %s that matches %v", tt.err, tt.code, tt.want)
			}
			if tt.param != "" && !strings.Contains(refusal.Message, `"`+tt.param+`"`) {
				t.Errorf("the message is %s, want one about %s", refusal.Message, tt.param)
			}
		})
	}
}

func TestDo(t *testing.T) {
	_, c := client(t, nil)
	ctx := t.Context()
	var made struct{ KeyMetadata struct{ KeyId string } }
	if err := c.Do(ctx, "CreateKey", map[string]string{"Description": "d"}, &made); err != nil {
		t.Fatal(err)
	}
	params := map[string]string{"KeyId": made.KeyMetadata.KeyId, "Plaintext": "<a & b>", "EncryptionContext": `{"a":"1"}`}
	before := maps.Clone(params)
	var enc map[string]any
	if err := c.Do(ctx, "Encrypt", params, &enc); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(params, before) {
		t.Errorf("Do changed its parameters to %v", params)
	}
	var raw json.RawMessage
	if err := c.Do(ctx, "Decrypt", map[string]string{"CiphertextBlob": enc["CiphertextBlob"].(string), "EncryptionContext": `{"a":"1"}`}, &raw); err != nil {
		t.Fatal(err)
	}
	var dec map[string]string
	if err := json.Unmarshal(raw, &dec); err != nil || dec["Plaintext"] != "<a & b>" || dec["RequestId"] == "" {
		t.Errorf("Decrypt answers %s, %v", raw, err)
	}
	if err := c.Do(ctx, "DisableKey", map[string]string{"KeyId": made.KeyMetadata.KeyId}, nil); err != nil {
		t.Errorf("Do without an answer = %v", err)
	}

	var refusal *refkms.Error
	if err := c.Do(ctx, "MakeCoffee", nil, nil); !errors.As(err, &refusal) || refusal.Code != "InvalidAction.NotFound" || refusal.StatusCode != 404 {
		t.Errorf("Do of an unknown operation = %v", err)
	}
	if err := c.Do(ctx, "Encrypt", params, &enc); !errors.As(err, &refusal) || refusal.Code != "Rejected.Disabled" || refusal.StatusCode != 409 || refusal.Op != "Encrypt" {
		t.Errorf("Do = %v, want Rejected.Disabled", err)
	}
	var misfit struct{ TotalCount string }
	err := c.Do(ctx, "ListKeys", nil, &misfit)
	var typeError *json.UnmarshalTypeError
	if !errors.As(err, &typeError) {
		t.Errorf("Do into a struct that does not fit = %v, want an UnmarshalTypeError", err)
	}
}

// A context that is done ends a call before anything happens, with its own error.
func TestContexts(t *testing.T) {
	_, c := client(t, nil)
	key := newKey(t, c)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for _, ctx := range []context.Context{cancelled, expired} {
		_, generate := c.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: key})
		_, encrypt := c.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: key, Plaintext: plaintext("x")})
		_, decrypt := c.Decrypt(ctx, &kmsapi.DecryptRequest{})
		_, reencrypt := c.ReEncrypt(ctx, &kmsapi.ReEncryptRequest{})
		_, describe := c.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: key})
		_, create := c.CreateKey(ctx, nil)
		for i, err := range []error{generate, encrypt, decrypt, reencrypt, describe, create, c.DisableKey(ctx, key), c.Do(ctx, "ListKeys", nil, nil)} {
			if !errors.Is(err, ctx.Err()) || errors.Is(err, kmsapi.ErrUnavailable) {
				t.Errorf("call %d = %v, want %v", i, err, ctx.Err())
			}
		}
	}
	d, err := c.DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: key})
	if err != nil || d.KeyState != "Enabled" {
		t.Errorf("a cancelled DisableKey left the key %v, %v", d, err)
	}
	var list struct{ TotalCount int }
	if err := c.Do(t.Context(), "ListKeys", nil, &list); err != nil || list.TotalCount != 1 {
		t.Errorf("a cancelled CreateKey left %d keys, %v, want 1", list.TotalCount, err)
	}
}

// Requests are neither kept nor modified.
func TestRequestsStayTheCallers(t *testing.T) {
	_, c := client(t, nil)
	key := newKey(t, c)
	ec := map[string]string{"a": "1"}
	text := []byte("text")
	req := &kmsapi.EncryptRequest{KeyID: key, Plaintext: kmsapi.NewPlaintext(text), EncryptionContext: ec}
	enc, err := c.Encrypt(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if req.KeyID != key || string(text) != "text" || len(ec) != 1 || ec["a"] != "1" {
		t.Errorf("the request is %+v with the text %q now", req, text)
	}
	clear(text)
	ec["a"] = "2"
	dec, err := c.Decrypt(t.Context(), &kmsapi.DecryptRequest{CiphertextBlob: enc.CiphertextBlob, EncryptionContext: map[string]string{"a": "1"}})
	if err != nil || string(dec.Plaintext.Bytes()) != "text" {
		t.Errorf("Decrypt = %v, %v", dec, err)
	}
	dk, err := c.GenerateDataKey(t.Context(), &kmsapi.GenerateDataKeyRequest{KeyID: key})
	if err != nil {
		t.Fatal(err)
	}
	want := string(dk.Plaintext.Bytes())
	dk.Plaintext.Clear() // the caller's, too
	if dec, err := c.Decrypt(t.Context(), &kmsapi.DecryptRequest{CiphertextBlob: dk.CiphertextBlob}); err != nil || string(dec.Plaintext.Bytes()) != want {
		t.Errorf("after the answer was cleared Decrypt = %v", err)
	}
}

// What a caller wrote is quoted and cut in an error, and a plaintext is not in it.
func TestErrorTexts(t *testing.T) {
	_, c := client(t, nil)
	key := newKey(t, c)
	ctx := t.Context()
	const secret = "top secret"
	_, encrypt := c.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: "none", Plaintext: plaintext(secret), EncryptionContext: map[string]string{"a": secret}})
	_, tooLong := c.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: key, Plaintext: plaintext(strings.Repeat(secret, 1000))})
	enc, err := c.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: key, Plaintext: plaintext(secret)})
	if err != nil {
		t.Fatal(err)
	}
	_, decrypt := c.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: enc.CiphertextBlob, EncryptionContext: map[string]string{"a": secret}})
	var misfit struct{ Plaintext int }
	fit := c.Do(ctx, "Decrypt", map[string]string{"CiphertextBlob": enc.CiphertextBlob}, &misfit)
	action := c.Do(ctx, strings.Repeat("\nA", 5000), nil, nil)
	for _, err := range []error{encrypt, tooLong, decrypt, fit, action} {
		if err == nil {
			t.Fatal("a call is not refused")
		}
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
			if strings.Contains(text, secret) || strings.Contains(text, enc.CiphertextBlob) {
				t.Errorf("an error shows what it must not: %s", text)
			}
		}
		if text := err.Error(); len(text) > 700 || !strings.HasPrefix(text, "refkms: ") {
			t.Errorf("an error has %d bytes: %.100q", len(text), text)
		}
	}
	want := fmt.Sprintf(`refkms: Encrypt: Forbidden.KeyNotFound: "The specified Key is not found." (HTTP 404, request %s)`, encrypt.(*refkms.Error).RequestID)
	if encrypt.Error() != want {
		t.Errorf("Error = %s, want %s", encrypt, want)
	}
}
