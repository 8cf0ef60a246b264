package envelope_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// newCache returns a cache over the provider of these tests: messages with one context then share a data key, and what a
// client keeps of one message for the next comes into play.
func newCache(t testing.TB) *keyring.Caching {
	t.Helper()
	cache, err := keyring.NewCaching(newRaw(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	return cache
}

// opensAs checks that message is what a client that makes no other would have made: it has these pairs, opens with them for
// a client that has seen nothing, and with no others.
func opensAs(t *testing.T, message, want []byte, ec envelope.Context, opts envelope.Options, others ...envelope.Context) {
	t.Helper()
	fresh := newClient(t, newRaw(t), nil)
	var h format.Header
	if _, err := h.Parse(message); err != nil {
		t.Fatal(err)
	}
	if h.ChunkSize != opts.ChunkSize && opts.ChunkSize != 0 || h.Suite != opts.Suite && opts.Suite != 0 {
		t.Fatalf("%v: header has %v and chunks of %d bytes", ec, h.Suite, h.ChunkSize)
	}
	stored := 0
	for k, v := range ec {
		withheld := false
		for _, w := range opts.Withhold {
			withheld = withheld || w == k
		}
		if got, ok := h.Stored.Map()[k]; ok == withheld || ok && got != v {
			t.Fatalf("%v: header has %v", ec, h.Stored.Map())
		}
		if !withheld {
			stored++
		}
	}
	if h.Stored.Len() != stored || h.Withheld != len(ec)-stored {
		t.Fatalf("%v: header has %v and %d withheld pairs", ec, h.Stored.Map(), h.Withheld)
	}
	got, err := fresh.Decrypt(t.Context(), message, ec)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%v: Decrypt = %q, %v, want %q", ec, got, err, want)
	}
	for _, o := range others {
		if fmt.Sprint(o) == fmt.Sprint(ec) {
			continue
		}
		if got, err := fresh.Decrypt(t.Context(), message, o); !errors.Is(err, envelope.ErrAuthentication) || got != nil {
			t.Fatalf("%v opens with %v: %q, %v", ec, o, got, err)
		}
	}
}

var reuseContexts = []envelope.Context{
	nil, {"tenant": "42"}, {"tenant": "43"}, {"tenant": "42", "row": "9"}, {"tenant": "42", "row": "8"}, {"tenant": "42", "row": ""},
	{"row": "9"}, {"tenant": "4", "row": "29"}, {"tenant42": ""}, {"tenant": ""}, {"tenant": "42", "row": "9", "column": "name"},
}

// One client makes and opens messages with contexts, withheld pairs, chunk sizes and suites that differ a little, in every
// order, with errors between: each is as if it were the first.
func TestMessagesDoNotDependOnTheOnesBefore(t *testing.T) {
	cache := newCache(t)
	opener := newClient(t, cache, nil)
	for _, opts := range []envelope.Options{
		{}, {ChunkSize: 4096}, {Suite: format.SM4GCM}, {Withhold: []string{"row"}}, {Withhold: []string{"row", "tenant"}}, {Keys: format.Slots},
	} {
		c := newClient(t, cache, &opts)
		for i, a := range reuseContexts {
			for _, b := range reuseContexts {
				for turn, ec := range []envelope.Context{a, a, b, a} {
					want := text(i + turn)
					m := encrypt(t, c, want, ec)
					opensAs(t, m, want, ec, opts)
					if got, err := opener.Decrypt(t.Context(), m, ec); err != nil || !bytes.Equal(got, want) {
						t.Fatalf("%v: Decrypt = %q, %v", ec, got, err)
					}
					if turn == 1 { // errors leave nothing behind
						if _, err := c.Encrypt(t.Context(), nil, envelope.Context{"tenant": "\xff"}); !errors.Is(err, format.ErrInvalid) {
							t.Fatalf("Encrypt = %v", err)
						}
						if _, err := opener.Decrypt(t.Context(), m[:len(m)-1], ec); !errors.Is(err, envelope.ErrAuthentication) {
							t.Fatalf("Decrypt of a cut message = %v", err)
						}
						if _, err := opener.Decrypt(t.Context(), []byte("not a message"), ec); !errors.Is(err, format.ErrNotMessage) {
							t.Fatalf("Decrypt of none = %v", err)
						}
					}
				}
			}
		}
		for _, ec := range reuseContexts {
			opensAs(t, encrypt(t, c, nil, ec), nil, ec, opts, reuseContexts...)
		}
	}
}

// Every byte of a message is refused when it is flipped, also by a client that has just opened the message as it was, and
// for the same reason as by a client that has seen nothing.
func TestFlippedBehindTheTrueOne(t *testing.T) {
	cache := newCache(t)
	ec := envelope.Context{"tenant": "42", "row": "9"}
	for _, opts := range []envelope.Options{{ChunkSize: 4096}, {Withhold: []string{"row"}}, {Keys: format.Slots}} {
		m := encrypt(t, newClient(t, cache, &opts), text(20), ec)
		warm := newClient(t, newRaw(t), nil)
		for i := range m {
			if got, err := warm.Decrypt(t.Context(), m, ec); err != nil || !bytes.Equal(got, text(20)) {
				t.Fatalf("before byte %d: Decrypt = %q, %v", i, got, err)
			}
			flipped := bytes.Clone(m)
			flipped[i] ^= 1
			got, err := warm.Decrypt(t.Context(), flipped, ec)
			want, wantErr := newClient(t, newRaw(t), nil).Decrypt(t.Context(), flipped, ec)
			if !bytes.Equal(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("byte %d flipped: Decrypt = %q, %v, want %q, %v", i, got, err, want, wantErr)
			}
			if err == nil && opts.Keys != format.Slots { // the slot that is not in force may hold anything
				t.Errorf("byte %d flipped: the message opens", i)
			}
		}
	}
}

// A data key that leaves the cache takes its header with it.
func TestNewDataKeyNewHeader(t *testing.T) {
	cache := newCache(t)
	c := newClient(t, cache, nil)
	ec := envelope.Context{"tenant": "42"}
	seen := map[string]bool{}
	for range 3 {
		for range 3 {
			m := encrypt(t, c, text(10), ec)
			opensAs(t, m, text(10), ec, envelope.Options{})
			var h format.Header
			if _, err := h.Parse(m); err != nil {
				t.Fatal(err)
			}
			if salt := string(h.Salt[:]); seen[salt] {
				t.Fatal("two messages have one salt")
			} else {
				seen[salt] = true
			}
			seen[string(h.Record[0].Ciphertext)] = true
		}
		cache.Purge()
	}
	if len(seen) != 9+3 {
		t.Errorf("9 messages under 3 data keys have %d salts and wrapped keys", len(seen))
	}
}

// The caller's buffer is the caller's: one that is filled with message after message gives each of them.
func TestMessagesInOneBuffer(t *testing.T) {
	cache := newCache(t)
	c := newClient(t, cache, nil)
	buf := make([]byte, 0, 1000)
	for i, ec := range append(reuseContexts, reuseContexts...) {
		buf = append(buf[:0], encrypt(t, c, text(i), ec)...)
		got, info, err := c.AppendDecrypt(t.Context(), nil, buf, ec)
		if err != nil || !bytes.Equal(got, text(i)) {
			t.Fatalf("%v: AppendDecrypt = %q, %v", ec, got, err)
		}
		clear(buf)
		if fmt.Sprint(info.Stored.Map()) != fmt.Sprint(map[string]string(ec)) && len(ec) > 0 {
			t.Errorf("Info has %v, want %v", info.Stored.Map(), ec)
		}
	}
}

// Goroutines that share a client do not get each other's headers.
func TestConcurrentMessages(t *testing.T) {
	cache := newCache(t)
	c := newClient(t, cache, &envelope.Options{Withhold: []string{"row"}})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			ec := envelope.Context{"tenant": fmt.Sprint(g % 3), "row": fmt.Sprint(g)}
			other := envelope.Context{"tenant": fmt.Sprint(g % 3), "row": "none"}
			var m, p []byte
			for i := range 200 {
				var err error
				if m, err = c.AppendEncrypt(t.Context(), m[:0], text(i), ec); err != nil {
					t.Error(err)
					return
				}
				var info envelope.Info
				if p, info, err = c.AppendDecrypt(t.Context(), p[:0], m, ec); err != nil || !bytes.Equal(p, text(i)) {
					t.Errorf("goroutine %d: AppendDecrypt = %q, %v", g, p, err)
					return
				}
				if got := fmt.Sprint(info.Stored.Map()); got != fmt.Sprintf("map[tenant:%d]", g%3) {
					t.Errorf("goroutine %d: Info has %s", g, got)
				}
				if _, err := c.Decrypt(t.Context(), m, other); !errors.Is(err, envelope.ErrAuthentication) {
					t.Errorf("goroutine %d: Decrypt with another row = %v", g, err)
				}
			}
		})
	}
	wg.Wait()
}

