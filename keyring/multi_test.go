package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/keyringtest"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

const (
	away    = "22222222-3333-4444-8555-666666666666"
	awayARN = "acs:kms:cn-shanghai:1234567890123456:key/" + away
)

func newMulti(t *testing.T, opts *keyring.MultiOptions, providers ...keyring.KeyProvider) *keyring.Multi {
	t.Helper()
	m, err := keyring.NewMulti(providers, opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A stub is a provider whose methods are functions; those that it has not must not be called.
type stub struct {
	generate func(context.Context, *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error)
	decrypt  func(context.Context, *keyring.DecryptRequest) (*keyring.DataKey, error)
	wrap     func(context.Context, *keyring.WrapRequest) (format.Record, error)
}

func (s stub) GenerateDataKey(ctx context.Context, req *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	return s.generate(ctx, req)
}

func (s stub) Decrypt(ctx context.Context, req *keyring.DecryptRequest) (*keyring.DataKey, error) {
	return s.decrypt(ctx, req)
}

func (s stub) Wrap(ctx context.Context, req *keyring.WrapRequest) (format.Record, error) {
	return s.wrap(ctx, req)
}

// wrapping is a stub that answers Wrap with a record, and keeps the data key that it was lent.
func wrapping(kept **keyring.DataKey, r format.Record, err error) stub {
	return stub{wrap: func(_ context.Context, req *keyring.WrapRequest) (format.Record, error) {
		if kept != nil {
			*kept = req.Key
		}
		return r, err
	}}
}

// noWrapper hides every method but those of KeyProvider.
type noWrapper struct{ keyring.KeyProvider }

// entries returns n entries of provider, with key ids from 0 on.
func entries(provider string, n int) format.Record {
	var r format.Record
	for i := range n {
		r = append(r, format.WrappedKey{Provider: provider, KeyID: fmt.Sprintf("%02d", i), Ciphertext: []byte{1}})
	}
	return r
}

func destroyed(k *keyring.DataKey) bool {
	return errors.Is(k.Lend(func([]byte) error { return nil }), keyring.ErrDestroyed)
}

func names(r format.Record) (s []string) {
	for _, e := range r {
		s = append(s, e.Provider+" "+e.KeyID)
	}
	return s
}

func TestMultiConformance(t *testing.T) {
	run := func(name string, harness func(t *testing.T) keyringtest.Harness) {
		t.Run(name, func(t *testing.T) { keyringtest.Run(t, harness) })
	}
	run("raw", func(t *testing.T) keyringtest.Harness {
		return keyringtest.Harness{Provider: newMulti(t, nil, newRaw(t, "a", 1)), Other: newMulti(t, nil, newRaw(t, "b", 2))}
	})
	run("raw and kms", func(t *testing.T) keyringtest.Harness {
		api := newFakeKMS(prod, dev)
		return keyringtest.Harness{
			Provider: newMulti(t, nil, newRaw(t, "a", 1), newKMS(t, api, prodARN)),
			Other:    newMulti(t, nil, newRaw(t, "b", 2), newKMS(t, api, dev)),
		}
	})
	run("kms and kms", func(t *testing.T) keyringtest.Harness {
		home, remote := newFakeKMS(prod, dev), newFakeKMS(away, dev)
		return keyringtest.Harness{
			Provider: newMulti(t, nil, newKMS(t, home, prodARN), newKMS(t, remote, awayARN)),
			Other:    newMulti(t, nil, newKMS(t, home, dev), newKMS(t, remote, "acs:kms:cn-shanghai:1234567890123456:key/"+dev)),
		}
	})
	run("multi of multi", func(t *testing.T) keyringtest.Harness {
		api := newFakeKMS(prod, away, dev)
		return keyringtest.Harness{
			Provider: newMulti(t, nil,
				newMulti(t, nil, newKMS(t, api, prod), newRaw(t, "a", 1)), newMulti(t, nil, newRaw(t, "b", 2), newKMS(t, api, away))),
			Other: newMulti(t, nil, newMulti(t, nil, newKMS(t, api, dev)), newMulti(t, nil, newRaw(t, "c", 3))),
		}
	})
	run("with a recipient", func(t *testing.T) keyringtest.Harness {
		return keyringtest.Harness{
			Provider: newMulti(t, nil, newRaw(t, "a", 1), newRecipient(t)),
			Other:    newMulti(t, nil, newRaw(t, "b", 2), newRecipient(t)),
		}
	})
	for _, opts := range []*keyring.MultiOptions{{Hedge: time.Nanosecond}, {Hedge: time.Hour}, {Hedge: time.Nanosecond, HedgePercentile: 90}, {HedgePercentile: 1}} {
		run(fmt.Sprintf("hedged after %v, percentile %d", opts.Hedge, opts.HedgePercentile), func(t *testing.T) keyringtest.Harness {
			api := newFakeKMS(prod, away, dev)
			return keyringtest.Harness{
				Provider: newMulti(t, opts, newKMS(t, api, prod), newRaw(t, "a", 1), newKMS(t, api, away)),
				Other:    newMulti(t, opts, newKMS(t, api, dev), newRaw(t, "b", 2)),
			}
		})
	}
	run("reading by a recipient", func(t *testing.T) keyringtest.Harness {
		return keyringtest.Harness{
			Provider:              newMulti(t, &keyring.MultiOptions{InsecureAllowUnauthenticatedSenders: true}, newRecipient(t), newRaw(t, "a", 1)),
			Other:                 newMulti(t, nil, newRaw(t, "b", 2)),
			UnauthenticatedSender: true,
		}
	})
}

func TestNewMultiRefuses(t *testing.T) {
	raw := newRaw(t, "a", 1)
	for _, tt := range []struct {
		name      string
		providers []keyring.KeyProvider
		want      string
		is        error
	}{
		{"none", nil, "0 providers, want 1 to 16", nil},
		{"seventeen", slices.Repeat([]keyring.KeyProvider{raw}, 17), "17 providers, want 1 to 16", nil},
		{"nil", []keyring.KeyProvider{raw, nil}, "provider 2 of 2 is nil", nil},
		{"second without Wrap", []keyring.KeyProvider{raw, noWrapper{raw}}, "provider 2 of 2 cannot wrap", errors.ErrUnsupported},
	} {
		m, err := keyring.NewMulti(tt.providers, nil)
		if m != nil || err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: NewMulti = %v, %v, want %s", tt.name, m, err, tt.want)
		}
	}
	for _, percentile := range []int{-1, 100} {
		m, err := keyring.NewMulti([]keyring.KeyProvider{raw}, &keyring.MultiOptions{Hedge: time.Second, HedgePercentile: percentile})
		if want := fmt.Sprintf("keyring: multi: hedge by percentile %d, want 1 to 99", percentile); m != nil || err == nil || err.Error() != want {
			t.Errorf("NewMulti = %v, %v, want %s", m, err, want)
		}
	}
	if m, err := keyring.NewMulti([]keyring.KeyProvider{raw}, &keyring.MultiOptions{Hedge: -1}); m != nil || err == nil || !strings.Contains(err.Error(), "hedge after -1ns") {
		t.Errorf("NewMulti with a negative Hedge = %v, %v", m, err)
	}
}

// The first generates, the others wrap, each entry opens by itself, and what the caller does with his slice is his
// business.
func TestMultiGenerates(t *testing.T) {
	home, remote := newFakeKMS(prod), newFakeKMS(away)
	raw := newRaw(t, "recovery", 1)
	providers := []keyring.KeyProvider{newKMS(t, home, prodARN), raw, newKMS(t, remote, awayARN)}
	m := newMulti(t, nil, providers...)
	alone := slices.Clone(providers)
	clear(providers)
	ec := pairs(t, map[string]string{"tenant": "42"})
	k := generate(t, m, ec)
	if got, want := fmt.Sprint(names(k.Record())), fmt.Sprint([]string{"kms " + prodARN, "kms " + awayARN, "raw recovery"}); got != want {
		t.Errorf("record %s, want %s", got, want)
	}
	if provider, id := k.OpenedBy(); provider != "kms" || id != prodARN {
		t.Errorf("OpenedBy = %s, %s, want the first provider's", provider, id)
	}
	if fmt.Sprint(home.calls, remote.calls) != "map[GenerateDataKey:1] map[Encrypt:1]" {
		t.Errorf("calls %v, %v, want GenerateDataKey at the first and Encrypt at the other", home.calls, remote.calls)
	}
	for i, p := range alone {
		got, err := decrypt(t, p, ec, k.Record())
		if err != nil || !got.Equal(k) {
			t.Errorf("provider %d alone: %v", i+1, err)
		}
	}
}

// OpenedBy of a new key is the first provider's entry, wherever it stands among the others.
func TestMultiOpener(t *testing.T) {
	api := newFakeKMS(prod)
	k := generate(t, newMulti(t, nil, newRaw(t, "a", 1), newKMS(t, api, prod)), nil)
	if provider, id := k.OpenedBy(); provider != "raw" || id != "a" || k.Record()[0].Provider != "kms" {
		t.Errorf("OpenedBy = %s, %s of %v", provider, id, names(k.Record()))
	}
}

// All or nothing: whatever one of the providers says, nothing is returned and the data key is wiped.
func TestMultiGenerateFails(t *testing.T) {
	api := newFakeKMS(prod)
	api.fail["Encrypt"] = kmsapi.ErrThrottled
	throttled := newKMS(t, api, prod)
	raw := newRaw(t, "a", 1)
	var kept *keyring.DataKey
	other := func(r format.Record, err error) []keyring.KeyProvider {
		return []keyring.KeyProvider{raw, wrapping(&kept, r, err)}
	}
	for _, tt := range []struct {
		name      string
		providers []keyring.KeyProvider
		want      []error
	}{
		{"one throttled", append(other(entries("x.example", 1), nil), throttled), []error{kmsapi.ErrThrottled}},
		{"two causes", append(other(nil, errOutage), throttled), []error{kmsapi.ErrThrottled, errOutage}},
		{"one that cannot wrap", other(nil, fmt.Errorf("x: %w", errors.ErrUnsupported)), []error{errors.ErrUnsupported}},
		{"one without an entry", other(nil, nil), []error{format.ErrInvalid}},
		{"malformed entry", other(format.Record{{Provider: "x.example", KeyID: "a\nb", Ciphertext: []byte{1}}}, nil), []error{format.ErrInvalid}},
		{"the key of the first", other(format.Record{{Provider: "raw", KeyID: "a", Ciphertext: make([]byte, 112)}}, nil), []error{keyring.ErrDuplicateKey}},
		{"the key of another", append(other(entries("x.example", 2), nil), wrapping(nil, entries("x.example", 1), nil)), []error{keyring.ErrDuplicateKey}},
		{"seventeen entries", other(entries("x.example", 16), nil), []error{format.ErrInvalid}},
		{"two passphrases", append(other(format.Record{{Provider: "passphrase", KeyID: "a", Ciphertext: make([]byte, 134)}}, nil),
			wrapping(nil, format.Record{{Provider: "passphrase", KeyID: "b", Ciphertext: make([]byte, 134)}}, nil)), []error{format.ErrInvalid}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, err := newMulti(t, nil, tt.providers...).GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Size: -1})
			for _, want := range tt.want {
				if k != nil || !errors.Is(err, want) {
					t.Errorf("GenerateDataKey = %v, %v, want %v", k, err, want)
				}
			}
			if kept == nil || !destroyed(kept) {
				t.Error("the generated data key was not wiped")
			}
		})
	}
	if k := generate(t, newMulti(t, nil, other(entries("x.example", 15), nil)...), nil); len(k.Record()) != 16 {
		t.Errorf("%d entries, want 16", len(k.Record()))
	}
}

