package trail

import (
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A Query asks for records in process. Its zero value asks for all that are kept.
type Query struct {
	Start, End state.Time // both ends included; 0 is no end
	Limit      int        // the newest of what fits; 0 is all
	// Attributes are those of LookupEvents, by name.
	Attributes map[string]string
}

// Events returns the records of a world that a query asks for, from the older to the newer, at now. It refuses with
// ErrQueryParameter.
func (t *Trail) Events(s state.Scope, q *Query, now state.Time) ([]*Record, error) {
	var filter Filter
	for name, value := range q.Attributes {
		if err := filter.add(name, value); err != nil {
			return nil, err
		}
	}
	end := q.End
	if end == 0 {
		end = state.Never
	}
	var records []*Record
	t.scan(s, max(q.Start, now.Add(-Retention)), end, false, nil, func(r *Record) bool {
		if filter.match(r) {
			records = append(records, r)
		}
		return q.Limit == 0 || len(records) < q.Limit
	})
	slices.Reverse(records)
	return records, nil
}
