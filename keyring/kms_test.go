package keyring_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/keyringtest"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

const (
	prod = "11111111-2222-4333-8444-555555555555"
	dev  = "99999999-8888-4777-8666-555555555555"

	prodARN  = "acs:kms:cn-hangzhou:1234567890123456:key/" + prod
	alias    = "alias/Apollo/WorkKey"
	aliasARN = "acs:kms:cn-hangzhou:1234567890123456:" + alias
)

func newKMS(t *testing.T, api kmsapi.API, keyID string, opens ...string) *keyring.KMS {
	t.Helper()
	p, err := keyring.NewKMS(api, keyID, &keyring.KMSOptions{Opens: opens})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestKMSConformance(t *testing.T) {
	for name, id := range map[string]string{"id": prod, "arn": prodARN, "alias": alias, "aliasARN": aliasARN} {
		t.Run(name, func(t *testing.T) {
			keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
				api := newFakeKMS(prod, dev)
				api.aliases[alias] = prod
				return keyringtest.Harness{Provider: newKMS(t, api, id), Other: newKMS(t, api, dev)}
			})
		})
	}
}

func TestNewKMSRefusesNames(t *testing.T) {
	long := strings.Repeat("x", 513)
	for _, id := range []string{
		"", long, "a b", "schlüssel", "alias/", "alias/a b", "alias/" + strings.Repeat("x", 256), "acs:", "acs:kms", "acs:kms:r:1",
		"acs:oss:r:1:key/x", "acs:kms::1:key/x", "acs:kms:r::key/x", "acs:kms:r:1:", "acs:kms:r:1:key/", "acs:kms:r:1:alias/",
		"acs:kms:R:1:key/x", "acs:kms:r:a:key/x", "acs:kms:x@127.0.0.1#:1:key/x", "acs:kms:evil.example/:1:key/x",
		"acs:kms:" + strings.Repeat("r", 33) + ":1:key/x", "acs:kms:r:1:secret/x", "acs:kms:r:1:key/x\n", "key/../x",
	} {
		if p, err := keyring.NewKMS(newFakeKMS(), id, nil); err == nil || p != nil || !strings.Contains(err.Error(), "not a key id, alias or ARN") {
			t.Errorf("NewKMS(%.40q) = %v, want the refusal of the name", id, err)
		}
	}
	if _, err := keyring.NewKMS(nil, prod, nil); err == nil || !strings.Contains(err.Error(), "no API") {
		t.Errorf("NewKMS(nil) = %v", err)
	}
	if _, err := keyring.NewKMS(newFakeKMS(), prod, &keyring.KMSOptions{Opens: []string{alias}}); err == nil {
		t.Error("NewKMS takes an alias in Opens")
	}
	if _, err := keyring.NewKMS(newFakeKMS(), prod, &keyring.KMSOptions{Opens: make([]string, 65)}); err == nil || !strings.Contains(err.Error(), "limit 64") {
		t.Errorf("NewKMS with 65 further keys = %v", err)
	}
}

// The header stores the key that answered, as an ARN where region and account are known; the service gets the bare name.
func TestKMSEntries(t *testing.T) {
	for _, tt := range []struct{ configured, sent, stored string }{
		{prod, prod, prod},
		{prodARN, prod, prodARN},
		{alias, alias, prod},
		{aliasARN, alias, prodARN},
	} {
		api := newFakeKMS(prod)
		api.aliases[alias] = prod
		p := newKMS(t, api, tt.configured)
		k := generate(t, p, nil)
		if api.lastKeyID != tt.sent {
			t.Errorf("%s: service got %q, want %q", tt.configured, api.lastKeyID, tt.sent)
		}
		r := k.Record()
		if len(r) != 1 || r[0].Provider != "kms" || r[0].KeyID != tt.stored {
			t.Errorf("%s: record %v, want one entry of %s", tt.configured, r, tt.stored)
		}
		if provider, id := k.OpenedBy(); provider != "kms" || id != tt.stored {
			t.Errorf("%s: OpenedBy = %s, %s", tt.configured, provider, id)
		}
		if n := api.total(); n != 1 {
			t.Errorf("%s: %d calls, want 1", tt.configured, n)
		}
	}
}

