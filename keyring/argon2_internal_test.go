package keyring

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/xinfeng-kms/xinfeng/format"
)

// These tests are inside the package because how often Argon2id runs, and on how much memory, shows in nothing that the
// package exports. A test that holds all of the memory knows that whoever returns has derived nothing.

const testMemoryKiB = 64

func newTestPassphrase(t *testing.T) (*Passphrase, *stretcher) {
	t.Helper()
	AllowCheapPassphrases(t)
	p, err := NewPassphrase("k", []byte("one"), &PassphraseOptions{MemoryKiB: 32, Passes: 1, Lanes: 1, MaxMemoryKiB: testMemoryKiB, MaxLanes: 1})
	if err != nil {
		t.Fatal(err)
	}
	return p, p.stretcher()
}

func newTestKey(t *testing.T, p *Passphrase) *DataKey {
	t.Helper()
	k, err := p.GenerateDataKey(t.Context(), &GenerateDataKeyRequest{Suite: format.AES256GCM, Size: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Destroy)
	return k
}

// hold takes n KiB of the memory for derivations.
func hold(t *testing.T, s *stretcher, n int64) (release func()) {
	t.Helper()
	if !s.memory.TryAcquire(n) {
		t.Fatalf("%d KiB are not free", n)
	}
	return func() { s.memory.Release(n) }
}

func testDecrypt(ctx context.Context, p *Passphrase, r format.Record) error {
	k, err := p.Decrypt(ctx, &DecryptRequest{Suite: format.AES256GCM, Record: r})
	k.Destroy()
	return err
}

// withSalt returns a wrapped key of another salt of Argon2id, which does not open.
func withSalt(r format.Record, n byte) format.Record {
	r = r.Clone()
	r[0].Ciphertext[6] ^= n
	return r
}

func TestOneDerivationForASalt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writer, _ := newTestPassphrase(t)
		k := newTestKey(t, writer)
		p, s := newTestPassphrase(t)

		release := hold(t, s, testMemoryKiB)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := testDecrypt(t.Context(), p, k.Record()); err != nil {
					t.Errorf("Decrypt = %v", err)
				}
			})
		}
		synctest.Wait()
		if len(s.running) != 1 {
			t.Errorf("%d derivations for one salt", len(s.running))
		}
		for _, d := range s.running {
			if d.callers != 8 {
				t.Errorf("%d callers share it, want 8", d.callers)
			}
		}
		release()
		wg.Wait()
		if s.known.Len() != 1 || len(s.running) != 0 {
			t.Errorf("%d keys kept, %d derivations left", s.known.Len(), len(s.running))
		}

		defer hold(t, s, testMemoryKiB)()
		if err := testDecrypt(t.Context(), p, k.Record()); err != nil { // would wait for ever if it derived
			t.Errorf("Decrypt of a known salt = %v", err)
		}
	})
}

// Only what has opened something is kept, so that messages made up push nothing out.
func TestOnlyProvenKeysAreKept(t *testing.T) {
	p, s := newTestPassphrase(t)
	k := newTestKey(t, p)
	for n := range byte(keptStretches + 8) {
		if err := testDecrypt(t.Context(), p, withSalt(k.Record(), n+1)); !errors.Is(err, ErrAuthentication) {
			t.Fatalf("Decrypt = %v, want ErrAuthentication", err)
		}
	}
	if s.known.Len() != 1 {
		t.Errorf("%d keys are kept, want that of the writer", s.known.Len())
	}

	var first *wrappingKey
	for n := range keptStretches + 8 {
		w, _ := newTestPassphrase(t)
		if err := testDecrypt(t.Context(), p, newTestKey(t, w).Record()); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			_, first, _ = s.known.GetOldest()
		}
	}
	if s.known.Len() != keptStretches {
		t.Errorf("%d keys are kept, want %d", s.known.Len(), keptStretches)
	}
	if *first != (wrappingKey{}) {
		t.Error("a key that is not kept any more was not wiped")
	}
}

// All derivations together take no more memory than the ceiling: the third of half of it waits.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := newTestPassphrase(t)
		k := newTestKey(t, p)
		release := hold(t, s, testMemoryKiB-31) // 31 KiB are left, 32 are asked for
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error)
		for n := range byte(4) {
			go func() { errs <- testDecrypt(ctx, p, withSalt(k.Record(), n+1)) }()
		}
		synctest.Wait()
		if len(s.running) != 4 {
			t.Errorf("%d derivations wait, want 4", len(s.running))
		}
		// Those whose callers are gone are not begun.
		cancel()
		for range 4 {
			if err := <-errs; !errors.Is(err, context.Canceled) {
				t.Errorf("Decrypt = %v, want context.Canceled", err)
			}
		}
		synctest.Wait()
		if len(s.running) != 0 {
			t.Errorf("%d derivations wait for nobody", len(s.running))
		}
		release()
		hold(t, s, testMemoryKiB)() // none holds memory
	})
}

// One caller leaves and the other gets the key; whoever comes after all have left has it derived anew.
func TestDerivationOutlivesACaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writer, _ := newTestPassphrase(t)
		k := newTestKey(t, writer)
		p, s := newTestPassphrase(t)
		release := hold(t, s, testMemoryKiB)
		ctx, cancel := context.WithCancel(t.Context())
		gone, stays := make(chan error, 1), make(chan error, 1)
		go func() { gone <- testDecrypt(ctx, p, k.Record()) }()
		synctest.Wait()
		go func() { stays <- testDecrypt(t.Context(), p, k.Record()) }()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("Decrypt of a caller who left = %v, want context.Canceled", err)
		}
		release()
		if err := <-stays; err != nil {
			t.Errorf("Decrypt of the one who stayed = %v", err)
		}

		p, s = newTestPassphrase(t)
		release = hold(t, s, testMemoryKiB)
		ctx, cancel = context.WithCancel(t.Context())
		go func() { gone <- testDecrypt(ctx, p, k.Record()) }()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("Decrypt of a caller who left = %v, want context.Canceled", err)
		}
		go func() { stays <- testDecrypt(t.Context(), p, k.Record()) }()
		synctest.Wait()
		release()
		if err := <-stays; err != nil {
			t.Errorf("Decrypt of the next = %v", err)
		}
	})
}

// Close while somebody waits: he hears of it, and what was wiped is not used.
func TestCloseDuringDerivation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writer, _ := newTestPassphrase(t)
		k := newTestKey(t, writer)
		p, s := newTestPassphrase(t)
		newTestKey(t, p)
		_, key, _ := s.known.GetOldest()
		passphrase := s.passphrase
		release := hold(t, s, testMemoryKiB)
		errs := make(chan error)
		go func() { errs <- testDecrypt(t.Context(), p, k.Record()) }()
		synctest.Wait()
		p.Close()
		if err := <-errs; !errors.Is(err, ErrClosed) {
			t.Errorf("Decrypt = %v, want ErrClosed", err)
		}
		release()
		if *key != (wrappingKey{}) || string(passphrase) != "\x00\x00\x00" {
			t.Errorf("after Close the passphrase is %q", passphrase)
		}
		s.keep(stretch{}, key) // by one who was on his way
		if s.known.Len() != 0 {
			t.Error("a closed provider keeps a key")
		}
	})
}

func TestCostString(t *testing.T) {
	if got := fmt.Sprint(cost{65536, 3, 4}); got != "65536 KiB of memory, 3 passes, 4 lanes" {
		t.Errorf("String = %s", got)
	}
}
