package kmskey_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/kmskey"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

const (
	keyID = "11111111-2222-3333-4444-555555555555"
	other = "66666666-7777-8888-9999-aaaaaaaaaaaa"
	arn   = "acs:kms:cn-hangzhou:1234567890123456:key/" + keyID
	alias = "alias/Apollo/WorkKey"
)

func is32(n int) bool { return n == 32 }

func TestParseName(t *testing.T) {
	for _, tt := range []struct {
		in    string
		id    string // "" is an error
		alias bool
		arn   bool
	}{
		{keyID, keyID, false, false},
		{"key-hzz62f1cb66fa42qo****"[:21], "key-hzz62f1cb66fa42qo", false, false},
		{arn, keyID, false, true},
		{alias, alias, true, false},
		{"acs:kms:cn-hangzhou:12:" + alias, alias, true, true},
		{"", "", false, false},
		{"a b", "", false, false},
		{"a:b", "", false, false},
		{"alias/", "", false, false},
		{"alias/a b", "", false, false},
		{"key/" + keyID, "", false, false},
		{"acs:kms:cn-hangzhou:12:secret/x", "", false, false},
		{"acs:kms:cn-hangzhou:12:" + keyID, "", false, false},
		{"acs:kms:cn-hangzhou:12:key/", "", false, false},
		{"acs:kms:cn-hangzhou:12:key/a:b", "", false, false},
		{"acs:kms:cn-hangzhou::key/" + keyID, "", false, false},
		{"acs:kms::12:key/" + keyID, "", false, false},
		{"acs:kms:evil.example/:12:key/" + keyID, "", false, false},
		{"acs:oss:cn-hangzhou:12:key/" + keyID, "", false, false},
		{strings.Repeat("a", 513), "", false, false},
	} {
		n, err := kmskey.ParseName(tt.in)
		if tt.id == "" {
			if !errors.Is(err, kmskey.ErrName) {
				t.Errorf("ParseName(%q) = %v, %v, want ErrName", tt.in, n, err)
			}
			continue
		}
		if err != nil || n.ID() != tt.id || n.IsAlias() != tt.alias || n.IsARN() != tt.arn || n.String() != tt.in {
			t.Errorf("ParseName(%q) = %v (id %q, alias %v, arn %v), %v", tt.in, n, n.ID(), n.IsAlias(), n.IsARN(), err)
		}
	}
}

func TestSame(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{keyID, keyID, true},
		{keyID, other, false},
		{keyID, arn, true},
		{arn, keyID, true},
		{arn, arn, true},
		{arn, strings.Replace(arn, "hangzhou", "beijing", 1), false},
		{arn, strings.Replace(arn, "1234567890123456", "6543210987654321", 1), false},
		{alias, alias, false},
	} {
		a, err := kmskey.ParseName(tt.a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := kmskey.ParseName(tt.b)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Same(b); got != tt.want {
			t.Errorf("%v same as %v: %v, want %v", a, b, got, tt.want)
		}
	}
}

func TestNew(t *testing.T) {
	api := &kmskeytest.KMS{}
	for _, tt := range []struct {
		name  string
		keyID string
		opens []string
	}{
		{"no id", "", nil},
		{"no further id", keyID, []string{""}},
		{"alias as further key", keyID, []string{alias}},
	} {
		if _, err := kmskey.New(api, tt.keyID, tt.opens); !errors.Is(err, kmskey.ErrName) {
			t.Errorf("%s: New = %v, want ErrName", tt.name, err)
		}
	}
	if _, err := kmskey.New(nil, keyID, nil); err == nil {
		t.Error("New without an API succeeded")
	}
	if _, err := kmskey.New(api, keyID, make([]string, 65)); err == nil || errors.Is(err, kmskey.ErrName) {
		t.Errorf("New with 65 further keys = %v", err)
	}
	k, err := kmskey.New(api, arn, nil)
	if err != nil || k.Name().String() != arn || api.Calls("") != 0 {
		t.Errorf("New(%q) = %v, %v after %d calls", arn, k, err, api.Calls(""))
	}
}