// KMS gets exactly the stored pairs, and no parameter where there are none.
func TestKMSContext(t *testing.T) {
	api := newFakeKMS(prod)
	p := newKMS(t, api, prod)
	k := generate(t, p, nil)
	if api.lastEC != nil {
		t.Errorf("no pairs: service got %v, want no context", api.lastEC)
	}
	if _, err := decrypt(t, p, nil, k.Record()); err != nil || api.lastEC != nil {
		t.Errorf("no pairs: Decrypt = %v, service got %v", err, api.lastEC)
	}
	ec := pairs(t, map[string]string{"tenant": "42", "empty": ""})
	k = generate(t, p, ec)
	if fmt.Sprint(api.lastEC) != "map[empty: tenant:42]" {
		t.Errorf("service got %v", api.lastEC)
	}
	if _, err := decrypt(t, p, ec, k.Record()); err != nil {
		t.Error(err)
	}
}

// KMS takes 8192 characters of JSON, which is not the same as the format's 8192 bytes: quotes and backslashes double.
func TestKMSContextTooLong(t *testing.T) {
	api := newFakeKMS(prod)
	p := newKMS(t, api, prod)
	fits := strings.Repeat("<", 8192-len(`{"k":""}`)-0)
	for _, tt := range []struct {
		value string
		want  error
	}{
		{fits[:8180], nil}, // '<' is one character: no escaping for HTML
		{strings.Repeat(`"`, 4092), nil},
		{strings.Repeat(`"`, 4093), keyring.ErrContextTooLong},
	} {
		ec := pairs(t, map[string]string{"k": tt.value})
		before := api.total()
		_, err := p.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Context: ec})
		if !errors.Is(err, tt.want) {
			t.Errorf("%d characters of %.1q: %v, want %v", len(tt.value), tt.value, err, tt.want)
		}
		if tt.want != nil {
			if _, err := decrypt(t, p, ec, format.Record{{Provider: "kms", KeyID: prod, Ciphertext: []byte{1}}}); !errors.Is(err, tt.want) {
				t.Errorf("Decrypt = %v, want %v", err, tt.want)
			}
			if api.total() != before {
				t.Error("the service was called")
			}
		}
	}
}

// F1: whoever may encrypt under any key that the reader may decrypt under wraps a data key of his choice there and
// labels the entry with the reader's own key. The service opens it; the provider must not.
func TestKMSAnswerByOtherKey(t *testing.T) {
	api := newFakeKMS(prod, dev)
	mallory := generate(t, newKMS(t, api, dev), nil)
	for _, configured := range []string{prod, prodARN, alias, aliasARN} {
		api.aliases[alias] = prod
		p := newKMS(t, api, configured)
		forged := format.Record{{Provider: "kms", KeyID: prodARN, Ciphertext: mallory.Record()[0].Ciphertext}}
		k, err := decrypt(t, p, nil, forged)
		if !errors.Is(err, keyring.ErrNoMatch) || !errors.Is(err, keyring.ErrWrongKey) {
			t.Errorf("%s: Decrypt of a forged label = %v, %v, want ErrNoMatch and ErrWrongKey", configured, k, err)
		}
	}
}

// A message for which another key answered is not "not mine" if a key of ours could not be asked, and the attack stays
// visible.
func TestKMSWrongKeyAmongOthers(t *testing.T) {
	api := newFakeKMS(prod, dev)
	mallory := generate(t, newKMS(t, api, dev), nil)
	r := format.MergeRecords(
		format.Record{{Provider: "kms", KeyID: prod, Ciphertext: mallory.Record()[0].Ciphertext}},
		format.Record{{Provider: "kms", KeyID: "gone", Ciphertext: []byte("gone\x00")}},
	)
	_, err := decrypt(t, newKMS(t, api, prod, "gone"), nil, r)
	if !errors.Is(err, kmsapi.ErrKeyNotFound) || !errors.Is(err, keyring.ErrWrongKey) || errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt = %v, want ErrKeyNotFound and ErrWrongKey, not ErrNoMatch", err)
	}
	var unwrap *keyring.UnwrapError
	if !errors.As(err, &unwrap) || len(unwrap.Errs) != 2 || !strings.Contains(err.Error(), keyring.ErrNoMatch.Error()) {
		t.Errorf("Decrypt = %v, want an UnwrapError of 2 that tells both", err)
	}
	// Where another key answered for each of them, nothing is ours.
	r[1].Ciphertext = r[0].Ciphertext
	if _, err := decrypt(t, newKMS(t, api, prod, "gone"), nil, r); !errors.Is(err, keyring.ErrWrongKey) || !errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt = %v, want ErrWrongKey and ErrNoMatch", err)
	}
}

