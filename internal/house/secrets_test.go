package house

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

// verbs are all that package fmt has, and some with flags. Those that do not fit a value matter as much as those that do:
// fmt prints the value then as under %v, and follows a pointer that it would not follow there.
var verbs = []string{
	"%v", "%+v", "%#v", "%s", "%q", "%+q", "%#q", "%x", "%X", "% x", "%#x", "% #x", "%d", "%+d", "%b", "%o", "%O", "%c", "%U", "%#U", "%t", "%e", "%f", "%g", "%p", "%#p",
	"%w", "%z", "%5v", "%.3s", "%-8d",
}

// A holder has a value in a field that is not exported, where fmt calls none of its methods.
type holder[T any] struct{ held T }

// held returns a value as it may lie in a program: by pointer and by value, and so in what holds it.
func held[T any](v *T) []any {
	return []any{
		v, *v, &v, holder[T]{*v}, &holder[T]{*v}, holder[*T]{v}, &holder[*T]{v}, holder[**T]{&v}, &holder[**T]{&v}, holder[any]{v}, holder[any]{*v}, &holder[any]{v},
		holder[holder[T]]{holder[T]{*v}}, holder[holder[*T]]{holder[*T]{v}}, &holder[*holder[*T]]{&holder[*T]{v}}, holder[*holder[T]]{&holder[T]{*v}}, holder[[]*T]{[]*T{v}},
		holder[[]T]{[]T{*v}}, holder[[1]T]{[1]T{*v}}, holder[map[string]*T]{map[string]*T{"k": v}}, holder[map[string]T]{map[string]T{"k": *v}},
		[]*T{v}, []T{*v}, map[string]*T{"k": v}, map[string]T{"k": *v}, []any{v, *v}, fmt.Errorf("x: %w", fmt.Errorf("%v %v", v, holder[*T]{v})),
	}
}

// renderings returns how six of the bytes of a secret would look in text that was made under a verb: as bytes, as text, as
// the words that ciphers expand keys to. Six in a row are there by chance in one of 2^48 texts.
func renderings(verb string, secret []byte) (all []string) {
	const run = 6
	secret = secret[:min(len(secret), 8*run)] // what shows the beginning is found
	add := func(s string) {
		// What is cut is found anywhere, and a number that is no character looks like any other of them.
		if s = strings.Trim(s, "[]{}()\"'`"); len(s) >= run && !slices.Contains(all, s) && !strings.Contains(s, "\ufffd") && !strings.Contains(s, `\ufffd`) {
			all = append(all, s)
		}
	}
	for at := 0; at+run <= len(secret); at += run {
		b := secret[at : at+run]
		for _, verb := range []string{verb, "%v", "%#v"} {
			for _, text := range []string{fmt.Sprintf(verb, b), fmt.Sprintf(verb, [run]byte(b)), fmt.Sprintf(verb, string(b))} {
				add(strings.TrimPrefix(strings.TrimPrefix(text, "[]byte{"), "[6]uint8{"))
			}
		}
		add(string(b))
		add(hex.EncodeToString(b))
	}
	for at := 0; at+8 <= len(secret); at += 8 {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			words := []uint32{order.Uint32(secret[at:]), order.Uint32(secret[at+4:])}
			add(fmt.Sprintf(verb, words))
			add(fmt.Sprint(words))
			add(fmt.Sprint(order.Uint64(secret[at:])))
		}
	}
	return all
}

// wantHidden checks that no verb of fmt, no handler of log/slog and no JSON shows any of the secrets, of v or what holds it.
func wantHidden[T any](t *testing.T, v *T, secrets ...[]byte) {
	t.Helper()
	shown := map[string]bool{} // one failure for each form is enough
	check := func(how string, in any, out string, looks []string) {
		t.Helper()
		for _, look := range looks {
			if form := fmt.Sprintf("%T", in); !shown[form] && strings.Contains(out, look) {
				shown[form] = true
				t.Errorf("%s shows %q under %s: %.300q", form, look, how, out)
			}
		}
	}
	for _, verb := range verbs {
		var looks []string
		for _, s := range secrets {
			looks = append(looks, renderings(verb, s)...)
		}
		for _, in := range held(v) {
			check(verb, in, fmt.Sprintf(verb, in), looks)
		}
	}
	var looks []string
	for _, s := range secrets {
		looks = append(looks, renderings("%v", s)...)
	}
	for _, in := range held(v) {
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", in)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", in)
		text, err := json.Marshal(in)
		fmt.Fprintf(&b, "%s %v", text, err)
		check("slog and JSON", in, b.String(), looks)
	}
}

// scattered returns n bytes of which no two are alike, different for each seed.
func scattered(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)*73 + seed*41 + 17
	}
	return b
}

