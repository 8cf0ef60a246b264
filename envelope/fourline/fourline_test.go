package fourline_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/fourline"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

const (
	keyID = "11111111-2222-3333-4444-555555555555"
	other = "66666666-7777-8888-9999-aaaaaaaaaaaa"
	alias = "alias/Apollo/WorkKey"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dataKey returns the data key and its wrapped form that the files in testdata were made with, both base64.
func dataKey(t testing.TB) (text, blob string) {
	t.Helper()
	for line := range strings.Lines(string(read(t, "datakey.txt"))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "key":
			text = value
		case "blob":
			blob = value
		}
	}
	if text == "" || blob == "" {
		t.Fatal("datakey.txt has no key and blob")
	}
	return text, blob
}

// fixture returns a service that knows the wrapped key of testdata, and a client of its CMK.
func fixture(t testing.TB, opts *fourline.Options) (*kmskeytest.KMS, *fourline.Client) {
	t.Helper()
	api := &kmskeytest.KMS{}
	text, blob := dataKey(t)
	api.Plant(blob, keyID, text, nil)
	return api, client(t, api, keyID, opts)
}

func client(t testing.TB, api kmsapi.API, keyID string, opts *fourline.Options) *fourline.Client {
	t.Helper()
	c, err := fourline.New(api, keyID, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The files were made by PyCryptodome with the steps of the guide's script: see testdata/fourline.py.
func TestOpensFilesOfTheScript(t *testing.T) {
	api, c := fixture(t, nil)
	for _, tt := range []struct {
		file string
		want []byte
	}{
		{"sales.csv.cipher", read(t, "sales.csv")},
		{"empty.cipher", nil},
	} {
		calls := api.Calls("")
		got, err := c.Decrypt(t.Context(), read(t, tt.file))
		if err != nil || !bytes.Equal(got, tt.want) {
			t.Errorf("Decrypt(%s) = %q, %v", tt.file, got, err)
		}
		if n := api.Calls("") - calls; n != 1 {
			t.Errorf("Decrypt(%s) made %d calls, want 1", tt.file, n)
		}
	}
}

// python returns the interpreter for tests against PyCryptodome.
func python(t *testing.T) string {
	t.Helper()
	const env = "XINFENG_PYCRYPTODOME"
	p := os.Getenv(env)
	if p == "" {
		t.Skipf("%s is not set to a Python interpreter that has PyCryptodome", env)
	}
	return p
}

func run(t *testing.T, in []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, &stderr)
	}
	return out
}