// A key that was not tried because the context is done is no reason for ErrNoMatch.
func TestKMSCancelledBetweenKeys(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	api := newFakeKMS(prod, dev)
	p := newKMS(t, api, prod, dev)
	r := format.MergeRecords(generate(t, p, nil).Record(), generate(t, newKMS(t, api, dev), nil).Record())
	api.editDecrypt = func(resp *kmsapi.DecryptResponse) { resp.KeyID = "other"; cancel() }
	k, err := p.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Record: r})
	if k != nil || !errors.Is(err, context.Canceled) || !errors.Is(err, keyring.ErrWrongKey) || errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt = %v, %v, want context.Canceled and ErrWrongKey, not ErrNoMatch", k, err)
	}
	if n := api.count("Decrypt"); n != 1 {
		t.Errorf("%d calls of Decrypt, want 1", n)
	}
}

// The answer of another key is wiped, whatever else happens.
func TestKMSWipesAnswers(t *testing.T) {
	api := newFakeKMS(prod, dev)
	var seen []kmsapi.Plaintext
	api.editDecrypt = func(r *kmsapi.DecryptResponse) { r.KeyID = dev; seen = append(seen, r.Plaintext) }
	api.editGenerate = func(r *kmsapi.GenerateDataKeyResponse) { seen = append(seen, r.Plaintext) }
	p := newKMS(t, api, prod)
	k := generate(t, p, nil)
	decrypt(t, p, nil, k.Record())
	if len(seen) != 2 {
		t.Fatalf("%d answers, want 2", len(seen))
	}
	for i, s := range seen {
		if !bytes.Equal(s.Bytes(), make([]byte, 44)) {
			t.Errorf("answer %d was not wiped", i)
		}
	}
}

func TestKMSGenerateByOtherKey(t *testing.T) {
	for _, answer := range []string{dev, "", alias, "acs:kms:us-east-1:1234567890123456:key/" + prod, "acs:kms:cn-hangzhou:1:key/" + prod, "x\ny"} {
		api := newFakeKMS(prod, dev)
		api.editGenerate = func(r *kmsapi.GenerateDataKeyResponse) { r.KeyID = answer }
		api.editEncrypt = func(r *kmsapi.EncryptResponse) { r.KeyID = answer }
		p := newKMS(t, api, prodARN)
		if _, err := p.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM}); !errors.Is(err, keyring.ErrWrongKey) {
			t.Errorf("answer by %q: GenerateDataKey = %v, want ErrWrongKey", answer, err)
		}
		raw, err := keyring.NewRawAES("x", make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Key: generate(t, raw, nil)}); !errors.Is(err, keyring.ErrWrongKey) {
			t.Errorf("answer by %q: Wrap = %v, want ErrWrongKey", answer, err)
		}
	}
}

func TestKMSDataKeySizes(t *testing.T) {
	text := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	good := text(32)
	for name, answer := range map[string]string{
		"empty": "", "16 bytes": text(16), "31 bytes": text(31), "33 bytes": text(33), "64 bytes": text(64),
		"not base64": strings.Repeat("!", 44), "newline at the end": good + "\n", "newline inside": good[:42] + "\n=",
		"newline for padding": good[:43] + "\n", "no padding": good[:43], "loose bits": good[:42] + "B=", "url alphabet": strings.Repeat("-", 43) + "=",
	} {
		t.Run(name, func(t *testing.T) {
			api := newFakeKMS(prod)
			p := newKMS(t, api, prod)
			k := generate(t, p, nil)
			api.editGenerate = func(r *kmsapi.GenerateDataKeyResponse) { r.Plaintext = kmsapi.NewPlaintext([]byte(answer)) }
			api.editDecrypt = func(r *kmsapi.DecryptResponse) { r.Plaintext = kmsapi.NewPlaintext([]byte(answer)) }
			_, err := p.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM})
			if !errors.Is(err, keyring.ErrInvalidDataKey) || errors.Is(err, keyring.ErrAuthentication) {
				t.Errorf("GenerateDataKey = %v, want ErrInvalidDataKey", err)
			}
			if _, err := decrypt(t, p, nil, k.Record()); !errors.Is(err, keyring.ErrInvalidDataKey) || !errors.Is(err, keyring.ErrAuthentication) {
				t.Errorf("Decrypt = %v, want ErrInvalidDataKey and ErrAuthentication", err)
			}
		})
	}
}

