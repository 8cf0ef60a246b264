package refkms_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// Callers encrypt and decrypt while the clock runs, keys rotate, go and come, and an alias moves: everything that was
// encrypted opens, and every refusal is one that the moment explains.
func TestConcurrentUse(t *testing.T) {
	s, c := client(t, &refkms.Options{Quotas: &refkms.Quotas{None: true}})
	ctx := t.Context()
	rotating, err := c.CreateKey(ctx, &refkms.CreateKeyRequest{RotationInterval: 7 * day})
	if err != nil {
		t.Fatal(err)
	}
	switched := newKey(t, c)
	if err := c.CreateAlias(ctx, "alias/moving", rotating.KeyID); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var users, disturbers sync.WaitGroup
	disturb := func(step func(i int) error) {
		disturbers.Go(func() {
			for i := 0; i < 5 || !stop.Load(); i++ { // a slow store, too, gets somewhere
				if err := step(i); err != nil {
					t.Errorf("step %d = %v", i, err)
					return
				}
			}
		})
	}
	disturb(func(int) error { s.Advance(3 * day); return nil })
	disturb(func(i int) error {
		if i%2 == 0 {
			return c.DisableKey(ctx, switched)
		}
		return c.EnableKey(ctx, switched)
	})
	disturb(func(i int) error {
		return c.UpdateAlias(ctx, "alias/moving", []string{switched, rotating.KeyID}[i%2])
	})
	disturb(func(i int) error {
		k, err := c.CreateKey(ctx, nil)
		if err != nil {
			return err
		}
		if err := c.CreateAlias(ctx, fmt.Sprintf("alias/%d", i), k.KeyID); err != nil {
			return err
		}
		return c.ScheduleKeyDeletion(ctx, k.KeyID, 7)
	})

	for u := range 8 {
		users.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(u), 0))
			for range 300 {
				name := []string{rotating.KeyID, switched, "alias/moving"}[rnd.IntN(3)]
				dk, err := c.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: name})
				if errors.Is(err, kmsapi.ErrDisabled) && name != rotating.KeyID {
					continue
				}
				if err != nil {
					t.Errorf("GenerateDataKey(%s) = %v", name, err)
					return
				}
				if name == rotating.KeyID && dk.KeyID != name {
					t.Errorf("GenerateDataKey(%s) answers key %s", name, dk.KeyID)
				}
				dec, err := c.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: dk.CiphertextBlob})
				if errors.Is(err, kmsapi.ErrDisabled) && dk.KeyID == switched {
					continue
				}
				if err != nil || dec.KeyID != dk.KeyID || dec.KeyVersionID != dk.KeyVersionID || string(dec.Plaintext.Bytes()) != string(dk.Plaintext.Bytes()) {
					t.Errorf("Decrypt = %+v, %v, want what GenerateDataKey made, %+v", dec, err, dk)
					return
				}
			}
		})
	}
	users.Wait()
	stop.Store(true)
	disturbers.Wait()

	// Whatever happened, the rotating key has one version for each week that has passed.
	var list struct{ TotalCount int }
	if err := c.Do(ctx, "ListKeyVersions", map[string]string{"KeyId": rotating.KeyID}, &list); err != nil {
		t.Fatal(err)
	}
	var m struct {
		KeyMetadata struct{ CreationDate, LastRotationDate time.Time }
	}
	if err := c.Do(ctx, "DescribeKey", map[string]string{"KeyId": rotating.KeyID}, &m); err != nil {
		t.Fatal(err)
	}
	if want := 1 + int(m.KeyMetadata.LastRotationDate.Sub(m.KeyMetadata.CreationDate)/(7*day)); list.TotalCount != want || want < 2 {
		t.Errorf("%d versions, want %d", list.TotalCount, want)
	}
}

// Of many who make the same alias one succeeds, and a quota is kept by many together.
func TestConcurrentCreation(t *testing.T) {
	_, c := client(t, &refkms.Options{Quotas: &refkms.Quotas{Keys: 20}})
	ctx := t.Context()
	key := newKey(t, c)
	var won, made, limited, lost atomic.Int64
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			switch err := c.CreateAlias(ctx, "alias/one", key); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, kmsapi.ErrConflict):
				lost.Add(1)
			default:
				t.Errorf("CreateAlias = %v", err)
			}
			switch _, err := c.CreateKey(ctx, nil); {
			case err == nil:
				made.Add(1)
			case errors.Is(err, kmsapi.ErrLimitExceeded):
				limited.Add(1)
			default:
				t.Errorf("CreateKey = %v", err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || lost.Load() != 31 || made.Load() != 19 || limited.Load() != 13 {
		t.Errorf("%d made the alias, %d did not; %d keys were made, %d refused; want 1, 31, 19, 13", won.Load(), lost.Load(), made.Load(), limited.Load())
	}
}

// A typed call costs a fixed number of allocations; more of them is how it would become slow unseen.
func TestGenerateDataKeyAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	if inFile() {
		t.Skip("a store in a file makes records of bytes")
	}
	_, c := client(t, nil)
	ctx, req := t.Context(), &kmsapi.GenerateDataKeyRequest{KeyID: newKey(t, c)}
	const most = 9 // 8, of which 3 are the answer and its text, 3 the blob and its text
	if n := testing.AllocsPerRun(100, func() { c.GenerateDataKey(ctx, req) }); n > most {
		t.Errorf("GenerateDataKey allocates %v times, want at most %d", n, most)
	}
}