// What the first provider answers is looked at, too.
func TestMultiFirstProvider(t *testing.T) {
	first := func(k *keyring.DataKey, err error) *keyring.Multi {
		return newMulti(t, nil, stub{generate: func(context.Context, *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) { return k, err }},
			wrapping(nil, entries("x.example", 1), nil))
	}
	for _, tt := range []struct {
		name string
		key  *keyring.DataKey
		err  error
		s    format.Suite
		want error
	}{
		{"fails", nil, errOutage, format.AES256GCM, errOutage},
		{"key for another suite", newDataKey(t), nil, format.SM4GCM, keyring.ErrInvalidDataKey},
		{"destroyed key", func() *keyring.DataKey { k := newDataKey(t); k.Destroy(); return k }(), nil, format.AES256GCM, keyring.ErrDestroyed},
	} {
		k, err := first(tt.key, tt.err).GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: tt.s, Size: -1})
		if k != nil || !errors.Is(err, tt.want) {
			t.Errorf("%s: GenerateDataKey = %v, %v, want %v", tt.name, k, err, tt.want)
		}
		if tt.key != nil && !destroyed(tt.key) {
			t.Errorf("%s: its data key was not wiped", tt.name)
		}
	}
}

// The order of the providers decides who is asked, not the order of the entries.
func TestMultiOrder(t *testing.T) {
	home, remote := newFakeKMS(prod), newFakeKMS(away)
	a, b := newKMS(t, home, prodARN), newKMS(t, remote, awayARN)
	r := generate(t, newMulti(t, nil, a, b), nil).Record()
	for _, tt := range []struct {
		name string
		m    *keyring.Multi
		want string
	}{
		{"home first", newMulti(t, nil, a, b), prodARN},
		{"remote first", newMulti(t, nil, b, a), awayARN},
	} {
		before := home.count("Decrypt") + remote.count("Decrypt")
		k, err := decrypt(t, tt.m, nil, r)
		if err != nil {
			t.Fatal(err)
		}
		if _, id := k.OpenedBy(); id != tt.want {
			t.Errorf("%s: OpenedBy = %s, want %s", tt.name, id, tt.want)
		}
		if n := home.count("Decrypt") + remote.count("Decrypt") - before; n != 1 {
			t.Errorf("%s: %d calls, want 1", tt.name, n)
		}
	}
	// The loss of a region costs a call and nothing else.
	home.fail["Decrypt"] = kmsapi.ErrUnavailable
	k, err := decrypt(t, newMulti(t, nil, a, b), nil, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, id := k.OpenedBy(); id != awayARN {
		t.Errorf("without the first region OpenedBy = %s, want %s", id, awayARN)
	}
}

func TestMultiCauses(t *testing.T) {
	home, remote := newFakeKMS(prod), newFakeKMS(away)
	m := newMulti(t, nil, newKMS(t, home, prodARN), newRaw(t, "a", 1), newKMS(t, remote, awayARN))
	k := generate(t, m, nil)
	home.fail["Decrypt"], remote.fail["Decrypt"] = kmsapi.ErrThrottled, &causeError{"refused"}
	r := slices.DeleteFunc(k.Record().Clone(), func(e format.WrappedKey) bool { return e.Provider == "raw" })
	_, err := decrypt(t, m, nil, r)
	var unwrap *keyring.UnwrapError
	var cause *causeError
	if !errors.As(err, &unwrap) || len(unwrap.Errs) != 3 || !errors.As(err, &cause) {
		t.Fatalf("Decrypt = %v, want an UnwrapError of 3", err)
	}
	if !errors.Is(unwrap.Errs[0], kmsapi.ErrThrottled) || !strings.Contains(unwrap.Errs[1].Error(), "no wrapped key") || !errors.Is(unwrap.Errs[2], cause) {
		t.Errorf("Decrypt = %v, want the causes in order", err)
	}
	if errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt = %v matches ErrNoMatch, though keys of ours are there", err)
	}
	if _, err := decrypt(t, m, nil, entries("x.example", 3)); !errors.Is(err, keyring.ErrNoMatch) || !errors.As(err, &unwrap) || len(unwrap.Errs) != 3 {
		t.Errorf("Decrypt of foreign entries = %v, want ErrNoMatch of 3", err)
	}
	// A cause of a provider that found no match is visible whatever the others say.
	n := newMulti(t, nil, newKMS(t, home, prodARN), stub{
		wrap: func(context.Context, *keyring.WrapRequest) (format.Record, error) { return nil, errors.ErrUnsupported },
		decrypt: func(context.Context, *keyring.DecryptRequest) (*keyring.DataKey, error) {
			return nil, fmt.Errorf("%w: %w", &causeError{"not mine"}, keyring.ErrNoMatch)
		},
	})
	if _, err := decrypt(t, n, nil, r); !errors.As(err, &cause) || cause.text != "not mine" || errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt = %v, want the cause and not ErrNoMatch", err)
	}
}