func TestKMSBlobSizes(t *testing.T) {
	for name, blob := range map[string]string{
		"empty": "", "not base64": "!!!!", "4097 bytes": base64.StdEncoding.EncodeToString(make([]byte, 4097)), "no padding": "AA",
	} {
		api := newFakeKMS(prod)
		api.editGenerate = func(r *kmsapi.GenerateDataKeyResponse) { r.CiphertextBlob = blob }
		if _, err := newKMS(t, api, prod).GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM}); !errors.Is(err, keyring.ErrInvalidDataKey) {
			t.Errorf("blob %s: GenerateDataKey = %v, want ErrInvalidDataKey", name, err)
		}
	}
}

// Causes of the service stay visible, and only "invalid ciphertext" is a failure of authentication.
func TestKMSCauses(t *testing.T) {
	for _, cause := range []error{
		kmsapi.ErrDisabled, kmsapi.ErrPendingDeletion, kmsapi.ErrKeyNotFound, kmsapi.ErrAccessDenied, kmsapi.ErrThrottled,
		kmsapi.ErrUnavailable, kmsapi.ErrInvalidCiphertext,
	} {
		api := newFakeKMS(prod)
		p := newKMS(t, api, prod)
		k := generate(t, p, nil)
		api.fail["Decrypt"], api.fail["GenerateDataKey"] = cause, cause
		_, err := decrypt(t, p, nil, k.Record())
		if !errors.Is(err, cause) || errors.Is(err, keyring.ErrAuthentication) != (cause == kmsapi.ErrInvalidCiphertext) || errors.Is(err, keyring.ErrNoMatch) {
			t.Errorf("Decrypt = %v, want %v", err, cause)
		}
		if _, err := p.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM}); !errors.Is(err, cause) {
			t.Errorf("GenerateDataKey = %v, want %v", err, cause)
		}
	}
}

// F12: sixteen entries that all name the reader's key cost one call, and the one spelt as configured is tried.
func TestKMSOneCallPerKey(t *testing.T) {
	api := newFakeKMS(prod, dev)
	p := newKMS(t, api, prodARN)
	k := generate(t, p, nil)
	r := k.Record().Clone()
	for i := range 13 {
		r = append(r, format.WrappedKey{Provider: "kms", KeyID: fmt.Sprintf("acs:kms:cn-hangzhou:1234567890123456:key/other-%d", i), Ciphertext: []byte{1}})
	}
	r = append(r, format.WrappedKey{Provider: "kms", KeyID: prod, Ciphertext: []byte("junk")})
	r = append(r, format.WrappedKey{Provider: "kms", KeyID: "acs:kms:us-east-1:1234567890123456:key/" + prod, Ciphertext: []byte("junk")})
	r = format.MergeRecords(r)
	if _, err := decrypt(t, p, nil, r); err != nil {
		t.Errorf("Decrypt = %v", err)
	}
	if n := api.count("Decrypt"); n != 1 || api.total() != 2 {
		t.Errorf("%d calls of Decrypt, %v in all, want 1 and 2", n, api.calls)
	}
	// A key that is in the list of further keys is its own configured key: one call more at most.
	q := newKMS(t, api, dev, prod)
	r = format.MergeRecords(r, format.Record{{Provider: "kms", KeyID: dev, Ciphertext: []byte("junk")}})
	api.calls = map[string]int{}
	_, err := decrypt(t, q, nil, r)
	if n := api.count("Decrypt"); n != 2 {
		t.Errorf("%d calls of Decrypt, want 2 (%v)", n, err)
	}
	var unwrap *keyring.UnwrapError
	if !errors.As(err, &unwrap) || len(unwrap.Errs) != 2 {
		t.Errorf("Decrypt = %v, want an UnwrapError of 2", err)
	}
}

