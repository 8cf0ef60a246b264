package aliyunesdk_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"io"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
)

// The line that the others are compared with: one core, in place. Run with -cpu 1,2.
func BenchmarkAESGCM(b *testing.B) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	buf, iv := make([]byte, segment+16), make([]byte, 12)
	b.SetBytes(segment)
	for b.Loop() {
		gcm.Seal(buf[:0], iv, buf[:segment], nil)
	}
}

const benchSize = 256 << 20

func benchClient(b *testing.B) *aliyunesdk.Client {
	return newClient(b, nil, aliyunesdk.Key{ARN: keyA, API: &kmskeytest.KMS{}})
}

func BenchmarkWriter(b *testing.B) {
	c, plaintext := benchClient(b), make([]byte, benchSize)
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		w, err := c.NewWriter(b.Context(), io.Discard, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.ReadFrom(bytes.NewReader(plaintext)); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// Verification, then decryption: the source is read twice.
func BenchmarkReaderAt(b *testing.B) {
	c := benchClient(b)
	message := writeStream(b, c, make([]byte, benchSize), nil, 1<<20)
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		r, err := c.NewReaderAt(b.Context(), bytes.NewReader(message), int64(len(message)), nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	c := benchClient(b)
	message := writeStream(b, c, make([]byte, benchSize), nil, 1<<20)
	b.SetBytes(benchSize)
	for b.Loop() {
		if _, err := c.NewReaderAt(b.Context(), bytes.NewReader(message), int64(len(message)), nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOneShot(b *testing.B) {
	c, plaintext := benchClient(b), make([]byte, 1<<20)
	message, err := c.Encrypt(b.Context(), plaintext, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Encrypt", func(b *testing.B) {
		b.SetBytes(1 << 20)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Encrypt(b.Context(), plaintext, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Decrypt", func(b *testing.B) {
		b.SetBytes(1 << 20)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Decrypt(b.Context(), message, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkMessage100(b *testing.B) {
	c := benchClient(b)
	message, err := c.Encrypt(b.Context(), make([]byte, 100), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Decrypt(b.Context(), message, nil); err != nil {
			b.Fatal(err)
		}
	}
}
