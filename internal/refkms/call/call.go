package call

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	mathrand "math/rand/v2"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A Call is one call of one operation. It is used by one goroutine at a time and not after the call.
type Call struct {
	Context   context.Context // of the call; what is slow looks at it
	Op        *Operation
	Principal Principal
	Origin    Origin
	Scope     state.Scope // the world of the call: the account it is about, the region the request went to
	RequestID string
	Now       state.Time // one instant for the whole call
	Instant   time.Time  // the same, in nanoseconds

	Texts    map[string]string // the parameters as they were sent; nil from a typed face
	Frame    *Frame            // room for the typed request and the answer, nil if there is none
	Request  any               // the typed request, *Req of the operation; nil until its parameters are valid, one by one
	Prepared any               // what Row.Prepare returned
	Found    []Resource        // what the call touches, in the order of the operation's actions
	Tx       state.Tx          // the transaction, while one runs
	DryRun   bool              // the caller asks what would become of the call: it has no effect

	// Outer is the call in which this one was made, nil if none; Inside are those made in this one.
	Outer  *Call
	Inside []Done
	// Corridor runs a call inside this one; Inner calls it.
	Corridor func(c *Call, name string, req any) (any, error)

	// Kept is what the trail left for the next call that lies where this one does.
	Kept any

	// Plan is what goes wrong with the call on purpose; HasBody says that its face can carry out Plan.Spoil.
	Plan    Plan
	HasBody bool

	found  [2]Resource // room for Found
	fields fields      // of Request
	given  uint64      // which parameters a typed request gives, a bit for each
	seen   bool        // whether given has been seen
}

// Account returns the account that the call is about.
func (c *Call) Account() string {
	if a := c.Principal.Account; c.Scope.IsOf(a) {
		return a
	}
	return c.Scope.Account()
}

// Region returns the region that the request went to.
func (c *Call) Region() string { return c.Scope.Region() }

// Touch adds a resource to those that the call touches.
func (c *Call) Touch(r Resource) { c.Found = append(c.Found, r) }

// Inner runs another operation inside this call, in the same transaction and as the same caller: its parameters are
// checked, rights are asked and the trail records it. req is the *Req of the operation, R its answer. The operation must
// be in the table, must not prepare anything, and must not write unless the outer one does.
func Inner[R any](c *Call, name string, req any) (R, error) {
	answer, err := c.Corridor(c, name, req)
	if err != nil {
		var none R
		return none, err
	}
	return answer.(R), nil
}

// A Done is a call that was made inside another, with what became of it.
type Done struct {
	Call   *Call
	Answer any
	Err    error
}

// A Happening is something that fell due and was done, for the trail.
type Happening struct {
	Name     string // of the event
	At       state.Time
	Scope    state.Scope
	Resource Resource
}

// A DueFunc does what falls due, in a transaction that writes, dated d.At. The event itself has been removed already.
// It returns nil if nothing worth a record happened.
type DueFunc func(tx state.Tx, d *state.Due) *Happening

// NewID returns a new random identifier, a UUID in lower case: keys and versions have one.
func NewID() string {
	var b [16]byte
	rand.Read(b[:])
	return FormatID(b)
}

// NewRequestID returns the identifier of a request. It protects nothing and is of the fast generator, a tenth of the
// time.
func NewRequestID() string { return FormatID(RandomID()) }

// RandomID returns random bytes for FormatID, of the fast generator.
func RandomID() (b [16]byte) {
	binary.NativeEndian.PutUint64(b[:8], mathrand.Uint64())
	binary.NativeEndian.PutUint64(b[8:], mathrand.Uint64())
	return b
}

const idSize = 36 // characters of an identifier

// FormatID returns random bytes as a UUID in lower case.
func FormatID(b [16]byte) string {
	var s [idSize]byte
	putID(s[:], b)
	return string(s[:])
}

func putID(s []byte, b [16]byte) {
	const digits = "0123456789abcdef"
	b[6] = b[6]&0x0f | 0x40 // version 4: random (RFC 9562, Section 5.4)
	b[8] = b[8]&0x3f | 0x80
	at := 0
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			s[at] = '-'
			at++
		}
		s[at], s[at+1] = digits[c>>4], digits[c&0x0f]
		at += 2
	}
}