type causeError struct{ text string }

func (e *causeError) Error() string { return e.text }

// Once the context is done nobody is asked any more, and the error says so, whatever the provider that was running says.
func TestMultiCancelled(t *testing.T) {
	for name, answer := range map[string]func(context.Context) error{
		"context's error": func(ctx context.Context) error { return fmt.Errorf("x: %w", ctx.Err()) },
		"no match":        func(context.Context) error { return keyring.ErrNoMatch },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		m := newMulti(t, nil, stub{decrypt: func(context.Context, *keyring.DecryptRequest) (*keyring.DataKey, error) {
			cancel()
			return nil, answer(ctx)
		}}, stub{})
		k, err := m.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Record: oneEntry})
		if k != nil || !errors.Is(err, context.Canceled) || errors.Is(err, keyring.ErrNoMatch) {
			t.Errorf("%s: Decrypt = %v, want context.Canceled", name, err)
		}
		if k, err := m.Decrypt(ctx, &keyring.DecryptRequest{}); k != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Decrypt under a done context = %v, want context.Canceled", name, err)
		}
	}
}

func TestMultiWrap(t *testing.T) {
	home, remote := newFakeKMS(prod), newFakeKMS(away)
	a, b, raw := newKMS(t, home, prodARN), newKMS(t, remote, awayARN), newRaw(t, "r", 1)
	unsupported := wrapping(nil, nil, errors.ErrUnsupported)
	k := generate(t, newMulti(t, nil, a, b), nil)
	for _, tt := range []struct {
		name      string
		providers []keyring.KeyProvider
		key       *keyring.DataKey
		want      error
		names     []string
	}{
		{"all renew", []keyring.KeyProvider{a, b}, nil, nil, []string{"kms " + prodARN, "kms " + awayARN}},
		{"one needs the key", []keyring.KeyProvider{a, raw, b}, nil, keyring.ErrNeedKey, nil},
		{"one needs the key, one fails", []keyring.KeyProvider{wrapping(nil, nil, errOutage), raw}, nil, keyring.ErrNeedKey, nil},
		{"one needs the key, one cannot", []keyring.KeyProvider{unsupported, raw}, nil, keyring.ErrNeedKey, nil},
		{"with the key", []keyring.KeyProvider{a, raw, b}, k, nil, []string{"kms " + prodARN, "kms " + awayARN, "raw r"}},
		{"the first cannot", []keyring.KeyProvider{noWrapper{a}, b}, k, errors.ErrUnsupported, nil},
		{"the only one cannot", []keyring.KeyProvider{noWrapper{a}}, nil, errors.ErrUnsupported, nil},
		{"none can", []keyring.KeyProvider{unsupported, unsupported}, nil, errors.ErrUnsupported, nil},
		{"one fails", []keyring.KeyProvider{a, wrapping(nil, nil, errOutage)}, k, errOutage, nil},
		{"two of one key", []keyring.KeyProvider{a, a}, k, keyring.ErrDuplicateKey, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := newMulti(t, nil, tt.providers...).Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Record: k.Record(), Key: tt.key})
			if !errors.Is(err, tt.want) || !slices.Equal(names(r), tt.names) {
				t.Fatalf("Wrap = %v, %v, want %v, %v", names(r), err, tt.names, tt.want)
			}
			for i, e := range r {
				if i < len(k.Record()) && bytes.Equal(e.Ciphertext, k.Record()[i].Ciphertext) {
					t.Errorf("entry %s is not new", e.KeyID)
				}
				var opener keyring.KeyProvider = newMulti(t, nil, a, b, raw)
				if o, err := decrypt(t, opener, nil, r[i:i+1]); err != nil || !o.Equal(k) {
					t.Errorf("entry %s: %v", e.KeyID, err)
				}
			}
		})
	}
}