func TestRoundTrip(t *testing.T) {
	for _, name := range []string{keyID, arn, alias} {
		ctx := t.Context()
		ec := map[string]string{"a": "b"}
		api := &kmskeytest.KMS{Asked: func(op, id string, got map[string]string) {
			if id != "" && id != keyID && id != alias || op != "DescribeKey" && got["a"] != "b" {
				t.Errorf("%s asked for %q with %v", op, id, got)
			}
		}}
		api.Alias(alias, keyID)
		k, err := kmskey.New(api, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{16, 32, 1024} {
			key, blob, err := k.Generate(ctx, size, ec)
			if err != nil || len(key) != size || kmskey.CheckBlob(blob) != nil {
				t.Fatalf("%s: Generate(%d) = %d bytes, %q, %v", name, size, len(key), blob, err)
			}
			wrapped, err := k.Wrap(ctx, key, ec)
			if err != nil || wrapped == blob {
				t.Fatalf("%s: Wrap = %q, %v", name, wrapped, err)
			}
			for _, b := range []string{blob, wrapped} {
				got, err := k.Unwrap(ctx, b, ec, func(n int) bool { return n == size })
				if err != nil || string(got) != string(key) {
					t.Errorf("%s: Unwrap = %d bytes, %v", name, len(got), err)
				}
			}
		}
		if got, want := api.Calls("DescribeKey"), map[bool]int{true: 6}[name == alias]; got != want {
			t.Errorf("%s: %d calls of DescribeKey, want %d", name, got, want)
		}
	}
}

// What another key answers is refused for every operation, and an alias in an answer is no key.
func TestWrongKey(t *testing.T) {
	ctx := t.Context()
	for _, lie := range []string{other, "", alias, "not an id", strings.Replace(arn, "hangzhou", "beijing", 1)} {
		api := &kmskeytest.KMS{}
		api.Plant("AAAA", keyID, base64.StdEncoding.EncodeToString(make([]byte, 32)), nil)
		k, err := kmskey.New(api, arn, nil)
		if err != nil {
			t.Fatal(err)
		}
		api.AnswerKeyID = func(string, string) string { return lie }
		if key, _, err := k.Generate(ctx, 32, nil); !errors.Is(err, kmskey.ErrWrongKey) || key != nil {
			t.Errorf("answer %q: Generate = %v, want ErrWrongKey", lie, err)
		}
		if _, err := k.Wrap(ctx, make([]byte, 32), nil); !errors.Is(err, kmskey.ErrWrongKey) {
			t.Errorf("answer %q: Wrap = %v, want ErrWrongKey", lie, err)
		}
		if key, err := k.Unwrap(ctx, "AAAA", nil, is32); !errors.Is(err, kmskey.ErrWrongKey) || key != nil {
			t.Errorf("answer %q: Unwrap = %v, want ErrWrongKey", lie, err)
		}
	}
}

func TestUnwrapByAlias(t *testing.T) {
	ctx := t.Context()
	api := &kmskeytest.KMS{}
	text := base64.StdEncoding.EncodeToString(make([]byte, 32))
	api.Plant("AAAA", other, text, nil)
	api.Alias(alias, keyID)
	k, err := kmskey.New(api, alias, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Unwrap(ctx, "AAAA", nil, is32); !errors.Is(err, kmskey.ErrWrongKey) {
		t.Errorf("key that the alias does not point at: %v, want ErrWrongKey", err)
	}
	boom := errors.New("boom")
	api.Fail = map[string]error{"DescribeKey": boom}
	if _, err := k.Unwrap(ctx, "AAAA", nil, is32); !errors.Is(err, boom) {
		t.Errorf("DescribeKey fails: %v, want its error", err)
	}
	k, err = kmskey.New(api, alias, []string{keyID, other})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Unwrap(ctx, "AAAA", nil, is32); err != nil {
		t.Errorf("further key: %v", err)
	}
}

func TestBadAnswers(t *testing.T) {
	ctx := t.Context()
	texts := map[string]string{
		"empty":         "",
		"no base64":     "!!!!",
		"line end":      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		"unpadded":      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"not strict":    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
		"short":         "AAAA",
		"enormous":      strings.Repeat("AAAA", 400),
		"encoded twice": base64.StdEncoding.EncodeToString([]byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
	}
	for name, text := range texts {
		api := &kmskeytest.KMS{AnswerText: func(string, string) string { return text }}
		api.Plant("AAAA", keyID, "x", nil)
		k, err := kmskey.New(api, keyID, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := k.Generate(ctx, 32, nil); !errors.Is(err, kmskey.ErrInvalidDataKey) {
			t.Errorf("%s: Generate = %v, want ErrInvalidDataKey", name, err)
		}
		if _, err := k.Unwrap(ctx, "AAAA", nil, is32); !errors.Is(err, kmskey.ErrInvalidDataKey) {
			t.Errorf("%s: Unwrap = %v, want ErrInvalidDataKey", name, err)
		}
	}
	for name, blob := range map[string]string{"empty": "", "no base64": "*", "line end": "AAAA\n", "too long": strings.Repeat("A", kmskey.MaxBlob+4)} {
		api := &kmskeytest.KMS{AnswerBlob: func(string, string) string { return blob }}
		k, err := kmskey.New(api, keyID, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := k.Generate(ctx, 32, nil); !errors.Is(err, kmskey.ErrInvalidWrappedKey) {
			t.Errorf("%s: Generate = %v, want ErrInvalidWrappedKey", name, err)
		}
		if _, err := k.Wrap(ctx, make([]byte, 16), nil); !errors.Is(err, kmskey.ErrInvalidWrappedKey) {
			t.Errorf("%s: Wrap = %v, want ErrInvalidWrappedKey", name, err)
		}
	}
}

func TestServiceErrors(t *testing.T) {
	api := &kmskeytest.KMS{Fail: map[string]error{}}
	k, err := kmskey.New(api, keyID, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []string{"GenerateDataKey", "Encrypt", "Decrypt"} {
		api.Fail[op] = kmsapi.ErrThrottled
	}
	calls := func(ctx context.Context) []error {
		_, _, err1 := k.Generate(ctx, 32, nil)
		_, err2 := k.Wrap(ctx, make([]byte, 32), nil)
		_, err3 := k.Unwrap(ctx, "AAAA", nil, is32)
		return []error{err1, err2, err3}
	}
	for _, err := range calls(t.Context()) {
		if !errors.Is(err, kmsapi.ErrThrottled) {
			t.Errorf("throttled: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range calls(ctx) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
}

func TestUnwrapText(t *testing.T) {
	api := &kmskeytest.KMS{}
	api.Plant("AAAA", keyID, "186", nil)
	k, err := kmskey.New(api, keyID, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := k.UnwrapText(t.Context(), "AAAA", nil)
	if err != nil || string(text.Bytes()) != "186" {
		t.Errorf("UnwrapText = %q, %v", text.Bytes(), err)
	}
}

func TestCheckContext(t *testing.T) {
	long := func(n int) map[string]string { return map[string]string{"k": strings.Repeat("键", n)} }
	overhead := len(`{"k":""}`)
	for _, tt := range []struct {
		name string
		ec   map[string]string
		ok   bool
	}{
		{"none", nil, true},
		{"pairs", map[string]string{"a": "<&>", "": ""}, true},
		{"longest", long(kmskey.MaxContext - overhead), true},
		{"too long", long(kmskey.MaxContext - overhead + 1), false},
		{"key is not UTF-8", map[string]string{"\xff": ""}, false},
		{"value is not UTF-8", map[string]string{"": "\xff"}, false},
	} {
		err := kmskey.CheckContext(tt.ec)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, kmskey.ErrInvalidContext) {
			t.Errorf("%s: CheckContext = %v, want ok %v", tt.name, err, tt.ok)
		}
	}
}

func TestQuote(t *testing.T) {
	if got := kmskey.Quote("a\n"); got != `"a\n"` {
		t.Errorf("Quote = %s", got)
	}
	if got := kmskey.Quote(strings.Repeat("x", 1000)); len(got) > 140 || !strings.HasSuffix(got, "…") {
		t.Errorf("Quote of 1000 characters has %d", len(got))
	}
}
