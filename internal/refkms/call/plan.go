package call

import (
	"errors"
	"fmt"
	"time"
)

// ErrConnectionLost is what a call ends with whose connection was lost on purpose: a face with a connection closes it
// without an answer. Whether the call has had its effect, its caller cannot tell.
var ErrConnectionLost = errors.New("call: the connection was lost before the answer")

// A Plan is what goes wrong with one call on purpose. The corridor carries it out, except for Spoil. The zero value is
// nothing.
type Plan struct {
	Delay   time.Duration     // before anything else; the call's context ends it
	Refusal *Error            // answered in place of any effect
	Loss    Loss              // of the connection
	Wrong   map[string]string // fields of the answer that are told wrong, by their names in JSON
	Spoil   Spoil             // for the face
}

// Decided reports whether more than a delay goes wrong.
func (p *Plan) Decided() bool {
	return p.Refusal != nil || p.Loss != 0 || p.Wrong != nil || p.Spoil.Kind != 0
}

// Add has the call suffer what q says too, and reports whether q, which may be nil, says anything. Of two refusals, losses
// or spoils the earlier stays.
func (p *Plan) Add(q *Plan) bool {
	if q == nil || q.Delay == 0 && !q.Decided() {
		return false
	}
	p.Delay += q.Delay
	if p.Refusal == nil {
		p.Refusal = q.Refusal
	}
	if p.Loss == 0 {
		p.Loss = q.Loss
	}
	if p.Wrong == nil {
		p.Wrong = q.Wrong
	}
	if p.Spoil.Kind == 0 {
		p.Spoil = q.Spoil
	}
	return true
}

// Loss says when a connection is lost.
type Loss uint8

// The losses.
const (
	LostBefore Loss = 1 // before the call is made: it has no effect and leaves no record
	LostAfter  Loss = 2 // after it was made and recorded
)

// A Spoil is how a face that answers in bytes spoils an answer, whether it is one of success or a refusal. The call itself
// is made as ever.
type Spoil struct {
	Kind SpoilKind
	// Bytes are, of SpoilTruncate and SpoilCut, how many of the body are sent, but never all; of SpoilHuge, how many there are.
	Bytes int
	Pause time.Duration // of SpoilLate: before the header; of SpoilDrip: before each byte of the body
}

// SpoilKind says how an answer is spoilt.
type SpoilKind uint8

// The ways to spoil an answer. Unless said otherwise, status and header are as ever and Content-Length is true.
const (
	SpoilGarbage  SpoilKind = 1 // 200, and a body that is not JSON (or XML)
	SpoilHTML     SpoilKind = 2 // 502 with a page of HTML, as a proxy answers
	SpoilEmpty    SpoilKind = 3 // no body
	SpoilTruncate SpoilKind = 4 // the first Bytes of the body
	SpoilTypes    SpoilKind = 5 // every string is a number and every number a string
	SpoilHuge     SpoilKind = 6 // a valid document that blanks make Bytes long
	SpoilLate     SpoilKind = 7 // the header comes after Pause
	SpoilDrip     SpoilKind = 8 // the body comes byte by byte, after Pause each
	SpoilCut      SpoilKind = 9 // the connection closes after Bytes of the body, Content-Length promising all of it
)

var spoilKinds = [...]string{SpoilGarbage: "SpoilGarbage", SpoilHTML: "SpoilHTML", SpoilEmpty: "SpoilEmpty",
	SpoilTruncate: "SpoilTruncate", SpoilTypes: "SpoilTypes", SpoilHuge: "SpoilHuge", SpoilLate: "SpoilLate",
	SpoilDrip: "SpoilDrip", SpoilCut: "SpoilCut"}

// String names the kind.
func (k SpoilKind) String() string {
	if int(k) >= len(spoilKinds) || spoilKinds[k] == "" {
		return fmt.Sprintf("SpoilKind(%d)", uint8(k))
	}
	return spoilKinds[k]
}
