package refkms_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"testing"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

func client(b testing.TB, opts *refkms.Options) (*refkms.Server, *refkms.Client) {
	b.Helper()
	s, err := newServer(opts)
	if err != nil {
		b.Fatal(err)
	}
	return s, s.Client(nil)
}

// rawDataKey is what GenerateDataKey cannot do without: the data key, its text, the IV, the seal, the text of the blob.
func rawDataKey(aead cipher.AEAD, version string) (text []byte, blob string) {
	key := make([]byte, 32)
	rand.Read(key)
	text = base64.StdEncoding.AppendEncode(nil, key)
	raw := make([]byte, 48, 48+len(text)+16)
	copy(raw, version)
	rand.Read(raw[36:])
	raw = aead.Seal(raw, raw[36:48], text, raw[:36])
	return text, base64.StdEncoding.EncodeToString(raw)
}

func rawAEAD(b testing.TB) cipher.AEAD {
	b.Helper()
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	return aead
}

// The target is a typed GenerateDataKey within three times the raw line of the same run, and with eight callers a gain
// of at least 0.9 of the raw line's.
func BenchmarkGenerateDataKey(b *testing.B) {
	const version = "86a9efd9-3d16-4894-bd4f-1fc43f3f2abf"
	aead := rawAEAD(b)
	_, c := client(b, nil)
	key, err := c.CreateKey(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	req := &kmsapi.GenerateDataKeyRequest{KeyID: key.KeyID}
	for _, line := range []struct {
		name string
		run  func()
	}{
		{"raw", func() { rawDataKey(aead, version) }},
		{"typed", func() {
			if _, err := c.GenerateDataKey(b.Context(), req); err != nil {
				b.Error(err)
			}
		}},
	} {
		b.Run(line.name+"/callers=1", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				line.run()
			}
		})
		b.Run(line.name+"/callers=8", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(4) // times GOMAXPROCS, 2 on the machine that was measured
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					line.run()
				}
			})
		})
	}
}
