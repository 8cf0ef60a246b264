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

func TestQuerySame(t *testing.T) {
	entry := func(provider, id, ciphertext string) format.WrappedKey {
		return format.WrappedKey{Provider: provider, KeyID: id, Ciphertext: []byte(ciphertext)}
	}
	record := format.Record{entry("kms", "a", "1"), entry("kms", "b", "2")}
	q := query{side: opening, suite: format.AES256GCM, context: format.Pairs("\x00\x01a\x00\x011"), record: record}
	for _, tt := range []struct {
		name   string
		change func(o *query)
		want   bool
	}{
		{"nothing", func(*query) {}, true},
		{"size", func(o *query) { o.size = 7 }, true},
		{"a copy of all", func(o *query) { *o = *o.clone() }, true},
		{"side", func(o *query) { o.side = sealing }, false},
		{"suite", func(o *query) { o.suite = format.SM4GCM }, false},
		{"context", func(o *query) { o.context = format.Pairs("\x00\x01a\x00\x012") }, false},
		{"no context", func(o *query) { o.context = nil }, false},
		{"no record", func(o *query) { o.record = nil }, false},
		{"first entry alone", func(o *query) { o.record = record[:1] }, false},
		{"second entry alone", func(o *query) { o.record = record[1:] }, false},
		{"one entry more", func(o *query) { o.record = append(record.Clone(), entry("raw", "c", "3")) }, false},
		{"provider", func(o *query) { o.record = format.Record{record[0], entry("raw", "b", "2")} }, false},
		{"key id", func(o *query) { o.record = format.Record{record[0], entry("kms", "c", "2")} }, false},
		{"ciphertext", func(o *query) { o.record = format.Record{record[0], entry("kms", "b", "3")} }, false},
		{"order", func(o *query) { o.record = format.Record{record[1], record[0]} }, false},
	} {
		o := q
		tt.change(&o)
		if got, back := q.same(&o), o.same(&q); got != tt.want || back != tt.want {
			t.Errorf("same, but for %s = %v, %v, want %v", tt.name, got, back, tt.want)
		}
		if a, b := q.appendID(nil), o.appendID(nil); bytes.Equal(a, b) != tt.want {
			t.Errorf("ids, but for %s: %x and %x", tt.name, a, b)
		}
	}
}

// Two fetches with one hash that run at the same time give each caller the key that he asked for, and what becomes of one is
// nothing to the other.
func TestCachingHashCollisionTogether(t *testing.T) {
	raw, err := NewRawAES("a", bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	p := &gated{KeyProvider: raw, gate: make(chan error)}
	c, err := NewCaching(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.hash = func([]byte) uint64 { return 42 }
	fetch := func(ec string) *fetch {
		t.Helper()
		k, f, err := c.begin(t.Context(), &query{side: sealing, suite: format.AES256GCM, context: format.Pairs(ec), size: 1})
		if k != nil || f == nil || err != nil {
			t.Fatalf("begin = %v, %v, %v, want a fetch", k, f, err)
		}
		return f
	}
	a, b := fetch("a"), fetch("b")
	if a == b {
		t.Fatal("who asks for another key joined the fetch")
	}
	if fetch("b") != b {
		t.Error("who asks for the same key did not join")
	}
	p.gate <- nil
	p.gate <- nil
	<-a.done
	<-b.done
	if a.err != nil || b.err != nil || a.key.Equal(b.key) {
		t.Errorf("fetches = %v, %v, with one key: %v", a.err, b.err, a.err == nil && b.err == nil)
	}
	a.key.Destroy()
	b.key.Destroy()
	b.key.Destroy()

	// The key of b has the place. That a cannot be fetched does not make it leave.
	a = fetch("a")
	p.gate <- ErrWrongKey
	<-a.done
	if a.err != ErrWrongKey {
		t.Errorf("fetch = %v, want ErrWrongKey", a.err)
	}
	if k, f, err := c.begin(t.Context(), &query{side: sealing, suite: format.AES256GCM, context: format.Pairs("b"), size: 1}); k != b.key || f != nil || err != nil {
		t.Errorf("begin = %v, %v, %v, want the key at hand", k, f, err)
	}
	b.key.Destroy()
}

// A gated provider answers when it is let.
type gated struct {
	KeyProvider
	gate chan error
}

func (p *gated) GenerateDataKey(ctx context.Context, req *GenerateDataKeyRequest) (*DataKey, error) {
	if err := <-p.gate; err != nil {
		return nil, err
	}
	return p.KeyProvider.GenerateDataKey(ctx, req)
}
