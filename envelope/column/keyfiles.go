package column

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"math"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/expiry"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// A keyID names a key file as cells do: by their form and its reference. A reference alone would not do, since a key file
// is asked for with the suite of the cell, and of two cells of one reference and different forms one is wrong.
type keyID struct {
	suite format.Suite
	ref   format.Reference
}

// A tableKey is the data key of a key file whose commit was verified or made.
type tableKey struct {
	id     keyID
	data   *keyring.DataKey
	suite  *suite.Suite
	commit [suite.CommitSize]byte

	expires      time.Duration // by the clock of the cache
	cells, bytes int64         // sealed under it; guarded by the cache
	age          expiry.Place  // in the queue of the cache
}

// A keyFiles makes and opens the key files of one column or index.
type keyFiles struct {
	provider keyring.KeyProvider
	store    envelope.KeyStore
	stored   format.Pairs
}

// newReference returns a random reference, which no other key file has.
func newReference() (ref format.Reference) {
	rand.Read(ref[:])
	return ref
}

// make makes a key file. It is durable when make returns, before anything is sealed under its key.
//
// The size that the provider is told is above every limit, so that a cache before it hands out a data key that it shares
// with nobody: the cells under a data key are counted here, and that of an index is used for nothing else.
func (f *keyFiles) make(ctx context.Context, id keyID) (*tableKey, error) {
	data, err := f.provider.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: id.suite, Context: f.stored, Size: math.MaxInt64})
	if err != nil {
		return nil, err
	}
	return f.newKey(ctx, id, data, func(key *tableKey) error {
		file := &format.KeyFile{Suite: id.suite, Reference: id.ref, Stored: f.stored, Commit: key.commit, Record: data.Record()}
		b, err := file.Marshal(nil)
		if err != nil {
			return err
		}
		if err := f.store.Put(ctx, id.ref, b); err != nil {
			return fmt.Errorf("column: new key file %v: %w", id.ref, err)
		}
		return nil
	})
}

// open opens a key file of the column, in any suite if that of id is 0. What is wrong with it is found before the provider
// is asked, as far as it can be (SPEC.md, Section 5.4).
func (f *keyFiles) open(ctx context.Context, id keyID) (*tableKey, error) {
	b, err := f.store.Get(ctx, id.ref)
	if err != nil {
		return nil, fmt.Errorf("column: key file %v: %w", id.ref, err)
	}
	var file format.KeyFile
	if err := file.Parse(b); err != nil {
		return nil, fmt.Errorf("column: key file %v: %w", id.ref, err)
	}
	if id.suite == 0 {
		id.suite = file.Suite
	}
	if file.Reference != id.ref || file.Suite != id.suite || !bytes.Equal(file.Stored, f.stored) {
		return nil, errKeyFile(id)
	}
	data, err := f.provider.Decrypt(ctx, &keyring.DecryptRequest{Suite: id.suite, Context: f.stored, Record: file.Record})
	if err != nil {
		return nil, err
	}
	return f.newKey(ctx, id, data, func(key *tableKey) error {
		if subtle.ConstantTimeCompare(key.commit[:], file.Commit[:]) != 1 {
			return errKeyFile(id)
		}
		return nil
	})
}

func errKeyFile(id keyID) error {
	return fmt.Errorf("column: key file %v is %w", id.ref, envelope.ErrAuthentication)
}

// newKey returns the key of a key file once check has found it right. data is the provider's answer, which belongs to
// the key from now on or, after an error or a panic of check, is destroyed.
func (f *keyFiles) newKey(ctx context.Context, id keyID, data *keyring.DataKey, check func(*tableKey) error) (*tableKey, error) {
	key := &tableKey{id: id, data: data, suite: suite.Lookup(uint16(id.suite))}
	right := false
	defer func() {
		if !right {
			data.Destroy()
		}
	}()
	if data.Suite() != id.suite {
		return nil, fmt.Errorf("column: provider answered with a key for %v, want %v: %w", data.Suite(), id.suite, keyring.ErrInvalidDataKey)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("column: %w", err)
	}
	prefix, err := (&format.KeyFile{Suite: id.suite, Reference: id.ref, Stored: f.stored}).AppendPrefix(nil)
	if err != nil {
		return nil, err // unreachable: suite and pairs were checked
	}
	if key.commit, err = key.suite.Commit(data, prefix); err != nil {
		return nil, err
	}
	if err := check(key); err != nil {
		return nil, err
	}
	right = true
	return key, nil
}
