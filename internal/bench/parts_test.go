package bench_test

import (
	"crypto/cipher"
	"encoding/binary"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm4"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// kmsRecord is the record of a message under one CMK: an ARN of 77 bytes and the 108 bytes that KMS makes of a data key.
var kmsRecord = format.Record{{
	Provider:   format.ProviderKMS,
	KeyID:      "acs:kms:cn-hangzhou:1234567890123456:key/key-hzz65f1d0d6wq7jw1g5vp-0123456789",
	Ciphertext: make([]byte, 108),
}}

// BenchmarkHeader: the header of a message under one CMK, parsed into a new Header, and into one that was used before.
func BenchmarkHeader(b *testing.B) {
	stored, err := format.AppendPairs(nil, messageContext)
	if err != nil {
		b.Fatal(err)
	}
	h := format.Header{Suite: format.AES256GCM, ChunkSize: format.DefaultChunkSize, Stored: stored, Kind: format.Attached, Record: kmsRecord}
	wire, err := h.Marshal(nil)
	if err != nil {
		b.Fatal(err)
	}
	var used format.Header
	r := &row{
		name: "parse a header", times: 1000,
		lanes: []lane{
			{name: "new", most: 2 * time.Microsecond, run: func() error { var h format.Header; _, err := h.Parse(wire); return err }},
			{name: "used", run: func() error { _, err := used.Parse(wire); return err }},
		},
	}
	b.Run(r.name, r.measure)
}

// BenchmarkCacheHit: a data key that is at hand, lent and given back.
func BenchmarkCacheHit(b *testing.B) {
	raw, err := keyring.NewRawAES("bench", make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	cache, err := keyring.NewCaching(raw, &keyring.CachingOptions{MaxMessages: 1 << 60, MaxBytes: 1 << 62})
	if err != nil {
		b.Fatal(err)
	}
	defer cache.Close()
	stored, err := format.AppendPairs(nil, messageContext)
	if err != nil {
		b.Fatal(err)
	}
	generate := &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Context: stored, Size: 100}
	key, err := cache.GenerateDataKey(ctx, generate)
	if err != nil {
		b.Fatal(err)
	}
	decrypt := &keyring.DecryptRequest{Suite: format.AES256GCM, Context: stored, Record: key.Record()}
	key.Destroy()
	const most = 200 * time.Nanosecond
	r := &row{
		name: "cache hit", times: 10_000,
		lanes: []lane{
			{name: "to encrypt", most: most, run: func() error {
				key, err := cache.GenerateDataKey(ctx, generate)
				key.Destroy()
				return err
			}},
			{name: "to decrypt", most: most, run: func() error {
				key, err := cache.Decrypt(ctx, decrypt)
				key.Destroy()
				return err
			}},
		},
	}
	b.Run(r.name, r.measure)
}

// BenchmarkSM4: messages of the suite SM4GCM on one core, beside the same cipher of the same library called on chunks of the
// same size.
func BenchmarkSM4(b *testing.B) {
	for _, n := range []int{64 << 10, 1 << 20} {
		b.Run("size="+sizeName(n), func(b *testing.B) {
			c := newCachedClient(b, &envelope.Options{Suite: format.SM4GCM, Parallelism: 1})
			plain := text(n)
			message, err := c.Encrypt(ctx, plain, nil)
			if err != nil {
				b.Fatal(err)
			}
			block, err := sm4.NewCipher(make([]byte, 16))
			if err != nil {
				b.Fatal(err)
			}
			aead, err := cipher.NewGCM(block)
			if err != nil {
				b.Fatal(err)
			}
			const chunk, full = format.DefaultChunkSize, format.DefaultChunkSize + tagSize
			nonce, room := make([]byte, nonceSize), make([]byte, len(message))
			body := make([]byte, n/chunk*full)
			seal := func(dst []byte) error {
				for i := range n / chunk {
					binary.BigEndian.PutUint64(nonce, uint64(i))
					aead.Seal(dst[i*full:i*full:(i+1)*full], nonce, plain[i*chunk:(i+1)*chunk], nil)
				}
				return nil
			}
			if err := seal(body); err != nil {
				b.Fatal(err)
			}
			open := func() error {
				for i := range n / chunk {
					binary.BigEndian.PutUint64(nonce, uint64(i))
					if _, err := aead.Open(room[i*chunk:i*chunk:(i+1)*chunk], nonce, body[i*full:(i+1)*full], nil); err != nil {
						return err
					}
				}
				return nil
			}
			for _, r := range []*row{
				{
					name: "encrypt " + sizeName(n) + ", SM4", limit: lane{name: "gmsm", run: func() error { return seal(room) }},
					lanes: []lane{{name: "AppendEncrypt", goal: 1.1, run: func() error { _, err := c.AppendEncrypt(ctx, room[:0], plain, nil); return err }}},
				},
				{
					name: "decrypt " + sizeName(n) + ", SM4", limit: lane{name: "gmsm", run: open},
					lanes: []lane{{name: "AppendDecrypt", goal: 1.1, run: func() error { _, _, err := c.AppendDecrypt(ctx, room[:0], message, nil); return err }}},
				},
			} {
				b.Run(r.name, r.measure)
			}
		})
	}
}