// F1 in a Multi: a wrapped key of another key of each region, labelled as the configured ones.
func TestMultiAnswerByOtherKey(t *testing.T) {
	home, remote := newFakeKMS(prod, dev), newFakeKMS(away, dev)
	const remoteDev = "acs:kms:cn-shanghai:1234567890123456:key/" + dev
	mallory := generate(t, newMulti(t, nil, newKMS(t, home, dev), newKMS(t, remote, remoteDev)), nil)
	blob := map[string][]byte{}
	for _, e := range mallory.Record() {
		blob[e.KeyID] = e.Ciphertext
	}
	forged := format.MergeRecords(format.Record{
		{Provider: "kms", KeyID: prodARN, Ciphertext: blob[dev]}, {Provider: "kms", KeyID: awayARN, Ciphertext: blob[remoteDev]},
	})
	m := newMulti(t, nil, newKMS(t, home, prodARN), newKMS(t, remote, awayARN))
	if _, err := decrypt(t, m, nil, forged); !errors.Is(err, keyring.ErrNoMatch) || !errors.Is(err, keyring.ErrWrongKey) {
		t.Errorf("Decrypt of forged labels = %v, want ErrNoMatch and ErrWrongKey", err)
	}
	// With the second region down it is no longer certain that nothing is ours, but the attack stays visible.
	remote.fail["Decrypt"] = kmsapi.ErrUnavailable
	if _, err := decrypt(t, m, nil, forged); errors.Is(err, keyring.ErrNoMatch) || !errors.Is(err, keyring.ErrWrongKey) || !errors.Is(err, kmsapi.ErrUnavailable) {
		t.Errorf("Decrypt with a region down = %v, want ErrWrongKey and ErrUnavailable, not ErrNoMatch", err)
	}
}