// The guide's script opens what we write, and we open what it writes anew.
func TestExchangeWithTheScript(t *testing.T) {
	python := python(t)
	script := filepath.Join("testdata", "fourline.py")
	for _, size := range []int{0, 1, 15, 16, 17, 100_000} {
		api := &kmskeytest.KMS{}
		key := bytes.Repeat([]byte{byte(size)}, fourline.DataKeySize)
		api.Random(func(b []byte) { copy(b, key) })
		c := client(t, api, keyID, nil)
		plaintext := bytes.Repeat([]byte("信\x00\xff"), size/5+1)[:size]
		ours, err := c.Encrypt(t.Context(), plaintext)
		if err != nil {
			t.Fatal(err)
		}
		text := base64.StdEncoding.EncodeToString(key)
		if got := run(t, ours, python, script, "open", text); !bytes.Equal(got, plaintext) {
			t.Errorf("%d bytes: the script opens ours to %d others", size, len(got))
		}
		blob, _, _ := bytes.Cut(ours, []byte("\n"))
		theirs := run(t, plaintext, python, script, "seal", text, string(blob))
		if got, err := c.Decrypt(t.Context(), theirs); err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("%d bytes: we open the script's to %d others, %v", size, len(got), err)
		}
		chunks := run(t, plaintext, python, script, "chunks", text, string(blob))
		got, err := c.InsecureDecryptChunks(t.Context(), chunks, fourline.ChunkLayout{WrappedKeySize: len(blob)})
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("%d bytes: we open the script's chunks to %d others, %v", size, len(got), err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, name := range []string{keyID, alias, "acs:kms:cn-hangzhou:1234567890123456:key/" + keyID} {
		api := &kmskeytest.KMS{Asked: func(op, id string, ec map[string]string) {
			if len(ec) != 0 {
				t.Errorf("%s has context %v", op, ec)
			}
		}}
		api.Alias(alias, keyID)
		c := client(t, api, name, nil)
		for _, size := range []int{0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 1000, 65536} {
			plaintext := bytes.Repeat([]byte{'x'}, size)
			message, err := c.Encrypt(t.Context(), plaintext)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Count(message, []byte("\n")) != 4 || message[len(message)-1] != '\n' {
				t.Errorf("%d bytes: message %q has not four lines", size, message)
			}
			info, err := fourline.Inspect(message)
			if err != nil || info.PlaintextSize != size || !strings.HasPrefix(string(message), info.WrappedKey+"\n") {
				t.Errorf("Inspect = %+v, %v, want size %d", info, err, size)
			}
			got, err := c.Decrypt(t.Context(), message)
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("%d bytes: Decrypt = %d bytes, %v", size, len(got), err)
			}
		}
		if a, b := must(c.Encrypt(t.Context(), nil)), must(c.Encrypt(t.Context(), nil)); bytes.Equal(a, b) {
			t.Error("two messages are equal")
		}
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestLineEnds(t *testing.T) {
	_, c := fixture(t, nil)
	file, want := read(t, "sales.csv.cipher"), read(t, "sales.csv")
	crlf := bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n"))
	for name, message := range map[string][]byte{
		"CR LF":                 crlf,
		"no last end":           bytes.TrimRight(file, "\n"),
		"no last end, CR LF":    bytes.TrimRight(crlf, "\r\n"),
		"empty lines at end":    append(bytes.Clone(file), "\n\r\n"...),
		"one CR LF":             bytes.Replace(file, []byte("\n"), []byte("\r\n"), 1),
		"last end only CR":      append(bytes.TrimRight(file, "\n"), '\r'),
		"no message but the LF": file,
	} {
		if got, err := c.Decrypt(t.Context(), message); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: Decrypt = %q, %v", name, got, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	api, c := fixture(t, nil)
	file := string(read(t, "sales.csv.cipher"))
	lines := strings.Split(strings.TrimSuffix(file, "\n"), "\n")
	with := func(i int, line string) string {
		l := slices.Clone(lines)
		l[i] = line
		return strings.Join(l, "\n") + "\n"
	}
	for name, message := range map[string]string{
		"empty":                 "",
		"only line ends":        "\n\n\n\n",
		"three lines":           strings.Join(lines[:3], "\n"),
		"five lines":            file + "AAAA",
		"empty line first":      "\n" + file,
		"empty line within":     strings.Replace(file, "\n", "\n\n", 1),
		"CR alone":              strings.ReplaceAll(file, "\n", "\r"),
		"CR within a line":      with(2, lines[2][:4]+"\r"+lines[2][4:]),
		"two CR":                strings.Replace(file, "\n", "\r\r\n", 1),
		"blank at the end":      with(0, lines[0]+" "),
		"no wrapped key":        with(0, ""),
		"wrapped key unpadded":  with(0, lines[0][:len(lines[0])-1]),
		"wrapped key no base64": with(0, "!"+lines[0][1:]),
		"wrapped key too long":  with(0, strings.Repeat("A", fourline.MaxWrappedKeySize+4)),
		"no nonce":              with(1, ""),
		"short nonce":           with(1, base64.StdEncoding.EncodeToString(make([]byte, 15))),
		"long nonce":            with(1, base64.StdEncoding.EncodeToString(make([]byte, 17))),
		"longer nonce":          with(1, base64.StdEncoding.EncodeToString(make([]byte, 32))),
		"nonce spelt otherwise": with(1, lines[1][:21]+"B=="),
		"ciphertext unpadded":   with(2, strings.TrimRight(lines[2], "=")),
		"ciphertext not base64": with(2, "-"+lines[2][1:]),
		"ciphertext spelt so":   with(2, "AB=="),
		"padding within":        with(2, "AA=="+lines[2]),
		"no tag":                with(3, ""),
		"short tag":             with(3, base64.StdEncoding.EncodeToString(make([]byte, 4))),
		"long tag":              with(3, base64.StdEncoding.EncodeToString(make([]byte, 32))),
		"tag spelt otherwise":   with(3, lines[3][:21]+"B=="),
		"other binary file":     "\x7fELF\x00\x00",
		"short word and binary": "hello\x00\x01\x02\x03\xff\xfe",
	} {
		if got, err := c.Decrypt(t.Context(), []byte(message)); !errors.Is(err, fourline.ErrMalformed) || got != nil {
			t.Errorf("%s: Decrypt = %q, %v, want ErrMalformed", name, got, err)
		}
		if _, err := fourline.Inspect([]byte(message)); !errors.Is(err, fourline.ErrMalformed) {
			t.Errorf("%s: Inspect = %v, want ErrMalformed", name, err)
		}
	}
	if n := api.Calls(""); n != 0 {
		t.Errorf("%d calls for malformed messages", n)
	}
}

// Every character of the file changed to another of base64 makes it not authentic, or its spelling wrong.
func TestTampering(t *testing.T) {
	_, c := fixture(t, nil)
	file := read(t, "sales.csv.cipher")
	for i := range file {
		for _, by := range []byte{'A', 'B', '/'} {
			if file[i] == by || file[i] == '\n' {
				continue
			}
			message := bytes.Clone(file)
			message[i] = by
			got, err := c.Decrypt(t.Context(), message)
			if got != nil || !errors.Is(err, fourline.ErrAuthentication) && !errors.Is(err, fourline.ErrMalformed) {
				t.Errorf("character %d made %q: Decrypt = %q, %v", i, by, got, err)
			}
		}
	}
	for n := range file[:len(file)-1] { // but for the last line end
		got, err := c.Decrypt(t.Context(), file[:n])
		if got != nil || !errors.Is(err, fourline.ErrMalformed) {
			t.Errorf("first %d characters: Decrypt = %q, %v, want ErrMalformed", n, got, err)
		}
	}
	a, b := bytes.SplitAfter(read(t, "sales.csv.cipher"), []byte("\n")), bytes.SplitAfter(read(t, "empty.cipher"), []byte("\n"))
	for i := 1; i < 4; i++ {
		spliced := slices.Clone(a)
		spliced[i] = b[i]
		if got, err := c.Decrypt(t.Context(), bytes.Join(spliced, nil)); got != nil || !errors.Is(err, fourline.ErrAuthentication) {
			t.Errorf("line %d of another file: Decrypt = %q, %v, want ErrAuthentication", i+1, got, err)
		}
	}
}

func TestKeys(t *testing.T) {
	text, blob := dataKey(t)
	file := read(t, "sales.csv.cipher")
	open := func(api *kmskeytest.KMS, name string, opens ...string) error {
		_, err := client(t, api, name, &fourline.Options{Opens: opens}).Decrypt(t.Context(), file)
		return err
	}
	under := func(key, text string) *kmskeytest.KMS {
		api := &kmskeytest.KMS{}
		api.Plant(blob, key, text, nil)
		api.Alias(alias, keyID)
		return api
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	cut := func(n int) string { return base64.StdEncoding.EncodeToString(key[:n]) }
	for _, tt := range []struct {
		name string
		err  error
		want error
	}{
		{"own key", open(under(keyID, text), keyID), nil},
		{"alias", open(under(keyID, text), alias), nil},
		{"other key", open(under(other, text), keyID), fourline.ErrWrongKey},
		{"other key, alias", open(under(other, text), alias), fourline.ErrWrongKey},
		{"other key, told so", open(under(other, text), keyID, other), nil},
		{"other data key", open(under(keyID, cut(16)), keyID), fourline.ErrAuthentication},
		{"data key of 24 bytes", open(under(keyID, cut(24)), keyID), fourline.ErrAuthentication},
		{"data key of 31 bytes", open(under(keyID, cut(31)), keyID), fourline.ErrInvalidDataKey},
		{"no data key", open(under(keyID, "-----BEGIN PRIVATE KEY-----"), keyID), fourline.ErrInvalidDataKey},
		{"unknown wrapped key", open(&kmskeytest.KMS{}, keyID), fourline.ErrAuthentication},
		{"unknown wrapped key, cause", open(&kmskeytest.KMS{}, keyID), kmsapi.ErrInvalidCiphertext},
		{"service fails", open(&kmskeytest.KMS{Fail: map[string]error{"Decrypt": kmsapi.ErrThrottled}}, keyID), kmsapi.ErrThrottled},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: Decrypt = %v, want %v", tt.name, tt.err, tt.want)
		}
		if tt.err != nil && strings.Contains(tt.err.Error(), text[:8]) {
			t.Errorf("%s: error shows the data key: %v", tt.name, tt.err)
		}
	}
}

func TestEncryptErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		api  *kmskeytest.KMS
		want error
	}{
		{"service fails", &kmskeytest.KMS{Fail: map[string]error{"GenerateDataKey": kmsapi.ErrDisabled}}, kmsapi.ErrDisabled},
		{"other key", &kmskeytest.KMS{AnswerKeyID: func(_, _ string) string { return other }}, fourline.ErrWrongKey},
		{"short key", &kmskeytest.KMS{AnswerText: func(_, _ string) string { return "AAAA" }}, fourline.ErrInvalidDataKey},
	} {
		if got, err := client(t, tt.api, keyID, nil).Encrypt(t.Context(), nil); !errors.Is(err, tt.want) || got != nil {
			t.Errorf("%s: Encrypt = %q, %v, want %v", tt.name, got, err, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client(t, &kmskeytest.KMS{}, keyID, nil).Encrypt(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestLimits(t *testing.T) {
	size := len(read(t, "sales.csv"))
	for _, limit := range []int{1, size - 1, size} {
		api, c := fixture(t, &fourline.Options{MaxSize: limit})
		var want error
		if limit < size {
			want = fourline.ErrTooLarge
		}
		if _, err := c.Decrypt(t.Context(), read(t, "sales.csv.cipher")); !errors.Is(err, want) {
			t.Errorf("limit %d: Decrypt = %v, want %v", limit, err, want)
		}
		if _, err := c.Encrypt(t.Context(), make([]byte, size)); !errors.Is(err, want) {
			t.Errorf("limit %d: Encrypt = %v, want %v", limit, err, want)
		}
		_, blob := dataKey(t)
		if _, err := c.InsecureDecryptChunks(t.Context(), read(t, "sales.csv.chunks"), fourline.ChunkLayout{WrappedKeySize: len(blob)}); !errors.Is(err, want) {
			t.Errorf("limit %d: InsecureDecryptChunks = %v, want %v", limit, err, want)
		}
		if want != nil && api.Calls("") != 0 {
			t.Errorf("limit %d: %d calls", limit, api.Calls(""))
		}
	}
}

func TestNew(t *testing.T) {
	api := &kmskeytest.KMS{}
	for name, err := range map[string]error{
		"no key":         second(fourline.New(api, "", nil)),
		"no API":         second(fourline.New(nil, keyID, nil)),
		"alias to open":  second(fourline.New(api, keyID, &fourline.Options{Opens: []string{alias}})),
		"negative limit": second(fourline.New(api, keyID, &fourline.Options{MaxSize: -1})),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "fourline: ") {
			t.Errorf("%s: New = %v", name, err)
		}
	}
}

func second(_ *fourline.Client, err error) error { return err }

// What a caller gave is neither changed nor kept.
func TestArgumentsAreLeftAlone(t *testing.T) {
	_, c := fixture(t, nil)
	file := read(t, "sales.csv.cipher")
	padded := append(bytes.Clone(file), bytes.Repeat([]byte{0xAA}, 64)...)
	message := padded[:len(file)]
	plaintext, err := c.Decrypt(t.Context(), message)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(padded[:len(file)], file) || !bytes.Equal(padded[len(file):], bytes.Repeat([]byte{0xAA}, 64)) {
		t.Error("Decrypt wrote to its argument")
	}
	clear(message)
	if !bytes.Equal(plaintext, read(t, "sales.csv")) {
		t.Error("the plaintext shares memory with the message")
	}
}
