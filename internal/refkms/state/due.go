package state

import (
	"encoding/binary"
	"fmt"
)

// DueKind says what happens at a date.
type DueKind uint8

// The kinds of events, in the order in which those of one second happen.
const (
	DueRotation       DueKind = 1 // a CMK gets a new version
	DueDestruction    DueKind = 2 // a CMK is destroyed
	DueMaterialExpiry DueKind = 3 // the imported material of a CMK is deleted

	DueSecretRotation DueKind = 16 // a secret gets a new version
	DuePurge          DueKind = 17 // a secret is deleted for good
)

// String names the kind.
func (k DueKind) String() string {
	switch k {
	case DueRotation:
		return "DueRotation"
	case DueDestruction:
		return "DueDestruction"
	case DueMaterialExpiry:
		return "DueMaterialExpiry"
	case DueSecretRotation:
		return "DueSecretRotation"
	case DuePurge:
		return "DuePurge"
	}
	return fmt.Sprintf("DueKind(%d)", uint8(k))
}

// A Due is something that happens to a record at a date without being asked for.
type Due struct {
	At    Time
	Kind  DueKind
	Scope Scope
	ID    string // of the record, in the table that the kind implies
}

// DuesTable is the number of the table of events, whose keys begin with the date as 8 bytes, big-endian.
const DuesTable = tableDues

// dues holds every event to come, ordered by date, then kind, then scope and id.
var dues = Table[Due]{id: tableDues}

// key orders as the date does: dates are not negative.
func (d *Due) key() string {
	var b [9]byte
	binary.BigEndian.PutUint64(b[:8], uint64(d.At))
	b[8] = byte(d.Kind)
	return string(b[:]) + string(d.Scope) + d.ID
}

// FirstDue returns the first event to come, nil if there is none.
func FirstDue(tx Tx) *Due {
	for _, d := range dues.All(tx, Everywhere) {
		return d
	}
	return nil
}

// RemoveDue removes an event: it happens now.
func RemoveDue(tx Tx, d *Due) { dues.Delete(tx, Everywhere, d.key()) }

// moveDue replaces the event of a kind, which a record has at was, by one at is; 0 is none.
func moveDue(tx Tx, s Scope, id string, kind DueKind, was, is Time) {
	if was == is {
		return
	}
	if was != 0 {
		RemoveDue(tx, &Due{At: was, Kind: kind, Scope: s, ID: id})
	}
	if is != 0 {
		d := &Due{At: is, Kind: kind, Scope: s, ID: id}
		dues.Put(tx, Everywhere, d.key(), d)
	}
}
