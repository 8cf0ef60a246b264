package osscse_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"io"
	"testing"
	"time"
)

// BenchmarkOfRaw measures reading and writing an object of 64 MiB against raw AES-256-GCM on one core, by turns: "of-raw"
// is how fast they are where raw AES-GCM is 1. Run with -cpu 1.
func BenchmarkOfRaw(b *testing.B) {
	const size, segment = 64 << 20, 64 << 10
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	buf, iv := make([]byte, segment+16), make([]byte, 12)
	client, plaintext := exampleClient(), make([]byte, size)
	metadata, body := exampleObject(client, string(plaintext))
	for name, op := range map[string]func() error{
		"write": func() error {
			u, err := client.NewUnauthenticatedUpload(b.Context(), size, nil)
			if err != nil {
				return err
			}
			r, err := u.Encrypt(bytes.NewReader(plaintext))
			if err != nil {
				return err
			}
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, buf[:segment])
			return err
		},
		"read": func() error {
			o, err := client.OpenUnauthenticated(b.Context(), metadata)
			if err != nil {
				return err
			}
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, o.NewReader(bytes.NewReader(body)), buf[:segment])
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			var raw, ours time.Duration
			for b.Loop() {
				start := time.Now()
				for range size / segment {
					gcm.Seal(buf[:0], iv, buf[:segment], nil)
				}
				mid := time.Now()
				if err := op(); err != nil {
					b.Fatal(err)
				}
				raw, ours = raw+mid.Sub(start), ours+time.Since(mid)
			}
			b.ReportMetric(raw.Seconds()/ours.Seconds(), "of-raw")
			b.ReportMetric(size/1e6*float64(b.N)/ours.Seconds(), "MB/s")
		})
	}
}
