package envelope

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// Slots are a multiple of slotUnit, and have at least slotRoom bytes more than the record that they are made for, so that
// the record of a rewrap fits: about three entries of KMS.
const (
	slotUnit = 256
	slotRoom = 512
)

// slotOverhead is what a slot has beside its record, in bytes: generation, length, check (SPEC.md, Section 3).
const slotOverhead = 4 + 2 + suite.HashSize

// slotSize returns the size in bytes of the slots of a new message with this record.
func slotSize(record format.Record) int {
	n := slotOverhead + record.Size() + slotRoom
	return min((n+slotUnit-1)/slotUnit*slotUnit, format.MaxSlotSize)
}

// placeKey puts the wrapped keys of a message into its header, whose head is complete, or into a key file that is
// durable before this returns. key is needed for a key file only, to commit to it.
func (c *Client) placeKey(ctx context.Context, h *format.Header, kind format.Kind, record format.Record, key *keyring.DataKey) error {
	h.Kind, h.Record = kind, record
	h.SlotSize, h.Generation, h.Reference = 0, 0, format.Reference{}
	switch kind {
	case format.Slots:
		h.SlotSize, h.Generation = slotSize(record), 1
	case format.Detached:
		rand.Read(h.Reference[:])
		kf := &format.KeyFile{Suite: h.Suite, Reference: h.Reference, Stored: h.Stored, Record: record}
		var err error
		if kf.Commit, err = commitOf(kf, key); err != nil {
			return err
		}
		b, err := kf.Marshal(nil)
		if err != nil {
			return err
		}
		return c.store.Put(ctx, h.Reference, b)
	}
	return nil
}

// findRecord returns the wrapped keys of a message and the key file they lie in, if they are detached. The key file must
// be of the message's reference, suite and stored pairs, or the key service would be asked about another context than
// the one that was compared.
func (c *Client) findRecord(ctx context.Context, h *format.Header) (format.Record, *format.KeyFile, error) {
	if h.Kind != format.Detached {
		return h.Record, nil, nil
	}
	kf, _, err := c.readKeyFile(ctx, h.Reference)
	if err != nil {
		return nil, nil, err
	}
	if kf.Suite != h.Suite || string(kf.Stored) != string(h.Stored) {
		return nil, nil, errNotAuthentic()
	}
	return kf.Record, kf, nil
}

// readKeyFile returns the key file of a reference, parsed and as it is.
func (c *Client) readKeyFile(ctx context.Context, ref format.Reference) (*format.KeyFile, []byte, error) {
	b, err := c.store.Get(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	kf := new(format.KeyFile)
	if err := kf.Parse(b); err != nil {
		return nil, nil, fmt.Errorf("envelope: key file %v: %w", ref, err)
	}
	if kf.Reference != ref {
		return nil, nil, errNotAuthentic()
	}
	return kf, b, nil
}

func commitOf(kf *format.KeyFile, key *keyring.DataKey) (commit [suite.CommitSize]byte, err error) {
	prefix, err := kf.AppendPrefix(nil)
	if err != nil {
		return commit, err
	}
	return suite.Lookup(uint16(kf.Suite)).Commit(key, prefix)
}

func verifyCommit(kf *format.KeyFile, key *keyring.DataKey) error {
	commit, err := commitOf(kf, key)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(commit[:], kf.Commit[:]) != 1 {
		return errNotAuthentic()
	}
	return nil
}