// F3: Mallory has the public recovery key, write access to the store, and no right at any KMS. She invents a message.
func TestMultiUnauthenticatedSender(t *testing.T) {
	recovery := newRecipient(t)
	cmk := newKMS(t, newFakeKMS(prod), prodARN)
	ctx, ec := t.Context(), envelope.Context{"tenant": "42"}
	client := func(p keyring.KeyProvider) *envelope.Client {
		t.Helper()
		c, err := envelope.New(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	forged, err := client(recovery.writing(t)).Encrypt(ctx, []byte("transfer everything"), ec)
	if err != nil {
		t.Fatal(err)
	}
	allowed := &keyring.MultiOptions{InsecureAllowUnauthenticatedSenders: true}
	for _, tt := range []struct {
		name string
		p    *keyring.Multi
	}{
		{"cmk first", newMulti(t, nil, cmk, recovery)},
		{"recovery first", newMulti(t, nil, recovery, cmk)},
		{"recovery only", newMulti(t, nil, recovery)},
		{"inside another", newMulti(t, nil, cmk, newMulti(t, nil, newRaw(t, "a", 1), recovery))},
		{"inside another that was told so", newMulti(t, nil, cmk, newMulti(t, allowed, recovery))},
		{"inside a decorator", newMulti(t, nil, cmk, around{recovery})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := client(tt.p).Decrypt(ctx, forged, ec)
			if !errors.Is(err, keyring.ErrNoMatch) || !errors.Is(err, keyring.ErrUnauthenticatedSender) {
				t.Fatalf("Decrypt of the forged message = %v, want ErrNoMatch and ErrUnauthenticatedSender", err)
			}
			if !strings.Contains(err.Error(), "InsecureAllowUnauthenticatedSenders") {
				t.Errorf("Decrypt = %v, which names no remedy", err)
			}
			// Writing to the recovery key is free, and the recovery tool opens what was written.
			real, err := client(tt.p).Encrypt(ctx, []byte("hello"), ec)
			if err != nil {
				t.Fatalf("Encrypt = %v", err)
			}
			if got, err := client(recovery).Decrypt(ctx, real, ec); err != nil || string(got) != "hello" {
				t.Errorf("Decrypt by the recovery key = %q, %v", got, err)
			}
		})
	}
	// Told so in words, and only then, the forged message opens, and Info says by what.
	for _, p := range []*keyring.Multi{
		newMulti(t, allowed, cmk, recovery),
		newMulti(t, allowed, cmk, newMulti(t, allowed, recovery)),
		newMulti(t, allowed, cmk, around{recovery}),
	} {
		got, info, err := client(p).AppendDecrypt(ctx, nil, forged, ec)
		if err != nil || string(got) != "transfer everything" || info.Provider != "hpke" || info.KeyID != recovery.key.PublicKey().ID() {
			t.Errorf("Decrypt, allowed = %q, %+v, %v", got, info, err)
		}
	}
	// The outer permission does not reach inside.
	if _, err := client(newMulti(t, allowed, cmk, newMulti(t, nil, recovery))).Decrypt(ctx, forged, ec); !errors.Is(err, keyring.ErrUnauthenticatedSender) {
		t.Errorf("Decrypt, allowed outside only = %v, want ErrUnauthenticatedSender", err)
	}
	// An outage of the CMK is no reason to read by the recovery key, but to say that it is there.
	down := newFakeKMS(prod)
	m := newMulti(t, nil, newKMS(t, down, prodARN), recovery)
	message, err := client(m).Encrypt(ctx, []byte("hello"), ec)
	if err != nil {
		t.Fatal(err)
	}
	down.fail["Decrypt"] = kmsapi.ErrUnavailable
	if _, err := client(m).Decrypt(ctx, message, ec); !errors.Is(err, kmsapi.ErrUnavailable) || !errors.Is(err, keyring.ErrUnauthenticatedSender) || errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt during an outage = %v, want ErrUnavailable and ErrUnauthenticatedSender, not ErrNoMatch", err)
	}
}