// A known is a provider that makes the same data key for everybody. It is behind a func, of which fmt shows the address.
type known struct{ key func() []byte }

func knowing(key []byte) *known { return &known{func() []byte { return key }} }

func (k *known) record() format.Record {
	return format.Record{{Provider: "test", KeyID: "known", Ciphertext: []byte("wrapped")}}
}

func (k *known) GenerateDataKey(_ context.Context, req *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	return keyring.NewDataKey(req.Suite, k.key(), k.record(), 0)
}

func (k *known) Decrypt(_ context.Context, req *keyring.DecryptRequest) (*keyring.DataKey, error) {
	return keyring.NewDataKey(req.Suite, k.key(), req.Record, 0)
}

// The test finds what it looks for, wherever fmt shows it.
func TestSecretsAreFound(t *testing.T) {
	secret := scattered(32, 9)
	type leaky struct {
		b     []byte
		a     [32]byte
		words [8]uint32
		s     string
		inner *holder[[]byte]
	}
	words := [8]uint32{}
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(secret[4*i:])
	}
	for name, v := range map[string]leaky{
		"slice": {b: secret}, "array": {a: [32]byte(secret)}, "words": {words: words}, "text": {s: string(secret)},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d", "%s"} {
			found := false
			for _, look := range renderings(verb, secret) {
				found = found || strings.Contains(fmt.Sprintf(verb, v), look)
			}
			if !found {
				t.Errorf("%s under %s is not found in %s", name, verb, fmt.Sprintf(verb, v))
			}
		}
	}
	// Behind a pointer, under a verb that does not fit.
	shown, found := fmt.Sprintf(verbs[3], any(leaky{inner: &holder[[]byte]{secret}})), false
	for _, look := range renderings(verbs[3], secret) {
		found = found || strings.Contains(shown, look)
	}
	if !found {
		t.Errorf("what fmt shows behind a pointer is not found in %s", shown)
	}
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// No key provider shows a key, whatever prints it.
func TestKeyringHidesSecrets(t *testing.T) {
	ctx := t.Context()
	data, raw := scattered(32, 1), scattered(32, 2)
	req := &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM}

	key := must[*keyring.DataKey](t)(keyring.NewDataKey(format.AES256GCM, data, new(known).record(), 0))
	wantHidden(t, key, data)
	wantHidden(t, &keyring.WrapRequest{Key: key}, data)

	aes := must[*keyring.RawAES](t)(keyring.NewRawAES("raw", raw))
	wantHidden(t, aes, raw)

	passphrase := []byte("correct horse battery staple")
	words := must[*keyring.Passphrase](t)(keyring.NewPassphrase("words", passphrase, &keyring.PassphraseOptions{MemoryKiB: 8192, Passes: 5}))
	made := must[*keyring.DataKey](t)(words.GenerateDataKey(ctx, req)) // it keeps what was made of the passphrase
	made.Destroy()
	wantHidden(t, words, passphrase)

	for _, kem := range []keyring.KEM{keyring.X25519, keyring.MLKEM768X25519} {
		private := must[*keyring.PrivateKey](t)(keyring.GeneratePrivateKey(kem))
		text := must[[]byte](t)(private.Text())
		text = text[bytes.IndexByte(text, ':')+1:]
		seed := must[[]byte](t)(base64.RawURLEncoding.DecodeString(string(text)))[:32]
		wantHidden(t, private, seed, text)
		people := must[*keyring.Recipients](t)(keyring.NewRecipients([]*keyring.PublicKey{private.PublicKey()}, []*keyring.PrivateKey{private}))
		opened := must[*keyring.DataKey](t)(people.GenerateDataKey(ctx, req))
		opened.Destroy()
		wantHidden(t, people, seed, text)
	}

	multi := must[*keyring.Multi](t)(keyring.NewMulti([]keyring.KeyProvider{aes, words}, nil))
	both := must[*keyring.DataKey](t)(multi.GenerateDataKey(ctx, req))
	var bytesOfBoth []byte
	both.Lend(func(key []byte) error { bytesOfBoth = bytes.Clone(key); return nil })
	wantHidden(t, multi, raw, passphrase, bytesOfBoth)

	text := kmsapi.NewPlaintext(data)
	wantHidden(t, &text, data)
	wantHidden(t, &kmsapi.GenerateDataKeyResponse{Plaintext: text}, data)
	wantHidden(t, &kmsapi.DecryptResponse{Plaintext: text}, data)
	wantHidden(t, &kmsapi.EncryptRequest{Plaintext: text}, data)
}