// F6: text from a message never becomes part of an address: only the provider's own spelling is ever sent.
func TestKMSRegionFromMessage(t *testing.T) {
	api := newFakeKMS(prod)
	p := newKMS(t, api, prod)
	c := generate(t, p, nil).Record()[0].Ciphertext
	for _, id := range []string{"acs:kms:x@127.0.0.1#:1:key/" + prod, "acs:kms:evil.example/:1:key/" + prod, "acs:kms:r:1:alias/x", alias, "acs:kms:r"} {
		before := api.total()
		if _, err := decrypt(t, p, nil, format.Record{{Provider: "kms", KeyID: id, Ciphertext: c}}); !errors.Is(err, keyring.ErrNoMatch) {
			t.Errorf("Decrypt of an entry of %s = %v, want ErrNoMatch", id, err)
		}
		if api.total() != before {
			t.Errorf("an entry of %s caused a call", id)
		}
	}
	// Another region's key of the same id is not this one, where both are known.
	q := newKMS(t, api, prodARN)
	if _, err := decrypt(t, q, nil, format.Record{{Provider: "kms", KeyID: "acs:kms:us-east-1:1234567890123456:key/" + prod, Ciphertext: c}}); !errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt of an entry of another region = %v, want ErrNoMatch", err)
	}
	if _, err := decrypt(t, q, nil, format.Record{{Provider: "kms", KeyID: "acs:kms:cn-hangzhou:1:key/" + prod, Ciphertext: c}}); !errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt of an entry of another account = %v, want ErrNoMatch", err)
	}
}

// What a provider configured by an alias opens, before and after the alias has moved from prod to dev.
func TestKMSAliasMoves(t *testing.T) {
	for _, configured := range []string{alias, aliasARN} {
		synctest.Test(t, func(t *testing.T) {
			api := newFakeKMS(prod, dev)
			api.aliases[alias] = prod
			p := newKMS(t, api, configured)
			old := generate(t, p, nil)
			if _, err := decrypt(t, p, nil, old.Record()); err != nil {
				t.Errorf("before the move: %v", err)
			}
			if n := api.count("DescribeKey"); n != 1 {
				t.Errorf("%d calls of DescribeKey at first use, want 1", n)
			}
			if decrypt(t, p, nil, old.Record()); api.count("DescribeKey") != 1 {
				t.Error("DescribeKey is asked again for a known key")
			}

			api.point(alias, dev)
			young := generate(t, p, nil)
			if young.Record()[0].KeyID == old.Record()[0].KeyID {
				t.Error("after the move the provider writes under the old key")
			}
			// Within the minute the provider does not ask again.
			if _, err := decrypt(t, p, nil, young.Record()); !errors.Is(err, keyring.ErrNoMatch) {
				t.Errorf("new message within the minute: %v, want ErrNoMatch", err)
			}
			if n := api.count("DescribeKey"); n != 1 {
				t.Errorf("%d calls of DescribeKey within a minute, want 1", n)
			}
			time.Sleep(time.Minute) // the bubble's clock
			if _, err := decrypt(t, p, nil, young.Record()); err != nil {
				t.Errorf("new message after a minute: %v", err)
			}
			// From now on the old key is not what the alias points at.
			if _, err := decrypt(t, p, nil, old.Record()); !errors.Is(err, keyring.ErrNoMatch) {
				t.Errorf("old message after the move: %v, want ErrNoMatch", err)
			}
			if n := api.count("DescribeKey"); n != 2 {
				t.Errorf("%d calls of DescribeKey, want 2", n)
			}
			// A reader that lists the old key opens both, and asks for the alias only when it must.
			q := newKMS(t, api, configured, prod)
			if _, err := decrypt(t, q, nil, old.Record()); err != nil {
				t.Errorf("old message with the old key listed: %v", err)
			}
			if n := api.count("DescribeKey"); n != 2 {
				t.Errorf("DescribeKey asked for a listed key")
			}
			if _, err := decrypt(t, q, nil, young.Record()); err != nil {
				t.Errorf("new message with the old key listed: %v", err)
			}
		})
	}
}

