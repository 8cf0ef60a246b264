package aliyunesdk

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// These look inside because the limits are of messages too large to make.

func TestBodyLimit(t *testing.T) {
	for _, tt := range []struct {
		alg  Algorithm
		n    int64
		want error
	}{
		{AES256GCM, MaxBodySize, nil},
		{AES256GCM, MaxBodySize + 1, ErrTooLarge},
		{SM4GCM, MaxBodySize + 1, ErrTooLarge},
		{AES256GCM, -1, ErrMalformed},
		{AES256CTR, MaxBodySize + 1, nil},
		{AES256CBC, 0, nil},
		{AES256CBC, 8, ErrMalformed},
		{AES256CBCPKCS7, 0, ErrMalformed},
		{AES256CBCPKCS7, 32, nil},
	} {
		if err := algorithms[tt.alg].checkSize(tt.n); !errors.Is(err, tt.want) {
			t.Errorf("%v, %d bytes: %v, want %v", tt.alg, tt.n, err, tt.want)
		}
	}
}

func TestWriterLimit(t *testing.T) {
	v := ReadVectors(t)[0]
	h, err := Inspect(bytes.NewReader(v.Message))
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBodyCipher(h, v.DataKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, via := range []string{"Write", "ReadFrom"} {
		w, err := b.newWriter(io.Discard, nil, newIV())
		if err != nil {
			t.Fatal(err)
		}
		w.total = MaxBodySize - 100
		write := w.Write
		if via == "ReadFrom" {
			write = func(p []byte) (int, error) {
				n, err := w.ReadFrom(iotestReader(p))
				return int(n), err
			}
		}
		if n, err := write(make([]byte, 100)); n != 100 || err != nil {
			t.Errorf("%s up to the limit = %d, %v", via, n, err)
		}
		for range 2 {
			if n, err := write(make([]byte, 1)); n != 0 || !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s above the limit = %d, %v, want ErrTooLarge", via, n, err)
			}
		}
		if err := w.Close(); !errors.Is(err, ErrTooLarge) {
			t.Errorf("Close = %v, want ErrTooLarge", err)
		}
	}
}

func iotestReader(p []byte) io.Reader { return struct{ io.Reader }{bytes.NewReader(p)} }

func TestDetachedIsExhausted(t *testing.T) {
	v := ReadVectors(t)[0]
	h, err := Inspect(bytes.NewReader(v.Message))
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBodyCipher(h, v.DataKey)
	if err != nil {
		t.Fatal(err)
	}
	d := &Detached{b: b}
	d.written.Store(maxDetached - 1)
	if _, err := d.Encrypt(nil); err != nil {
		t.Errorf("last message: %v", err)
	}
	for range 3 {
		if _, err := d.Encrypt(nil); !errors.Is(err, ErrExhausted) {
			t.Errorf("Encrypt = %v, want ErrExhausted", err)
		}
		if _, err := d.NewWriter(io.Discard); !errors.Is(err, ErrExhausted) {
			t.Errorf("NewWriter = %v, want ErrExhausted", err)
		}
	}
}

// The longest header that a writer could make is within the limit of readers.
func TestLongestHeader(t *testing.T) {
	h := &Header{Encoding: OneShot, Algorithm: AES256GCM, Context: Context{}}
	for i := range MaxWrappedKeys {
		h.Keys = append(h.Keys, WrappedKey{strings.Repeat("k", MaxKeyIDSize-2) + string(rune('A'+i/26)) + string(rune('A'+i%26)), strings.Repeat("A", MaxWrappedKeySize)})
	}
	for i := range 2700 { // short pairs take the most of DER for what they serialise to
		h.Context[string(rune(0x4e00+i))] = "v"
	}
	if n := len(appendContext(nil, h.Context)); n > MaxContextSize || n < MaxContextSize-500 {
		t.Fatalf("context of %d bytes", n)
	}
	der, err := h.marshalDER()
	if err != nil || len(der) > MaxHeaderSize {
		t.Fatalf("header of %d bytes, limit %d, %v", len(der), MaxHeaderSize, err)
	}
	got, err := (&cursor{r: bytes.NewReader(der)}).derHead(-1)
	if err != nil || len(got.Keys) != MaxWrappedKeys || len(got.Context) != len(h.Context) {
		t.Errorf("longest header: %v", err)
	}
	got, err = Inspect(bytes.NewReader(h.marshalBinary()))
	if err != nil || len(got.Keys) != MaxWrappedKeys || len(got.Context) != len(h.Context) {
		t.Errorf("longest stream header: %v", err)
	}
}