// A cache shows neither the data keys at hand nor the pairs that they are found by.
func TestCacheHidesSecrets(t *testing.T) {
	// In a bubble, which tells when the goroutine of a fetch has ended: it is copied while it is looked at.
	synctest.Test(t, func(t *testing.T) {
		ctx, data, pair := t.Context(), scattered(32, 1), "Doe-Jane-7654321"
		pairs := must[format.Pairs](t)(format.AppendPairs(nil, map[string]string{"patient": pair}))
		provider := knowing(data)
		cache := must[*keyring.Caching](t)(keyring.NewCaching(provider, nil))
		lent := must[*keyring.DataKey](t)(cache.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Context: pairs}))
		must[*keyring.DataKey](t)(cache.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Context: pairs, Record: provider.record()}))
		synctest.Wait()
		wantHidden(t, cache, data, []byte(pair))
		lent.Destroy()
	})
}

// No client, stream, column or index shows a key, or a value that passed through it.
func TestEnvelopeHidesSecrets(t *testing.T) {
	ctx := t.Context()
	data := scattered(32, 3)
	text := scattered(10_000, 4)
	provider := knowing(data)
	client := must[*envelope.Client](t)(envelope.New(provider, &envelope.Options{ChunkSize: 4096}))
	message := must[[]byte](t)(client.Encrypt(ctx, text, nil))
	must[[]byte](t)(client.Decrypt(ctx, message, nil))
	wantHidden(t, client, data, text[:64])

	var out bytes.Buffer
	w := must[*envelope.Writer](t)(client.NewWriter(ctx, &out, nil))
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	ends := [][]byte{data, text[:60], text[4096:4156], text[8192:8252]}
	wantHidden(t, w, ends...)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	wantHidden(t, w, ends...)
	r := must[*envelope.Reader](t)(client.NewReader(ctx, bytes.NewReader(message), nil))
	if _, err := io.ReadFull(r, make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	wantHidden(t, r, ends...)
	at := must[*envelope.ReaderAt](t)(client.NewReaderAt(ctx, bytes.NewReader(message), int64(len(message)), nil))
	if _, err := at.ReadAt(make([]byte, 10), 4100); err != nil {
		t.Fatal(err)
	}
	wantHidden(t, at, ends...)

	ec, dir := envelope.Context{"column": "people.name"}, envelope.KeyDir(t.TempDir())
	cells := must[*column.Cells](t)(column.New(provider, dir, ec, nil))
	row := envelope.Context{"id": "7"}
	cell := must[[]byte](t)(cells.Seal(ctx, nil, text[:64], row))
	must[[]byte](t)(cells.Open(ctx, nil, cell, row))
	wantHidden(t, cells, data, text[:64])
	index := must[*column.Index](t)(column.NewIndex(ctx, provider, dir, format.Reference{1}, envelope.Context{"index": "people.name"}, nil))
	must[[]byte](t)(index.Sum(nil, text[:64]))
	wantHidden(t, index, data, text[:64])
}

// No client of KMS shows the secret that requests are signed with.
func TestClientHidesSecrets(t *testing.T) {
	const secret, token = "QxG7vTzKw31LmRpB9dHsYnJc0eUf4a", "WkZ2rVtN8bXq5LhMy6oPjCg1iDsE3u"
	for _, config := range []*credentials.Config{
		new(credentials.Config).SetType("access_key").SetAccessKeyId("LTAI").SetAccessKeySecret(secret),
		new(credentials.Config).SetType("sts").SetAccessKeyId("STS.x").SetAccessKeySecret(secret).SetSecurityToken(token),
	} {
		credential := must[credentials.Credential](t)(credentials.NewCredential(config))
		opts := kmsclient.Options{Region: "cn-hangzhou", Endpoint: "127.0.0.1:1", Credential: credential, MaxAttempts: 1}
		client := must[*kmsclient.Client](t)(kmsclient.New(&opts))
		_, err := client.DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: "k"})
		if err == nil {
			t.Fatal("somebody answers on port 1")
		}
		secrets := [][]byte{[]byte(secret), []byte(token)}
		wantHidden(t, client, secrets...)
		opts.Region = ""
		regions := must[*kmsclient.Regions](t)(kmsclient.NewRegions(&opts))
		must[*kmsclient.Client](t)(regions.For("cn-beijing"))
		wantHidden(t, regions, secrets...)
		wantHidden(t, &opts, secrets...)
		wantHidden(t, &err, secrets...)
	}
}

// No reader of the formats of others shows the key that opens them.
func TestForeignFormatsHideSecrets(t *testing.T) {
	private := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})
	key := must[*osscse.RSAKey](t)(osscse.NewRSAKey(block, nil))
	client := must[*osscse.Client](t)(osscse.New(key))
	secrets := [][]byte{[]byte(private.Primes[0].String()), private.Primes[0].Bytes(), []byte(private.D.String()), private.D.Bytes()}
	wantHidden(t, key, secrets...)
	wantHidden(t, client, secrets...)
}