// around is a decorator of a user's own.
type around struct{ keyring.KeyProvider }

func (d around) Unwrap() keyring.KeyProvider { return d.KeyProvider }

func (d around) Wrap(ctx context.Context, req *keyring.WrapRequest) (format.Record, error) {
	w, ok := d.KeyProvider.(keyring.Wrapper)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return w.Wrap(ctx, req)
}

// F12: whatever the entries, each provider makes its one call.
func TestMultiOneCallPerProvider(t *testing.T) {
	home, remote := newFakeKMS(prod), newFakeKMS(away)
	m := newMulti(t, nil, newKMS(t, home, prodARN), newKMS(t, remote, awayARN))
	var r format.Record
	for _, id := range []string{prod, prodARN, away, awayARN} {
		r = append(r, format.WrappedKey{Provider: "kms", KeyID: id, Ciphertext: []byte("junk")})
	}
	for i := range 12 {
		region := []string{"cn-hangzhou", "cn-shanghai", "us-east-1"}[i%3]
		id := []string{prod, away}[i%2]
		r = append(r, format.WrappedKey{Provider: "kms", KeyID: fmt.Sprintf("acs:kms:%s:%d:key/%s", region, i, id), Ciphertext: []byte("junk")})
	}
	if _, err := decrypt(t, m, nil, format.MergeRecords(r)); !errors.Is(err, kmsapi.ErrKeyNotFound) {
		t.Errorf("Decrypt = %v, want ErrKeyNotFound", err)
	}
	if home.total() != 1 || remote.total() != 1 {
		t.Errorf("calls %v and %v, want one each", home.calls, remote.calls)
	}
}

