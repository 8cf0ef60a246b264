package fourline_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/fourline"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
)

func TestChunkFileIsRecognised(t *testing.T) {
	api, c := fixture(t, nil)
	file := read(t, "sales.csv.chunks")
	_, blob := dataKey(t)
	linefeed := bytes.Clone(file)
	linefeed[len(blob)] = '\n' // a nonce that begins with a line end makes a good first line
	for name, b := range map[string][]byte{
		"whole":                file,
		"nonce begins with LF": linefeed,
		"nonce and one byte":   file[:len(blob)+17],
	} {
		for _, err := range []error{second2(c.Decrypt(t.Context(), b)), second2(fourline.Inspect(b))} {
			if !errors.Is(err, fourline.ErrChunkFile) || errors.Is(err, fourline.ErrMalformed) || !strings.Contains(err.Error(), "InsecureDecryptChunks") {
				t.Errorf("%s: %v, want ErrChunkFile that says what to do", name, err)
			}
		}
	}
	if n := api.Calls(""); n != 0 {
		t.Errorf("%d calls", n)
	}
	// A damaged text is none.
	text := read(t, "sales.csv.cipher")
	for i := range text {
		damaged := bytes.Clone(text)
		damaged[i] = 0xff
		if _, err := fourline.Inspect(damaged); !errors.Is(err, fourline.ErrMalformed) {
			t.Errorf("byte %d damaged: %v, want ErrMalformed", i, err)
		}
	}
	// Of a thousand chunk files none is missed.
	for range 1000 {
		rand.Read(file[len(blob):])
		if _, err := fourline.Inspect(file); !errors.Is(err, fourline.ErrChunkFile) {
			t.Errorf("nonce and ciphertext %x: %v, want ErrChunkFile", file[len(blob):], err)
		}
	}
}

func second2[T any](_ T, err error) error { return err }

func TestInsecureDecryptChunks(t *testing.T) {
	api, c := fixture(t, nil)
	file, want := read(t, "sales.csv.chunks"), read(t, "sales.csv")
	text, blob := dataKey(t)
	layout := fourline.ChunkLayout{WrappedKeySize: len(blob)}
	got, err := c.InsecureDecryptChunks(t.Context(), file, layout)
	if err != nil || !bytes.Equal(got, want) || api.Calls("") != 1 {
		t.Fatalf("InsecureDecryptChunks = %q, %v after %d calls", got, err, api.Calls(""))
	}
	// What its name says: a flipped bit of the file is a flipped bit of the plaintext, and no error.
	file[len(file)-1] ^= 1
	got, err = c.InsecureDecryptChunks(t.Context(), file, layout)
	if err != nil || got[len(got)-1] != want[len(want)-1]^1 {
		t.Errorf("flipped bit: %q, %v", got, err)
	}
	for _, tt := range []struct {
		name   string
		layout fourline.ChunkLayout
		file   []byte
		want   error
	}{
		{"no wrapped key", fourline.ChunkLayout{}, file, fourline.ErrMalformed},
		{"negative", fourline.ChunkLayout{WrappedKeySize: -1}, file, fourline.ErrMalformed},
		{"too long", fourline.ChunkLayout{WrappedKeySize: fourline.MaxWrappedKeySize + 1}, file, fourline.ErrMalformed},
		{"wrapped key runs into the nonce", fourline.ChunkLayout{WrappedKeySize: len(blob) + 4}, file, fourline.ErrMalformed},
		{"wrapped key cut", fourline.ChunkLayout{WrappedKeySize: len(blob) - 1}, file, fourline.ErrMalformed},
		{"other wrapped key", fourline.ChunkLayout{WrappedKeySize: len(blob) - 4}, file, fourline.ErrAuthentication},
		{"odd nonce", fourline.ChunkLayout{WrappedKeySize: len(blob), NonceSize: 8}, file, fourline.ErrMalformed},
		{"file ends in the nonce", layout, file[:len(blob)+15], fourline.ErrMalformed},
		{"file ends behind it", layout, file[:len(blob)+16], nil},
		{"nonce of 12 bytes", fourline.ChunkLayout{WrappedKeySize: len(blob), NonceSize: 12}, file, nil},
	} {
		if _, err := c.InsecureDecryptChunks(t.Context(), tt.file, tt.layout); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	api = &kmskeytest.KMS{}
	api.Plant(blob, other, text, nil)
	if _, err := client(t, api, keyID, nil).InsecureDecryptChunks(t.Context(), file, layout); !errors.Is(err, fourline.ErrWrongKey) {
		t.Errorf("other CMK: %v, want ErrWrongKey", err)
	}
}