// An outage of DescribeKey is told as such; until the first answer everybody may ask, afterwards once a minute.
func TestKMSAliasOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeKMS(prod, dev)
		api.aliases[alias] = prod
		old, other := generate(t, newKMS(t, api, prod), nil).Record(), generate(t, newKMS(t, api, dev), nil).Record()
		p := newKMS(t, api, alias)
		api.fail["DescribeKey"] = errOutage
		for range 2 {
			if _, err := decrypt(t, p, nil, old); !errors.Is(err, errOutage) {
				t.Errorf("Decrypt = %v, want the outage", err)
			}
		}
		if n := api.count("DescribeKey"); n != 2 {
			t.Errorf("%d calls of DescribeKey, want 2", n)
		}
		delete(api.fail, "DescribeKey")
		if _, err := decrypt(t, p, nil, old); err != nil {
			t.Errorf("after the outage: %v", err)
		}
		time.Sleep(time.Minute)
		api.fail["DescribeKey"] = errOutage
		for range 3 {
			if _, err := decrypt(t, p, nil, other); !errors.Is(err, errOutage) {
				t.Errorf("Decrypt of another key's = %v, want the outage", err)
			}
		}
		if n := api.count("DescribeKey"); n != 4 {
			t.Errorf("%d calls of DescribeKey, want 4", n)
		}
		if _, err := decrypt(t, p, nil, old); err != nil {
			t.Errorf("a known key during the outage: %v", err)
		}
		for name, answer := range map[string]string{"alias": alias, "empty": "", "text": "no key\n"} {
			time.Sleep(time.Minute)
			delete(api.fail, "DescribeKey")
			api.editDescribe = func(r *kmsapi.DescribeKeyResponse) { r.KeyID = answer }
			if _, err := decrypt(t, p, nil, other); !errors.Is(err, keyring.ErrWrongKey) {
				t.Errorf("DescribeKey answers %s: %v, want ErrWrongKey", name, err)
			}
		}
	})
}

func TestKMSWrapRenews(t *testing.T) {
	api := newFakeKMS(prod, dev)
	api.aliases[alias] = prod
	ec := pairs(t, map[string]string{"tenant": "42"})
	for _, configured := range []string{prod, prodARN, alias, aliasARN} {
		p := newKMS(t, api, configured)
		k := generate(t, p, ec)
		others := format.Record{{Provider: "raw", KeyID: "r", Ciphertext: make([]byte, 112)}}
		r, err := p.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Context: ec, Record: format.MergeRecords(k.Record(), others)})
		if err != nil {
			t.Fatalf("%s: Wrap = %v", configured, err)
		}
		if len(r) != 1 || r[0].KeyID != k.Record()[0].KeyID || bytes.Equal(r[0].Ciphertext, k.Record()[0].Ciphertext) {
			t.Errorf("%s: Wrap = %v, want its own entry anew", configured, r)
		}
		if api.lastKeyID != prod {
			t.Errorf("%s: destination %q, want the bare id", configured, api.lastKeyID)
		}
		if o, err := decrypt(t, p, ec, r); err != nil || !o.Equal(k) {
			t.Errorf("%s: renewed entry: %v", configured, err)
		}
	}
	p := newKMS(t, api, prod)
	k := generate(t, p, ec)
	// F2: what lies under another key is not moved without the data key, whatever its label says.
	q := newKMS(t, api, dev)
	if _, err := q.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Context: ec, Record: k.Record()}); !errors.Is(err, keyring.ErrNeedKey) {
		t.Errorf("Wrap under another key without the data key = %v, want ErrNeedKey", err)
	}
	planted := k.Record().Clone()
	planted[0].KeyID = dev
	if r, err := q.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Context: ec, Record: planted}); !errors.Is(err, keyring.ErrWrongKey) || r != nil {
		t.Errorf("Wrap of a relabelled entry = %v, %v, want ErrWrongKey", r, err)
	}
	if _, err := p.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Record: k.Record()}); !errors.Is(err, keyring.ErrAuthentication) {
		t.Errorf("Wrap under another context = %v, want ErrAuthentication", err)
	}
	api.fail["ReEncrypt"] = errors.ErrUnsupported
	if _, err := p.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Context: ec, Record: k.Record()}); !errors.Is(err, keyring.ErrNeedKey) {
		t.Errorf("Wrap at an instance gateway = %v, want ErrNeedKey", err)
	}
	api.fail["ReEncrypt"] = errOutage
	if _, err := p.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Context: ec, Record: k.Record()}); !errors.Is(err, errOutage) {
		t.Errorf("Wrap during an outage = %v, want it", err)
	}
}

// A new entry takes the place of the old one of the same key, however that is spelt; beside it the old one would stay.
func TestKMSWrapKeepsSpelling(t *testing.T) {
	api := newFakeKMS(prod)
	k := generate(t, newKMS(t, api, prod), nil)
	for _, key := range []*keyring.DataKey{nil, k} {
		r, err := newKMS(t, api, prodARN).Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Record: k.Record(), Key: key})
		if err != nil || len(r) != 1 || r[0].KeyID != prod {
			t.Errorf("Wrap = %v, %v, want an entry of %s", r, err, prod)
		}
	}
}
