package bench_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"sync"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// A floor is the cryptography that the format asks of one short message, and nothing else: a salt, the tag over the head,
// the body key that hangs on it, both from an HMAC that is kept, the key schedule, the set-up of GCM, and Seal or Open
// (format/SPEC.md, Section 4). It has no header, no context, no cache and no checks.
type floor struct {
	mac   hash.Hash
	info  []byte
	sum   []byte
	head  [128]byte // with the salt and a context
	nonce [nonceSize]byte
}

const (
	tagLabel, bodyLabel  = "xinfeng/1 tag", "xinfeng/1 body"
	cellLabel            = "xinfeng/1 cell"
	saltOffset, headSize = 12, 44
)

func newFloor() *floor {
	f := &floor{mac: hmac.New(sha256.New, make([]byte, 32)), sum: make([]byte, 0, 32)}
	f.nonce[nonceSize-1] = 1
	return f
}

// key derives the body key of a message with a context of n bytes.
func (f *floor) key(n int) (cipher.AEAD, error) {
	f.info = append(append(f.info[:0], tagLabel...), f.head[:headSize+n]...)
	f.expand()
	f.info = append(append(f.info[:0], bodyLabel...), f.sum...)
	f.expand()
	block, err := aes.NewCipher(f.sum)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// expand is HKDF-Expand of f.info to one output of the hash.
func (f *floor) expand() {
	f.mac.Reset()
	f.info = append(f.info, 1)
	f.mac.Write(f.info)
	f.sum = f.mac.Sum(f.sum[:0])
}

func (f *floor) seal(dst, plain []byte, n int) ([]byte, error) {
	rand.Read(f.head[saltOffset:headSize])
	aead, err := f.key(n)
	if err != nil {
		return nil, err
	}
	return aead.Seal(dst, f.nonce[:], plain, nil), nil
}

func (f *floor) open(dst, body []byte, n int) ([]byte, error) {
	aead, err := f.key(n)
	if err != nil {
		return nil, err
	}
	return aead.Open(dst, f.nonce[:], body, nil)
}

// newCachedClient returns a client whose data keys are at hand.
func newCachedClient(b *testing.B, opts *envelope.Options) *envelope.Client {
	b.Helper()
	raw, err := keyring.NewRawAES("bench", make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	provider, err := keyring.NewCaching(raw, &keyring.CachingOptions{MaxMessages: 1 << 60, MaxBytes: 1 << 62})
	if err != nil {
		b.Fatal(err)
	}
	c, err := envelope.New(provider, opts)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// messageContext is the context of all short messages; contextSize is its length in a head, in bytes.
var messageContext = envelope.Context{"tenant": "42"}

const contextSize = 2 + len("tenant") + 2 + len("42")

// sizeName writes a number of bytes as a person does.
func sizeName(n int) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// BenchmarkMessage: messages whose data key is in the cache.
func BenchmarkMessage(b *testing.B) {
	for _, n := range []int{100, 1 << 10, 16 << 10, 1 << 20} {
		b.Run("size="+sizeName(n), func(b *testing.B) {
			plain := text(n)
			c := newCachedClient(b, nil)
			f, other := newFloor(), newFloor() // one seals, with another salt each time; what the other has sealed is opened
			message, err := c.Encrypt(ctx, plain, messageContext)
			if err != nil {
				b.Fatal(err)
			}
			body, err := other.seal(nil, plain, contextSize)
			if err != nil {
				b.Fatal(err)
			}
			room := make([]byte, 0, len(message)+64)
			times := max(1, 1_000_000/(n+1000)) // about a millisecond, in which a collection or two fall
			for _, r := range []*row{
				{
					name: "encrypt " + sizeName(n), times: times,
					limit: lane{name: "floor", run: func() error { _, err := f.seal(room, plain, contextSize); return err }},
					lanes: []lane{
						{name: "AppendEncrypt", goal: 1.2, run: func() error { _, err := c.AppendEncrypt(ctx, room, plain, messageContext); return err }},
						{name: "Encrypt", run: func() error { _, err := c.Encrypt(ctx, plain, messageContext); return err }},
					},
				},
				{
					name: "decrypt " + sizeName(n), times: times,
					limit: lane{name: "floor", run: func() error { _, err := other.open(room, body, contextSize); return err }},
					lanes: []lane{
						{name: "AppendDecrypt", goal: 1.2, run: func() error { _, _, err := c.AppendDecrypt(ctx, room, message, messageContext); return err }},
						{name: "Decrypt", run: func() error { _, err := c.Decrypt(ctx, message, messageContext); return err }},
					},
				},
			} {
				b.Run(r.name, r.measure)
			}
		})
	}
}

// BenchmarkCores: short messages by two goroutines that share one client and one data key, beside two floors that share
// nothing.
func BenchmarkCores(b *testing.B) {
	const n, times = 100, 2000
	plain := text(n)
	c := newCachedClient(b, nil)
	floors := []*floor{newFloor(), newFloor()}
	rooms := [][]byte{make([]byte, 0, n+500), make([]byte, 0, n+500)}
	// on runs do on so many goroutines, times runs of it in all.
	on := func(cores int, do func(k int) error) func() error {
		return func() error {
			errs := make([]error, cores)
			var wg sync.WaitGroup
			for k := range cores {
				wg.Go(func() {
					for range times / cores {
						if err := do(k); err != nil {
							errs[k] = err
							return
						}
					}
				})
			}
			wg.Wait()
			return errors.Join(errs...)
		}
	}
	ours := func(k int) error { _, err := c.AppendEncrypt(ctx, rooms[k], plain, messageContext); return err }
	bare := func(k int) error { _, err := floors[k].seal(rooms[k], plain, contextSize); return err }
	for _, cores := range []int{1, 2} {
		r := &row{
			name:  fmt.Sprintf("%d messages of 100 B by %d", times, cores),
			limit: lane{name: "floor", run: on(cores, bare)},
			lanes: []lane{{name: "AppendEncrypt", run: on(cores, ours)}},
		}
		b.Run(r.name, r.measure)
	}
}

// cell derives the key of a cell whose withheld pairs have n bytes: one derivation.
func (f *floor) cell(n int) (cipher.AEAD, error) {
	const prefix = 32 + 1 + 16 + 16 // commit, form, reference, salt
	f.info = append(append(f.info[:0], cellLabel...), f.head[:prefix+n]...)
	f.expand()
	block, err := aes.NewCipher(f.sum)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// BenchmarkCell: values of a database column, under a data key that is at hand.
func BenchmarkCell(b *testing.B) {
	raw, err := keyring.NewRawAES("bench", make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	cells, err := column.New(raw, envelope.KeyDir(b.TempDir()), envelope.Context{"table": "users"}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer cells.Close()
	row42 := envelope.Context{"id": "42"}
	const rowSize = 2 + len("id") + 2 + len("42")
	for _, n := range []int{16, 100, 1 << 10} {
		value := text(n)
		cell, err := cells.Seal(ctx, nil, value, row42)
		if err != nil {
			b.Fatal(err)
		}
		f, other := newFloor(), newFloor()
		aead, err := other.cell(rowSize)
		if err != nil {
			b.Fatal(err)
		}
		body := aead.Seal(nil, other.nonce[:], value, nil)
		room := make([]byte, 0, len(cell))
		for _, r := range []*row{
			{
				name: "seal cell of " + sizeName(n), times: 1000,
				limit: lane{name: "floor", run: func() error {
					rand.Read(f.head[:16])
					aead, err := f.cell(rowSize)
					if err == nil {
						aead.Seal(room, f.nonce[:], value, nil)
					}
					return err
				}},
				lanes: []lane{{name: "Seal", goal: 1.2, run: func() error { _, err := cells.Seal(ctx, room, value, row42); return err }}},
			},
			{
				name: "open cell of " + sizeName(n), times: 1000,
				limit: lane{name: "floor", run: func() error {
					aead, err := other.cell(rowSize)
					if err == nil {
						_, err = aead.Open(room, other.nonce[:], body, nil)
					}
					return err
				}},
				lanes: []lane{{name: "Open", goal: 1.2, run: func() error { _, err := cells.Open(ctx, room, cell, row42); return err }}},
			},
		} {
			b.Run(r.name, r.measure)
		}
	}
}