// With a data key at hand, a message costs what its cipher does and, without a destination to append to, the answer.
func TestMessageAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops items at random under the race detector")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	var nonce [12]byte
	out := make([]byte, 0, 100)
	ciphers := testing.AllocsPerRun(100, func() { // two, but more where the cipher has no assembly
		block, err := aes.NewCipher(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			t.Fatal(err)
		}
		gcm.Seal(out, nonce[:], nil, nil)
	})
	c := newClient(t, newCache(t), nil)
	ec := envelope.Context{"tenant": "42", "purpose": strings.Repeat("x", 100)}
	for _, n := range []int{100, 1 << 10, 16 << 10} {
		plain := text(n)
		m := encrypt(t, c, plain, ec)
		room := make([]byte, 0, len(m))
		for _, tt := range []struct {
			name string
			most float64
			call func() error
		}{
			{"AppendEncrypt", ciphers, func() error { _, err := c.AppendEncrypt(t.Context(), room, plain, ec); return err }},
			{"AppendDecrypt", ciphers, func() error { _, _, err := c.AppendDecrypt(t.Context(), room, m, ec); return err }},
			{"Encrypt", ciphers + 1, func() error { _, err := c.Encrypt(t.Context(), plain, ec); return err }},
			{"Decrypt", ciphers + 1, func() error { _, err := c.Decrypt(t.Context(), m, ec); return err }},
		} {
			allocs := testing.AllocsPerRun(100, func() {
				if err := tt.call(); err != nil {
					t.Fatal(err)
				}
			})
			if allocs > tt.most {
				t.Errorf("%s of %d bytes allocates %v times, want %v", tt.name, n, allocs, tt.most)
			}
		}
	}
}
