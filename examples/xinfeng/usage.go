package main

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/xinfeng-kms/xinfeng/format"
)

// A usage counts under which keys messages and key files are, as they say themselves. Its zero value is empty. It is safe
// for concurrent use.
type usage struct {
	mu    sync.Mutex
	count map[usedKey]*counts
}

// A usedKey is a key and, of KMS and where a ciphertext shows one, its version.
type usedKey struct {
	Provider string `json:"provider"`
	KeyID    string `json:"key_id"`
	Version  string `json:"version,omitempty"`
}

type counts struct {
	Messages int   `json:"messages"`
	KeyFiles int   `json:"key_files"`
	Bytes    int64 `json:"bytes"` // of the messages and key files
}

// A keyUse is a line of JSON about a key in use.
type keyUse struct {
	InUse      bool `json:"in_use"`     // always true
	Unverified bool `json:"unverified"` // always true
	usedKey
	counts
}

func (u *usage) add(r *format.Report) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.count == nil {
		u.count = map[usedKey]*counts{}
	}
	for _, w := range r.WrappedKeys {
		k := usedKey{w.Provider, w.KeyID, kmsVersion(w.Provider, w.Ciphertext)}
		c := u.count[k]
		if c == nil {
			c = &counts{}
			u.count[k] = c
		}
		if r.Structure == "key-file" {
			c.KeyFiles++
		} else {
			c.Messages++
		}
		c.Bytes += r.Size
	}
}

// print says what is in use, in the order of keys and versions: it is what was asked for, so --quiet does not silence it.
func (u *usage) print(t *tool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var uses []keyUse
	for k, c := range u.count {
		uses = append(uses, keyUse{true, true, k, *c})
	}
	slices.SortFunc(uses, func(a, b keyUse) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.KeyID, b.KeyID), cmp.Compare(a.Version, b.Version))
	})
	if t.json {
		for _, k := range uses {
			t.encode(t.out, k)
		}
		return
	}
	if len(uses) == 0 {
		return
	}
	t.printf("in use, as messages and key files say (read, not verified):")
	for _, k := range uses {
		line := fmt.Sprintf("  %s %s", k.Provider, show(k.KeyID))
		if k.Version != "" {
			line += " version " + k.Version
		}
		if k.Messages > 0 {
			line += ", " + count(k.Messages, "message")
		}
		if k.KeyFiles > 0 {
			line += ", " + count(k.KeyFiles, "key file")
		}
		t.printf("%s", line)
	}
}
