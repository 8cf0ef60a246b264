package aliyunesdk_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

const (
	keyA = "acs:kms:cn-hangzhou:1234567890123456:key/11111111-2222-3333-4444-555555555555"
	keyB = "acs:kms:cn-beijing:1234567890123456:key/66666666-7777-8888-9999-aaaaaaaaaaaa"
	keyC = "acs:kms:us-east-1:1234567890123456:key/66666666-7777-8888-9999-aaaaaaaaaaaa"
)

func rawID(arn string) string { return arn[strings.Index(arn, "key/")+4:] }

// insecure names all algorithms without authentication.
var insecure = []aliyunesdk.Algorithm{
	aliyunesdk.AES128CBC, aliyunesdk.AES256CBC, aliyunesdk.AES128CBCPKCS7, aliyunesdk.AES256CBCPKCS7, aliyunesdk.AES128CTR,
	aliyunesdk.AES256CTR, aliyunesdk.SM4CBC, aliyunesdk.SM4CBCPKCS7, aliyunesdk.SM4CTR,
}

func newClient(t testing.TB, opts *aliyunesdk.Options, keys ...aliyunesdk.Key) *aliyunesdk.Client {
	t.Helper()
	c, err := aliyunesdk.New(keys, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// plant makes a service know the wrapped keys of a message, and returns a client of all their CMKs.
func plant(t testing.TB, api *kmskeytest.KMS, message []byte, text string, opts *aliyunesdk.Options) *aliyunesdk.Client {
	t.Helper()
	h, err := aliyunesdk.Inspect(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	var keys []aliyunesdk.Key
	for _, k := range h.Keys {
		api.Plant(k.Blob, rawID(k.KeyID), text, h.Context)
		keys = append(keys, aliyunesdk.Key{ARN: k.KeyID, API: api})
	}
	return newClient(t, opts, keys...)
}

// readings are all ways to read a message.
var readings = map[string]func(c *aliyunesdk.Client, ctx context.Context, message []byte, ec aliyunesdk.Context) ([]byte, error){
	"Decrypt": (*aliyunesdk.Client).Decrypt,
	"NewReader": func(c *aliyunesdk.Client, ctx context.Context, message []byte, ec aliyunesdk.Context) ([]byte, error) {
		r, err := c.NewReader(ctx, bytes.NewReader(message), ec)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		_, err = r.WriteTo(&b)
		return b.Bytes(), err
	},
	"NewReaderAt": func(c *aliyunesdk.Client, ctx context.Context, message []byte, ec aliyunesdk.Context) ([]byte, error) {
		r, err := c.NewReaderAt(ctx, bytes.NewReader(message), int64(len(message)), ec)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		n, err := r.WriteTo(&b)
		if err == nil && (n != r.Size() || n != int64(b.Len())) {
			err = fmt.Errorf("WriteTo returned %d of %d, wrote %d", n, r.Size(), b.Len())
		}
		return b.Bytes(), err
	},
}

func TestVectors(t *testing.T) {
	for _, v := range aliyunesdk.ReadVectors(t) {
		api := &kmskeytest.KMS{}
		c := plant(t, api, v.Message, v.DataKeyText(), &aliyunesdk.Options{InsecureAllowAlgorithms: insecure})
		h, err := aliyunesdk.Inspect(bytes.NewReader(v.Message))
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, k := range h.Keys {
			ids = append(ids, k.KeyID)
		}
		slices.Sort(ids)
		slices.Sort(v.KeyIDs)
		if h.Encoding != v.Encoding || h.Algorithm != v.Algorithm || !maps.Equal(h.Context, v.Context) || !slices.Equal(ids, v.KeyIDs) {
			t.Errorf("%s: Inspect = %+v", v.Name, h)
		}
		for name, read := range readings {
			before := api.Calls("")
			got, err := read(c, t.Context(), v.Message, v.Context)
			if err != nil || !bytes.Equal(got, v.Plaintext) {
				t.Errorf("%s: %s = %q, %v, want %q", v.Name, name, got, err, v.Plaintext)
			}
			if n := api.Calls("") - before; n != 1 {
				t.Errorf("%s: %s made %d calls, want 1", v.Name, name, n)
			}
		}
		r, err := c.NewReader(t.Context(), bytes.NewReader(v.Message), v.Context)
		if err != nil {
			t.Fatal(err)
		}
		if i := r.Info(); i.Algorithm != v.Algorithm || !maps.Equal(i.Context, v.Context) || i.KeyID != h.Keys[0].KeyID {
			t.Errorf("%s: Info = %+v", v.Name, i)
		}
	}
}

// sizes straddle blocks, segments and batches.
var sizes = []int{
	0, 1, 15, 16, 17, 1000, aliyunesdk.SegmentSize - 1, aliyunesdk.SegmentSize, aliyunesdk.SegmentSize + 1, 2 * aliyunesdk.SegmentSize,
	16*aliyunesdk.SegmentSize - 1, 16 * aliyunesdk.SegmentSize, 16*aliyunesdk.SegmentSize + 1, 17 * aliyunesdk.SegmentSize, 33*aliyunesdk.SegmentSize + 5,
}

func random(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	src.Read(b)
	return b
}

func TestRoundTrip(t *testing.T) {
	api := &kmskeytest.KMS{}
	ec := aliyunesdk.Context{"tenant": "42", "键": "", "": "值"}
	for _, alg := range []aliyunesdk.Algorithm{0, aliyunesdk.AES128GCM, aliyunesdk.AES256GCM, aliyunesdk.SM4GCM} {
		c := newClient(t, &aliyunesdk.Options{Algorithm: alg}, aliyunesdk.Key{keyA, api}, aliyunesdk.Key{keyB, api}, aliyunesdk.Key{keyC, api})
		for _, size := range sizes {
			if alg == aliyunesdk.SM4GCM && size > 2*aliyunesdk.SegmentSize {
				continue // slow, and the path is the same
			}
			plaintext := random(size)
			before := api.Calls("")
			one, err := c.Encrypt(t.Context(), plaintext, ec)
			if err != nil {
				t.Fatal(err)
			}
			if n := api.Calls("") - before; n != 3 || api.Calls("ReEncrypt") != 0 {
				t.Errorf("Encrypt made %d calls, want 3", n)
			}
			stream := writeStream(t, c, plaintext, ec, 5000)
			for _, message := range [][]byte{one, stream} {
				h, err := aliyunesdk.Inspect(bytes.NewReader(message))
				if err != nil || len(h.Keys) != 3 || !maps.Equal(h.Context, ec) {
					t.Fatalf("Inspect = %+v, %v", h, err)
				}
				if want := cmp.Or(alg, aliyunesdk.AES256GCM); h.Algorithm != want {
					t.Errorf("algorithm is %v, want %v", h.Algorithm, want)
				}
				for name, read := range readings {
					got, err := read(c, t.Context(), message, ec)
					if err != nil || !bytes.Equal(got, plaintext) {
						t.Errorf("%v, %v, %d bytes: %s = %d bytes, %v", alg, h.Encoding, size, name, len(got), err)
					}
				}
			}
		}
	}
}

// writeStream writes a message in steps.
func writeStream(t testing.TB, c *aliyunesdk.Client, plaintext []byte, ec aliyunesdk.Context, step int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := c.NewWriter(t.Context(), &b, ec)
	if err != nil {
		t.Fatal(err)
	}
	for len(plaintext) > 0 {
		n := min(step, len(plaintext))
		if k, err := w.Write(plaintext[:n]); k != n || err != nil {
			t.Fatalf("Write = %d, %v", k, err)
		}
		plaintext = plaintext[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is appended to stays, and its spare capacity is used.
func TestAppend(t *testing.T) {
	c := newClient(t, nil, aliyunesdk.Key{keyA, &kmskeytest.KMS{}})
	plaintext := random(1000)
	for _, room := range []int{0, 10, 5000} {
		dst := append(make([]byte, 0, 6+room), "before"...)
		message, err := c.AppendEncrypt(t.Context(), dst, plaintext, nil)
		if err != nil || !bytes.HasPrefix(message, dst) || room == 5000 != (&message[0] == &dst[0]) {
			t.Fatalf("%d bytes of room: AppendEncrypt = %d bytes, %v", room, len(message), err)
		}
		message = message[6:]
		got, info, err := c.AppendDecrypt(t.Context(), dst[:6:6], message, nil)
		if err != nil || string(got) != "before"+string(plaintext) || info.KeyID != keyA {
			t.Errorf("%d bytes of room: AppendDecrypt = %d bytes, %+v, %v", room, len(got), info, err)
		}
		buf := make([]byte, 2000)
		if got, _, err = c.AppendDecrypt(t.Context(), buf[:0], message, nil); err != nil || &got[0] != &buf[0] {
			t.Errorf("%d bytes of room: AppendDecrypt allocates, %v", room, err)
		}
		clear(buf)
		message[len(message)-1] ^= 1
		if got, info, err := c.AppendDecrypt(t.Context(), buf[:0], message, nil); got != nil || info.KeyID != "" || !errors.Is(err, aliyunesdk.ErrAuthentication) || bytes.Contains(buf, plaintext[:16]) {
			t.Errorf("%d bytes of room: AppendDecrypt of a changed message = %d bytes, %+v, %v", room, len(got), info, err)
		}
	}
	if got, err := c.AppendEncrypt(t.Context(), []byte("x"), nil, aliyunesdk.Context{"\xff": ""}); err == nil || got != nil {
		t.Errorf("AppendEncrypt = %q, %v", got, err)
	}
}

func TestAlgorithmNames(t *testing.T) {
	for a := range aliyunesdk.Algorithm(14) {
		known := a >= 1 && a <= 12
		if a.Known() != known || a.Authenticated() != (a == 1 || a == 2 || a == 9) {
			t.Errorf("%v: known %v, authenticated %v", a, a.Known(), a.Authenticated())
		}
		if known == strings.HasPrefix(a.String(), "Algorithm(") {
			t.Errorf("%d is called %v", uint32(a), a)
		}
	}
	if aliyunesdk.OneShot.String() != "one-shot" || aliyunesdk.Stream.String() != "stream" || aliyunesdk.Encoding(7).String() != "Encoding(7)" {
		t.Error("names of encodings")
	}
}

// Algorithms without authentication are refused before any call, unless each is named.
func TestUnauthenticatedOnlyByName(t *testing.T) {
	for _, v := range aliyunesdk.ReadVectors(t) {
		if v.Algorithm.Authenticated() {
			continue
		}
		others := slices.DeleteFunc(slices.Clone(insecure), func(a aliyunesdk.Algorithm) bool { return a == v.Algorithm })
		for _, allow := range [][]aliyunesdk.Algorithm{nil, others} {
			api := &kmskeytest.KMS{}
			c := plant(t, api, v.Message, v.DataKeyText(), &aliyunesdk.Options{InsecureAllowAlgorithms: allow})
			for name, read := range readings {
				if got, err := read(c, t.Context(), v.Message, v.Context); !errors.Is(err, aliyunesdk.ErrUnauthenticatedAlgorithm) || got != nil {
					t.Errorf("%s: %s = %q, %v, want ErrUnauthenticatedAlgorithm", v.Name, name, got, err)
				}
			}
			if n := api.Calls(""); n != 0 {
				t.Errorf("%s: %d calls", v.Name, n)
			}
		}
	}
}

func TestContextMustFit(t *testing.T) {
	api := &kmskeytest.KMS{}
	key := aliyunesdk.Key{keyA, api}
	ec := aliyunesdk.Context{"tenant": "42", "object": "x"}
	for _, tt := range []struct {
		name   string
		unseen []string
		given  aliyunesdk.Context
		ok     bool
	}{
		{"same", nil, aliyunesdk.Context{"tenant": "42", "object": "x"}, true},
		{"none", nil, nil, false},
		{"pair missing", nil, aliyunesdk.Context{"tenant": "42"}, false},
		{"pair more", nil, aliyunesdk.Context{"tenant": "42", "object": "x", "more": ""}, false},
		{"other value", nil, aliyunesdk.Context{"tenant": "43", "object": "x"}, false},
		{"other key", nil, aliyunesdk.Context{"Tenant": "42", "object": "x"}, false},
		{"unseen pair", []string{"object"}, aliyunesdk.Context{"tenant": "42"}, true},
		{"other pair unseen", []string{"tenant"}, aliyunesdk.Context{"tenant": "42"}, false},
		{"unseen but given", []string{"object"}, aliyunesdk.Context{"tenant": "42", "object": "x"}, true},
		{"unseen and wrong", []string{"object"}, aliyunesdk.Context{"tenant": "42", "object": "y"}, false},
		{"all unseen", []string{"*"}, nil, true},
		{"all unseen and wrong", []string{"*"}, aliyunesdk.Context{"object": "y"}, false},
		{"all unseen and more", []string{"*"}, aliyunesdk.Context{"more": ""}, false},
	} {
		c := newClient(t, &aliyunesdk.Options{AcceptUnseen: tt.unseen}, key)
		message, err := c.Encrypt(t.Context(), []byte("x"), ec)
		if err != nil {
			t.Fatal(err)
		}
		for name, read := range readings {
			before := api.Calls("")
			_, err := read(c, t.Context(), message, tt.given)
			if tt.ok != (err == nil) || err != nil && !errors.Is(err, aliyunesdk.ErrAuthentication) {
				t.Errorf("%s: %s = %v, want ok %v", tt.name, name, err, tt.ok)
			}
			if n := api.Calls("") - before; !tt.ok && n != 0 {
				t.Errorf("%s: %s made %d calls", tt.name, name, n)
			}
		}
	}
}

func TestInvalidContext(t *testing.T) {
	api := &kmskeytest.KMS{}
	c := newClient(t, nil, aliyunesdk.Key{keyA, api})
	many := aliyunesdk.Context{}
	for i := range 700 {
		many[fmt.Sprint(i)] = strings.Repeat("键", 3) // short as characters, 12 bytes and 8 of lengths each
	}
	for name, ec := range map[string]aliyunesdk.Context{
		"too long":     {"k": strings.Repeat("v", 8200)},
		"not UTF-8":    {"k": "\xff"},
		"too many":     many,
		"key no UTF-8": {"\xff": ""},
	} {
		if _, err := c.Encrypt(t.Context(), nil, ec); !errors.Is(err, aliyunesdk.ErrInvalidContext) {
			t.Errorf("%s: Encrypt = %v, want ErrInvalidContext", name, err)
		}
		if _, err := c.NewWriter(t.Context(), nil, ec); !errors.Is(err, aliyunesdk.ErrInvalidContext) {
			t.Errorf("%s: NewWriter = %v, want ErrInvalidContext", name, err)
		}
	}
	// One that the format can hold and KMS does not take is refused where it is read, too.
	v := vector(t, "S3")
	keys := bytes.Index(v.Message, []byte("\x00\x00\x00\x02\x00\x00\x00\x4c"))
	long := slices.Concat(v.Message[:8], []byte("\x00\x00\x23\x35\x00\x00\x00\x01\x00\x00\x00\x01k\x00\x00\x23\x28"), bytes.Repeat([]byte("v"), 9000), v.Message[keys:])
	all := newClient(t, &aliyunesdk.Options{AcceptUnseen: []string{"*"}}, aliyunesdk.Key{keyA, api})
	refused(t, "long context", all, long, nil, aliyunesdk.ErrInvalidContext)
	if n := api.Calls(""); n != 0 {
		t.Errorf("%d calls", n)
	}

	// No parameter at all where the context is empty.
	api.Asked = func(op, _ string, ec map[string]string) {
		if ec != nil {
			t.Errorf("%s has context %v, want nil", op, ec)
		}
	}
	for _, ec := range []aliyunesdk.Context{nil, {}} {
		message, err := c.Encrypt(t.Context(), nil, ec)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Decrypt(t.Context(), message, ec); err != nil {
			t.Fatal(err)
		}
	}
	if n := api.Calls(""); n != 4 {
		t.Errorf("%d calls, want 4", n)
	}
}

func TestKeys(t *testing.T) {
	api := func() *kmskeytest.KMS { return &kmskeytest.KMS{Fail: map[string]error{}} }
	a, b := api(), api()
	both := newClient(t, nil, aliyunesdk.Key{keyA, a}, aliyunesdk.Key{keyB, b})
	one, err := both.Encrypt(t.Context(), []byte("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	stream := writeStream(t, both, []byte("hello"), nil, 1)
	if a.Calls("GenerateDataKey") != 2 || b.Calls("Encrypt") != 2 || a.Calls("")+b.Calls("") != 4 {
		t.Error("the first key generates, the other encrypts")
	}
	boom := errors.New("boom")
	for _, message := range [][]byte{one, stream} {
		for name, keys := range map[string][]aliyunesdk.Key{
			"A alone":        {{keyA, a}},
			"B alone":        {{keyB, b}},
			"B first":        {{keyB, b}, {keyA, a}},
			"C as well":      {{keyC, api()}, {keyB, b}},
			"only A known":   {{keyA, a}, {keyB, api()}},
			"only B known":   {{keyA, api()}, {keyB, b}},
			"A's region out": {{keyA, &kmskeytest.KMS{Fail: map[string]error{"Decrypt": boom}}}, {keyB, b}},
			"B's region out": {{keyA, a}, {keyB, &kmskeytest.KMS{Fail: map[string]error{"Decrypt": boom}}}},
		} {
			if got, err := newClient(t, nil, keys...).Decrypt(t.Context(), message, nil); err != nil || string(got) != "hello" {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		other := api()
		for name, keys := range map[string][]aliyunesdk.Key{
			"C alone":              {{keyC, other}},
			"other account":        {{strings.Replace(keyA, "1234567890123456", "12", 1), other}},
			"other region of B, C": {{keyC, other}},
		} {
			if _, err := newClient(t, nil, keys...).Decrypt(t.Context(), message, nil); !errors.Is(err, aliyunesdk.ErrNoMatch) {
				t.Errorf("%s: %v, want ErrNoMatch", name, err)
			}
		}
		if n := other.Calls(""); n != 0 {
			t.Errorf("%d calls for messages of other keys", n)
		}

		// All fail: every cause is visible.
		down := &kmskeytest.KMS{Fail: map[string]error{"Decrypt": boom}}
		_, err := newClient(t, nil, aliyunesdk.Key{keyA, down}, aliyunesdk.Key{keyB, api()}).Decrypt(t.Context(), message, nil)
		var unwrap *aliyunesdk.UnwrapError
		if !errors.As(err, &unwrap) || len(unwrap.Errs) != 2 || !errors.Is(err, boom) || !errors.Is(err, aliyunesdk.ErrAuthentication) || !errors.Is(err, kmsapi.ErrInvalidCiphertext) {
			t.Errorf("both fail: %v", err)
		} else if text := err.Error(); !strings.Contains(text, "boom") || !strings.Contains(text, keyA) || !strings.Contains(text, keyB) {
			t.Errorf("both fail: %q names not all", text)
		}
		if _, err := newClient(t, nil, aliyunesdk.Key{keyA, down}).Decrypt(t.Context(), message, nil); !errors.Is(err, boom) || errors.As(err, &unwrap) {
			t.Errorf("one fails: %v", err)
		}

		// A cancelled call is the last.
		ctx, cancel := context.WithCancel(t.Context())
		x, y := &kmskeytest.KMS{}, &kmskeytest.KMS{}
		x.Asked = func(string, string, map[string]string) { cancel() }
		y.Asked = x.Asked
		if _, err := newClient(t, nil, aliyunesdk.Key{keyA, x}, aliyunesdk.Key{keyB, y}).Decrypt(ctx, message, nil); !errors.Is(err, context.Canceled) || x.Calls("")+y.Calls("") != 1 {
			t.Errorf("cancelled: %v after %d calls", err, x.Calls("")+y.Calls(""))
		}
	}
}

// The key that answers is compared with the one asked for, in every call.
func TestAnswerOfAnotherKey(t *testing.T) {
	good := &kmskeytest.KMS{}
	c := newClient(t, nil, aliyunesdk.Key{keyA, good})
	message, err := c.Encrypt(t.Context(), []byte("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := aliyunesdk.Inspect(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, lie := range []string{rawID(keyB), keyB, "", strings.Replace(keyA, "hangzhou", "beijing", 1)} {
		liar := &kmskeytest.KMS{AnswerKeyID: func(string, string) string { return lie }}
		liar.Plant(h.Keys[0].Blob, rawID(keyA), text, nil)
		c := newClient(t, nil, aliyunesdk.Key{keyA, liar})
		if _, err := c.Decrypt(t.Context(), message, nil); !errors.Is(err, aliyunesdk.ErrWrongKey) {
			t.Errorf("%q answers: Decrypt = %v, want ErrWrongKey", lie, err)
		}
		if _, err := c.Encrypt(t.Context(), nil, nil); !errors.Is(err, aliyunesdk.ErrWrongKey) {
			t.Errorf("%q answers: Encrypt = %v, want ErrWrongKey", lie, err)
		}
		if _, err := newClient(t, nil, aliyunesdk.Key{keyB, good}, aliyunesdk.Key{keyA, liar}).Encrypt(t.Context(), nil, nil); !errors.Is(err, aliyunesdk.ErrWrongKey) {
			t.Errorf("%q answers the second: Encrypt = %v, want ErrWrongKey", lie, err)
		}
	}
}

func TestWrongDataKey(t *testing.T) {
	for _, v := range aliyunesdk.ReadVectors(t) {
		for name, tt := range map[string]struct {
			text string
			want error
		}{
			"other key":   {base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, len(v.DataKey))), aliyunesdk.ErrAuthentication},
			"shorter":     {base64.StdEncoding.EncodeToString(v.DataKey[:len(v.DataKey)-1]), aliyunesdk.ErrInvalidDataKey},
			"other size":  {base64.StdEncoding.EncodeToString(make([]byte, 48-len(v.DataKey))), aliyunesdk.ErrInvalidDataKey},
			"no base64":   {"?", aliyunesdk.ErrInvalidDataKey},
			"raw bytes":   {string(v.DataKey), aliyunesdk.ErrInvalidDataKey},
			"empty":       {"", aliyunesdk.ErrInvalidDataKey},
			"line behind": {v.DataKeyText() + "\n", aliyunesdk.ErrInvalidDataKey},
		} {
			c := plant(t, &kmskeytest.KMS{}, v.Message, tt.text, &aliyunesdk.Options{InsecureAllowAlgorithms: insecure})
			for reading, read := range readings {
				got, err := read(c, t.Context(), v.Message, v.Context)
				if !errors.Is(err, tt.want) || got != nil {
					t.Errorf("%s, %s: %s = %q, %v, want %v", v.Name, name, reading, got, err, tt.want)
				}
			}
		}
	}
	short := &kmskeytest.KMS{AnswerText: func(_, _ string) string { return "AAAA" }}
	if _, err := newClient(t, nil, aliyunesdk.Key{keyA, short}).Encrypt(t.Context(), nil, nil); !errors.Is(err, aliyunesdk.ErrInvalidDataKey) {
		t.Errorf("Encrypt = %v, want ErrInvalidDataKey", err)
	}
}

func TestNew(t *testing.T) {
	api := &kmskeytest.KMS{}
	for name, tt := range map[string]struct {
		keys []aliyunesdk.Key
		opts *aliyunesdk.Options
		want error // nil is any
	}{
		"no key":            {nil, nil, nil},
		"too many keys":     {make([]aliyunesdk.Key, 101), nil, nil},
		"bare id":           {[]aliyunesdk.Key{{rawID(keyA), api}}, nil, nil},
		"alias":             {[]aliyunesdk.Key{{"alias/x", api}}, nil, nil},
		"alias ARN":         {[]aliyunesdk.Key{{"acs:kms:cn-hangzhou:12:alias/x", api}}, nil, nil},
		"malformed":         {[]aliyunesdk.Key{{"acs:kms:::key/", api}}, nil, nil},
		"no API":            {[]aliyunesdk.Key{{keyA, nil}}, nil, nil},
		"twice":             {[]aliyunesdk.Key{{keyA, api}, {keyB, api}, {keyA, api}}, nil, nil},
		"write CTR":         {[]aliyunesdk.Key{{keyA, api}}, &aliyunesdk.Options{Algorithm: aliyunesdk.AES256CTR}, aliyunesdk.ErrUnauthenticatedAlgorithm},
		"write CTR allowed": {[]aliyunesdk.Key{{keyA, api}}, &aliyunesdk.Options{Algorithm: aliyunesdk.AES256CTR, InsecureAllowAlgorithms: insecure}, aliyunesdk.ErrUnauthenticatedAlgorithm},
		"write unknown":     {[]aliyunesdk.Key{{keyA, api}}, &aliyunesdk.Options{Algorithm: 13}, aliyunesdk.ErrUnsupportedAlgorithm},
		"allow unknown":     {[]aliyunesdk.Key{{keyA, api}}, &aliyunesdk.Options{InsecureAllowAlgorithms: []aliyunesdk.Algorithm{13}}, aliyunesdk.ErrUnsupportedAlgorithm},
		"negative limit":    {[]aliyunesdk.Key{{keyA, api}}, &aliyunesdk.Options{MaxSize: -1}, nil},
	} {
		if c, err := aliyunesdk.New(tt.keys, tt.opts); err == nil || c != nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: New = %v, want %v", name, err, tt.want)
		}
	}
	if api.Calls("") != 0 {
		t.Error("New calls")
	}
}

// What a caller gives is neither changed nor kept.
func TestArgumentsAreLeftAlone(t *testing.T) {
	for _, v := range aliyunesdk.ReadVectors(t) {
		c := plant(t, &kmskeytest.KMS{}, v.Message, v.DataKeyText(), &aliyunesdk.Options{InsecureAllowAlgorithms: insecure})
		for name, read := range readings {
			padded := append(bytes.Clone(v.Message), bytes.Repeat([]byte{0xAA}, 64)...)
			want := bytes.Clone(padded)
			got, err := read(c, t.Context(), padded[:len(v.Message)], v.Context)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(padded, want) {
				t.Errorf("%s: %s wrote to the message", v.Name, name)
			}
			clear(padded)
			if !bytes.Equal(got, v.Plaintext) {
				t.Errorf("%s: %s shares memory with the message", v.Name, name)
			}
		}
	}
	ec := aliyunesdk.Context{"a": "b"}
	c := newClient(t, nil, aliyunesdk.Key{keyA, &kmskeytest.KMS{}})
	message, err := c.Encrypt(t.Context(), []byte("x"), ec)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.NewReaderAt(t.Context(), bytes.NewReader(message), int64(len(message)), ec)
	if err != nil {
		t.Fatal(err)
	}
	r.Info().Context["a"] = "changed"
	if r.Info().Context["a"] != "b" {
		t.Error("Info shares its context")
	}
}

// No error shows a data key, a plaintext or a value of the context.
func TestErrorsShowNoSecret(t *testing.T) {
	for _, v := range aliyunesdk.ReadVectors(t) {
		if len(v.Plaintext) == 0 {
			continue
		}
		c := plant(t, &kmskeytest.KMS{}, v.Message, v.DataKeyText(), &aliyunesdk.Options{InsecureAllowAlgorithms: insecure})
		for i := range v.Message {
			message := bytes.Clone(v.Message)
			message[i] ^= 1
			_, err := c.Decrypt(t.Context(), message, v.Context)
			if err == nil {
				continue
			}
			for _, secret := range []string{v.DataKeyText(), fmt.Sprintf("%x", v.DataKey), string(v.Plaintext)} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s, byte %d: %v", v.Name, i, err)
				}
			}
		}
	}
}
