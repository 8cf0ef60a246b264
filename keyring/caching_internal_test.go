package keyring

import (
	"bytes"
	"context"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
)

// Two ids with one hash are still two keys. The test is inside the package because nobody can find such ids from outside.
func TestCachingHashCollision(t *testing.T) {
	raw, err := NewRawAES("a", bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCaching(raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.hash = func([]byte) uint64 { return 42 }
	get := func(ec string) *DataKey {
		t.Helper()
		q := &query{side: sealing, suite: format.AES256GCM, context: format.Pairs(ec), size: 1}
		k, f, err := c.begin(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if f != nil {
			<-f.done
			k = f.key
		}
		t.Cleanup(k.Destroy)
		return k
	}
	a := get("a")
	if get("a") != a {
		t.Error("a key at hand was not found")
	}
	b := get("b")
	if b.Equal(a) {
		t.Error("another id with the same hash has the same key")
	}
	if get("b") != b || get("a") == a {
		t.Error("the later of two ids with one hash does not have the place")
	}
	want := CachingStats{Hits: 2, Misses: 3, Fetches: 3, CallsSaved: 2, Held: 1, Evictions: CachingEvictions{Capacity: 2}}
	if s := c.Stats(); s != want {
		t.Errorf("Stats = %+v, want %+v", s, want)
	}
}

// A caller may find its context done when the answer is there already, with a share for it that somebody must give back.
// The test is inside the package because from outside it is a matter of luck which of the two a caller sees.
func TestCachingLeaveAfterTheEnd(t *testing.T) {
	k, err := NewDataKey(format.AES256GCM, make([]byte, 32), format.Record{{Provider: "raw.test", KeyID: "a", Ciphertext: []byte{1}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCaching(gives{key: k}, nil)
	if err != nil {
		t.Fatal(err)
	}
	q := &query{side: sealing, suite: format.AES256GCM, size: 1}
	_, f, err := c.begin(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	<-f.done
	c.leave(f)
	if n := k.inner().holds.Load(); n != borrower {
		t.Errorf("holds = %#x, want the cache's share alone", n)
	}
	c.Purge()
	if n := k.inner().holds.Load(); n != 0 {
		t.Errorf("holds = %#x, want none", n)
	}
}

// gives is a provider of one key.
type gives struct {
	KeyProvider
	key *DataKey
}

func (p gives) GenerateDataKey(context.Context, *GenerateDataKeyRequest) (*DataKey, error) {
	return p.key, nil
}

func TestCachingHidesNoSender(t *testing.T) {
	for _, want := range []bool{false, true} {
		var p KeyProvider = plain{}
		if want {
			p = anyone{}
		}
		for range 2 {
			c, err := NewCaching(p, nil)
			if err != nil {
				t.Fatal(err)
			}
			if provesNoSender(c) != want {
				t.Errorf("provesNoSender of a cache = %v, want %v", !want, want)
			}
			p = c
		}
	}
}
