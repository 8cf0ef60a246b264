package envelope

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// White-box: torn writes are cut into writeSlots at every byte, which no file of the system can be made to do.

var errCrash = errors.New("crash")

// A tornFile is a file in memory whose power fails during a write: of the bytes of that write some are new, the rest old
// or garbage.
type tornFile struct {
	b     []byte
	write int // the write at which it fails, from 0; none if negative
	tear  func(old, new []byte) []byte
}

func (f *tornFile) ReadAt(p []byte, off int64) (int, error) { return copy(p, f.b[off:]), nil }
func (f *tornFile) Sync() error                             { return nil }

func (f *tornFile) WriteAt(p []byte, off int64) (int, error) {
	f.write--
	if f.write == -1 {
		copy(f.b[off:], f.tear(f.b[off:off+int64(len(p))], p))
		return 0, errCrash
	}
	return copy(f.b[off:], p), nil
}

func TestTornSlots(t *testing.T) {
	p, err := keyring.NewRawAES("a", make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(p, &Options{Keys: format.Slots})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	message, err := c.Encrypt(ctx, []byte("hello"), Context{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	states := 0
	opens := func(what string, m []byte) {
		t.Helper()
		states++
		if got, err := c.Decrypt(ctx, m, Context{"a": "b"}); err != nil || string(got) != "hello" {
			t.Fatalf("%s: Decrypt = %q, %v", what, got, err)
		}
	}
	// A message of which either slot is in force, so that either is the first to be written.
	for round := range 3 {
		var h format.Header
		if _, err := h.Parse(message); err != nil {
			t.Fatal(err)
		}
		key, err := p.Decrypt(ctx, &keyring.DecryptRequest{Suite: h.Suite, Context: h.Stored, Record: h.Record})
		if err != nil {
			t.Fatal(err)
		}
		record, err := p.Wrap(ctx, &keyring.WrapRequest{Suite: h.Suite, Context: h.Stored, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		for write := range 2 {
			for at := range h.SlotSize + 1 {
				for name, tear := range map[string]func(old, new []byte) []byte{
					"cut":      func(old, new []byte) []byte { return append(bytes.Clone(new[:at]), old[at:]...) },
					"tail":     func(old, new []byte) []byte { return append(bytes.Clone(old[:at]), new[at:]...) },
					"one byte": func(old, new []byte) []byte { b := bytes.Clone(new); b[at%len(b)] ^= 0x40; return b },
					"any mixture": func(old, new []byte) []byte {
						b := bytes.Clone(old)
						for i := range b {
							switch rnd.IntN(3) {
							case 0:
								b[i] = new[i]
							case 1:
								b[i] = byte(rnd.Uint32())
							}
						}
						return b
					},
				} {
					f := &tornFile{bytes.Clone(message), write, tear}
					if done, err := writeSlots(f, &h, record); done || !errors.Is(err, errCrash) {
						t.Fatalf("writeSlots = %v, %v, want the crash", done, err)
					}
					opens(fmt.Sprintf("round %d, write %d torn at %d, %s", round, write, at, name), f.b)
					if at%64 == 0 { // and the next worker finishes the work
						var again format.Header
						if _, err := again.Parse(f.b); err != nil {
							t.Fatal(err)
						}
						f.write = -1
						if done, err := writeSlots(f, &again, record); !done || err != nil {
							t.Fatalf("writeSlots after the crash = %v, %v", done, err)
						}
						opens("finished", f.b)
					}
				}
			}
		}
		f := &tornFile{message, -1, nil}
		if done, err := writeSlots(f, &h, record); !done || err != nil {
			t.Fatalf("writeSlots = %v, %v", done, err)
		}
		opens("whole", f.b)
		if round == 1 {
			// Leave only the second slot valid.
			if _, err := h.Parse(f.b); err != nil {
				t.Fatal(err)
			}
			f.b[h.SlotOffset(1-h.Slot)] ^= 1
		}
		message = f.b
	}
	t.Logf("%d states open", states)
}

// A device that loses what was written is noticed before the other slot is touched.
func TestSlotReadsBackOther(t *testing.T) {
	p, err := keyring.NewRawAES("a", make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(p, &Options{Keys: format.Slots})
	if err != nil {
		t.Fatal(err)
	}
	message, err := c.Encrypt(context.Background(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var h format.Header
	if _, err := h.Parse(message); err != nil {
		t.Fatal(err)
	}
	f := forgetful{&tornFile{b: bytes.Clone(message), write: -1}}
	if done, err := writeSlots(f, &h, h.Record); done || err == nil || !bytes.Equal(f.b, message) {
		t.Errorf("writeSlots = %v, %v", done, err)
	}
}

type forgetful struct{ *tornFile }

func (forgetful) WriteAt(p []byte, off int64) (int, error) { return len(p), nil }