// F24: an entry that nobody opens can be spoilt unnoticed. Only asking its provider alone tells.
func TestMultiSpoiltRecovery(t *testing.T) {
	recovery := newRaw(t, "recovery", 1)
	m := newMulti(t, nil, newKMS(t, newFakeKMS(prod), prodARN), recovery)
	r := generate(t, m, nil).Record().Clone()
	i := slices.IndexFunc(r, func(e format.WrappedKey) bool { return e.Provider == "raw" })
	r[i].Ciphertext[111] ^= 1
	if _, err := decrypt(t, m, nil, r); err != nil {
		t.Errorf("Decrypt = %v", err)
	}
	if _, err := decrypt(t, recovery, nil, r); !errors.Is(err, keyring.ErrAuthentication) {
		t.Errorf("Decrypt by the recovery key = %v, want ErrAuthentication", err)
	}
}

func TestMultiUnwrap(t *testing.T) {
	raw, recovery := newRaw(t, "a", 1), newRecipient(t)
	if got := newMulti(t, nil, recovery, raw).Unwrap(); len(got) != 1 || got[0] != keyring.KeyProvider(raw) {
		t.Errorf("Unwrap = %v, want the provider that is asked", got)
	}
	if got := newMulti(t, &keyring.MultiOptions{InsecureAllowUnauthenticatedSenders: true}, recovery, raw).Unwrap(); len(got) != 2 {
		t.Errorf("Unwrap = %v, want both", got)
	}
}
