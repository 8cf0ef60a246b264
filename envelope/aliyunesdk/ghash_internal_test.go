package aliyunesdk

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/emmansun/gmsm/sm4"
)

// These look inside because what the segments compute is compared with the one GCM call they stand for.

func randomElement() element {
	var b [16]byte
	rand.Read(b[:])
	return toElement(b[:])
}

func TestField(t *testing.T) {
	for range 100 {
		a, b, c := randomElement(), randomElement(), randomElement()
		if a.times(b) != b.times(a) || a.times(b.times(c)) != a.times(b).times(c) {
			t.Fatal("multiplication is not commutative and associative")
		}
		if a.times(b.plus(c)) != a.times(b).plus(a.times(c)) {
			t.Fatal("multiplication does not distribute")
		}
		if a.times(one) != a || a.times(a.inverse()) != one {
			t.Fatal("1 is not neutral, or the inverse is none")
		}
		p := one
		for n := range int64(20) {
			if a.power(n) != p {
				t.Fatalf("power %d is wrong", n)
			}
			p = p.times(a)
		}
		if w := a.bytes(); toElement(w[:]) != a {
			t.Fatal("bytes do not come back")
		}
	}
	if (element{}).inverse() != (element{}) {
		t.Error("inverse of 0 is not 0")
	}
	// The product of the first block of ciphertext and H in test case 2 of McGrew and Viega, The Galois/Counter Mode of
	// Operation: X1 = C·H.
	h := element{0x66e94bd4ef8a2c3b, 0x884cfa59ca342b2e}
	c := element{0x0388dace60b6a392, 0xf328c2b971b2fe78}
	if got, want := c.times(h), (element{0x5e2ec74691706288, 0x2c85b0685353deb7}); got != want {
		t.Errorf("C·H = %x, want %x", got, want)
	}
}

func blocks(t testing.TB) map[string]cipher.Block {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	a128, err := aes.NewCipher(key[:16])
	if err != nil {
		t.Fatal(err)
	}
	a256, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sm4.NewCipher(key[:16])
	if err != nil {
		t.Fatal(err)
	}
	return map[string]cipher.Block{"AES-128": a128, "AES-256": a256, "SM4": s}
}

// Segments sealed one by one make the very bytes and tag of one GCM call, and open again.
func TestSegmentsAreGCM(t *testing.T) {
	for name, block := range blocks(t) {
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			t.Fatal(err)
		}
		s, err := newSegmented(block)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{0, 1, 15, 16, 17, segmentSize - 1, segmentSize, segmentSize + 1, 2 * segmentSize, 3*segmentSize + 100} {
			for _, ad := range []int{0, 1, 16, 28, segmentSize, segmentSize + 5} {
				plaintext, ads, iv := make([]byte, size), make([]byte, ad), make([]byte, 12)
				rand.Read(plaintext)
				rand.Read(ads)
				rand.Read(iv)
				want := gcm.Seal(nil, iv, plaintext, ads)

				var sc segment
				g := s.hashAll(ads)
				buf := make([]byte, segmentSize, segmentSize+tagSize)
				var got, opened []byte
				for i := int64(0); i*segmentSize < int64(size); i++ {
					src := plaintext[i*segmentSize:][:min(segmentSize, size-int(i)*segmentSize)]
					data := buf[:copy(buf, src)]
					part := s.seal(&sc, data, iv, i)
					ciphertext := bytes.Clone(data)
					if h := s.hash(&sc, ciphertext); h != part {
						t.Fatalf("%s: %d bytes: segment %d hashes to %x sealed and %x read", name, size, i, part, h)
					}
					g = s.append(g, len(src), part)
					got = append(got, ciphertext...)
					if !s.open(&sc, data, iv, i, part) {
						t.Fatalf("%s: %d bytes: segment %d does not open", name, size, i)
					}
					opened = append(opened, data...)
					copy(data, ciphertext)
					data[0] ^= 1
					if s.open(&sc, data, iv, i, part) || !bytes.Equal(data, make([]byte, len(data))) {
						t.Fatalf("%s: %d bytes: segment %d opens though changed, or leaves something", name, size, i)
					}
				}
				tag := s.tag(g, iv, ad, int64(size))
				if got = append(got, tag[:]...); !bytes.Equal(got, want) || !bytes.Equal(opened, plaintext) {
					t.Errorf("%s: %d bytes, %d of associated data: segments are not the whole", name, size, ad)
				}
			}
		}
	}
}

func TestSegmentBeyondTheCounter(t *testing.T) {
	last := int64(MaxBodySize-1) / segmentSize
	if j := first(make([]byte, 12), last); j.lo != 1+(1<<32-segmentBlocks) {
		t.Errorf("first counter of the last segment is %#x", j.lo)
	}
	defer func() {
		if recover() == nil {
			t.Error("a segment beyond the counter has a counter")
		}
	}()
	first(make([]byte, 12), last+1)
}

// A block cipher that maps zero to zero has no hash key; no such key of AES is known.
func TestHashKeyOfZero(t *testing.T) {
	if _, err := newSegmented(zeroBlock{}); err == nil {
		t.Error("a hash key of zero was accepted")
	}
}

type zeroBlock struct{}

func (zeroBlock) BlockSize() int          { return blockSize }
func (zeroBlock) Encrypt(dst, src []byte) { copy(dst, src) }
func (zeroBlock) Decrypt(dst, src []byte) { copy(dst, src) }

func TestParallel(t *testing.T) {
	for _, w := range []int{1, 2, 8} {
		var seen [100]atomic.Int32
		if err := parallel(w, 100, func(_ int, i int64) error { seen[i].Add(1); return nil }); err != nil {
			t.Fatal(err)
		}
		for i := range seen {
			if n := seen[i].Load(); n != 1 {
				t.Errorf("%d workers: %d calls for %d", w, n, i)
			}
		}
		// Every segment before the one that fails first is done.
		boom := errors.New("boom")
		for at := range int64(20) {
			var done [100]atomic.Bool
			err := parallel(w, 100, func(_ int, i int64) error {
				if i >= at {
					return boom
				}
				done[i].Store(true)
				return nil
			})
			if err != boom {
				t.Errorf("%d workers: %v", w, err)
			}
			for i := range at {
				if !done[i].Load() {
					t.Errorf("%d workers: %d failed before %d was done", w, at, i)
				}
			}
		}
	}
}

func TestWorkers(t *testing.T) {
	if workers(0) != 1 || workers(1) != 1 || workers(1<<40) > maxWorkers {
		t.Errorf("workers: %d %d %d", workers(0), workers(1), workers(1<<40))
	}
}
