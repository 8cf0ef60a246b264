package state

import (
	"math"
	"time"
)

// A Time is an instant in whole seconds since 1970, which is all the service stores and reports. The zero value is no
// time at all.
type Time int64

// Never is later than every date.
const Never Time = math.MaxInt64

// At returns the second that t lies in.
func At(t time.Time) Time { return Time(t.Unix()) }

// Add returns the time d later; a fraction of a second is dropped.
func (t Time) Add(d time.Duration) Time { return t + Time(d/time.Second) }

// String returns the time as the service writes it, 2006-01-02T15:04:05Z, and "" for no time.
func (t Time) String() string {
	if t == 0 {
		return ""
	}
	return time.Unix(int64(t), 0).UTC().Format("2006-01-02T15:04:05Z")
}
