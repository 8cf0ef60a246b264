package aliyunesdk_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
)

// The line that the others are compared with: one core, in place. Run with -cpu 1 and again with -cpu 2; with -cpu 1,2 package
// testing runs the first of b.Loop under the last.
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

const benchSize = 64 << 20

// BenchmarkOfRaw measures the streams against raw AES-GCM on one core, in turns, so that both have the same share of the
// machine: "of-raw" is how fast they are where raw AES-GCM is 1, by the fast ends of the turns (p10) and by their medians.
// Reading reads twice, to verify first; "read" is the second time alone. "limit of read" is what no second time goes below
// on one core: to read the same bytes from the same kind of source, and to open them.
func BenchmarkOfRaw(b *testing.B) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	buf, iv := make([]byte, segment+16), make([]byte, 12)
	c, plaintext := benchClient(b), make([]byte, benchSize)
	message := writeStream(b, c, plaintext, nil, 1<<20)
	verified, err := c.NewReaderAt(b.Context(), bytes.NewReader(message), int64(len(message)), nil)
	if err != nil {
		b.Fatal(err)
	}
	var sealed []byte
	for range benchSize / segment {
		sealed = append(sealed, gcm.Seal(buf[:0], iv, buf[:segment], nil)...)
	}
	for _, op := range []struct {
		name string
		do   func() error
	}{
		{"write", func() error {
			w, err := c.NewWriter(b.Context(), io.Discard, nil)
			if err != nil {
				return err
			}
			if _, err := w.ReadFrom(bytes.NewReader(plaintext)); err != nil {
				return err
			}
			return w.Close()
		}},
		{"verify", func() error {
			_, err := c.NewReaderAt(b.Context(), bytes.NewReader(message), int64(len(message)), nil)
			return err
		}},
		{"read", func() error {
			_, err := verified.WriteTo(io.Discard)
			return err
		}},
		{"limit of read", func() error {
			src := bytes.NewReader(sealed)
			for off := 0; off < len(sealed); off += len(buf) {
				if _, err := src.ReadAt(buf, int64(off)); err != nil {
					return err
				}
				if _, err := gcm.Open(buf[:0], iv, buf, nil); err != nil {
					return err
				}
			}
			return nil
		}},
		{"verify and read", func() error {
			r, err := c.NewReaderAt(b.Context(), bytes.NewReader(message), int64(len(message)), nil)
			if err != nil {
				return err
			}
			_, err = r.WriteTo(io.Discard)
			return err
		}},
	} {
		b.Run(op.name, func(b *testing.B) {
			var raw, ours []time.Duration
			for b.Loop() {
				start := time.Now()
				for range benchSize / segment {
					gcm.Seal(buf[:0], iv, buf[:segment], nil)
				}
				mid := time.Now()
				if err := op.do(); err != nil {
					b.Fatal(err)
				}
				raw, ours = append(raw, mid.Sub(start)), append(ours, time.Since(mid))
			}
			slices.Sort(raw)
			slices.Sort(ours)
			at := func(took []time.Duration, percent int) float64 { return took[len(took)*percent/100].Seconds() }
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(at(raw, 10)/at(ours, 10), "of-raw:p10")
			b.ReportMetric(at(raw, 50)/at(ours, 50), "of-raw:p50")
			b.ReportMetric(benchSize/1e6/at(ours, 50), "MB/s")
		})
	}
}

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
	buf := make([]byte, 0, 2<<20)
	b.Run("Encrypt", func(b *testing.B) {
		b.SetBytes(1 << 20)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.AppendEncrypt(b.Context(), buf, plaintext, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Decrypt", func(b *testing.B) {
		b.SetBytes(1 << 20)
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := c.AppendDecrypt(b.Context(), buf, message, nil); err != nil {
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
