package trail

import "github.com/xinfeng-kms/xinfeng/internal/refkms/state"

// A Log keeps records. It is safe for concurrent use. Records of one world come in the order of their time, those of one
// second in the order in which they were appended.
type Log interface {
	// Append keeps a copy of a record, and sets the Seq of both, which no other record has: one more than the last. An
	// error is that of a log which was to have the record on disk, and could not.
	Append(r *Record) error
	// Ascend calls yield with the records of a world from a place on, from the older to the newer, until it returns false.
	// Records that come or go meanwhile are seen or not. The caller may keep a record.
	Ascend(s state.Scope, from Place, yield func(*Record) bool)
	// Descend does so from the newer to the older.
	Descend(s state.Scope, from Place, yield func(*Record) bool)
	// Forget drops what is older than a time. Records that were appended late may stay until those before them go.
	Forget(before state.Time)
}

// A Place is where a record lies among those of its world, or would.
type Place struct {
	Time state.Time
	Seq  uint64
}

func (p Place) less(q Place) bool { return p.Time < q.Time || p.Time == q.Time && p.Seq < q.Seq }

func (r *Record) place() Place { return Place{r.Time, r.Seq} }
