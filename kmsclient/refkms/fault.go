package refkms

import (
	"fmt"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/faults"
)

// FaultKind says what goes wrong. Its text, in JSON for example, is that of the comments.
type FaultKind uint8

// What can go wrong with calls by any face. A refusal comes in place of any effect.
const (
	FaultThrottled        FaultKind = 1  // throttled: 429 Rejected.Throttling, of the service
	FaultGatewayThrottled FaultKind = 2  // gateway-throttled: 400 Throttling
	FaultUserThrottled    FaultKind = 3  // user-throttled: 400 Throttling.User, which over HTTP says when to try again: after Delay
	FaultInternal         FaultKind = 4  // internal: 500 InternalFailure
	FaultUnavailable      FaultKind = 5  // unavailable: 503 ServiceUnavailableTemporary
	FaultRefusal          FaultKind = 6  // refusal: Status, Code and Message, whatever they are
	FaultLatency          FaultKind = 7  // latency: Delay passes before the call is looked at
	FaultLostBefore       FaultKind = 8  // lost-before: the connection is lost before the call is made; it has no effect and no record
	FaultLostAfter        FaultKind = 9  // lost-after: the connection is lost after the call was made and recorded
	FaultWrongAnswer      FaultKind = 10 // wrong-answer: Answer replaces fields of the answer
)

// What can go wrong with requests over HTTP alone. The call is made as ever, and its answer, be it a refusal, is spoilt.
// Requests that prove nobody suffer none of it but a skew, for they are no calls.
const (
	FaultGarbage   FaultKind = 11 // garbage: 200 and a body that is neither JSON nor XML
	FaultHTML      FaultKind = 12 // html: 502 and a page of HTML, as of a proxy
	FaultEmpty     FaultKind = 13 // empty: no body
	FaultTruncated FaultKind = 14 // truncated: the first Bytes of the body, but never all, announced as all of it
	FaultTypes     FaultKind = 15 // types: strings are numbers in the body, and numbers strings
	FaultHuge      FaultKind = 16 // huge: blanks make the body Bytes long
	FaultLate      FaultKind = 17 // late: the header comes after Delay
	FaultDrip      FaultKind = 18 // drip: Delay passes before each byte of the body
	FaultCut       FaultKind = 19 // cut: the connection closes after Bytes of the body, but never all
	FaultSkew      FaultKind = 20 // skew: the date of the request is compared with a clock that is Delay ahead, or behind if negative
)

// Face says which calls a fault is for, by how they reach the server.
type Face uint8

// The faces.
const (
	AnyFace   Face = 0 // any
	HTTP      Face = 1 // http: through Server.Handler and Server.Transport, and not through a Client
	InProcess Face = 2 // in-process: through a Client, its method Do included, and not over HTTP
)

// A Fault is something to go wrong with the calls it is for. In JSON, which takes kinds and faces by name and durations
// in nanoseconds, the names are those of the fields.
//
// A call suffers the delays of all faults that are for it, and the fate that the first of them decides: a refusal, a loss,
// a wrong or spoilt answer. The rest do not count it. Faults that name a resource come after those that do not, for what a
// call touches is known only once its parameters are read; a call that is refused before suffers none. Calls that the
// service makes inside a call suffer none.
//
// A lost connection is closed by [Server.Handler] without an answer: it panics with http.ErrAbortHandler, which has the
// server of net/http do that. [Server.Transport] ends with io.EOF, or a body that is cut with io.ErrUnexpectedEOF, which is
// what the transport of net/http says then; that one sends a GET again by itself if the connection had been in use before.
// A [Client] has an error that matches kmsapi.ErrUnavailable.
//
// Delays are real time, that of the program and its contexts, and not of the clock that [Server.Advance] moves: they are
// there to meet a deadline, which the clock of the server does not. In a bubble of testing/synctest they take no time. A
// delay ends when the context of its call is done.
type Fault struct {
	Kind FaultKind

	Operation string // only calls of this one; default all
	// Resource is what the calls touch: a key by its id, also where an alias leads to it, an alias or a secret by its name.
	// Default: everything, and calls that touch nothing. A skew has none.
	Resource string
	// Face is how the calls reach the server. What has meaning over HTTP alone must say HTTP.
	Face Face

	Times       int     // how many calls suffer before the fault lifts itself; default any number
	Probability float64 // of each call to suffer, up to 1; default 1
	Seed        uint64  // of the chance: the same calls, made in the same order, suffer again

	Delay   time.Duration     // of FaultLatency, FaultLate, FaultDrip, FaultSkew and FaultUserThrottled, where 0 says nothing of when
	Bytes   int               // of FaultTruncated and FaultCut, default 0; of FaultHuge, default 16 MiB, at most 1 GiB
	Status  int               // of FaultRefusal: 400 to 599
	Code    string            // of FaultRefusal
	Message string            // of FaultRefusal
	Answer  map[string]string // of FaultWrongAnswer: texts by the names of fields at the top of the answer
}

const (
	defaultHuge = 16 << 20
	maxHuge     = 1 << 30
)

// Inject has calls suffer a fault from now on. lift ends that, at any time and more than once. It panics on a fault that
// [Server.CheckFault] refuses, for one that is ignored would have a test pass for the wrong reason.
func (s *Server) Inject(f Fault) (lift func()) {
	fault, err := s.fault(&f)
	if err != nil {
		panic(err.Error())
	}
	return s.faults.Set(fault)
}

// CheckFault refuses a fault that cannot happen: of no kind, with a number out of its range, of an operation that there is
// not, or one that has no meaning for calls of the face it is for. It is for programs that take faults from elsewhere.
func (s *Server) CheckFault(f Fault) error {
	_, err := s.fault(&f)
	return err
}

// fault returns f as the corridor takes it.
func (s *Server) fault(f *Fault) (faults.Fault, error) {
	fault := faults.Fault{Action: f.Operation, Resource: f.Resource, Face: faults.Face(f.Face), Times: f.Times, Probability: f.Probability, Seed: f.Seed}
	if f.Probability == 0 {
		fault.Probability = 1
	}
	refuse := func(format string, args ...any) (faults.Fault, error) {
		return faults.Fault{}, fmt.Errorf("refkms: fault %s: "+format, append([]any{f.Kind}, args...)...)
	}
	kind := f.Kind.row()
	switch {
	case kind == nil:
		return refuse("there is no such kind")
	case f.Face > InProcess:
		return refuse("there is no such face as %d", f.Face)
	case kind.http && f.Face != HTTP:
		return refuse("has meaning over HTTP alone: set Face to HTTP")
	case f.Operation != "" && s.table.Lookup(f.Operation) == nil:
		return refuse("there is no operation %q", cut(f.Operation))
	case f.Times < 0:
		return refuse("%d times", f.Times)
	case !(fault.Probability > 0 && fault.Probability <= 1): // NaN too
		return refuse("probability %v, want more than 0 and at most 1", f.Probability)
	case f.Delay < 0 && f.Kind != FaultSkew:
		return refuse("delay %v", f.Delay)
	case f.Delay == 0 && kind.delay:
		return refuse("without a delay it is none")
	case f.Bytes < 0 || f.Bytes > maxHuge:
		return refuse("%d bytes, want 0 to %d", f.Bytes, maxHuge)
	case f.Kind == FaultSkew && f.Resource != "":
		return refuse("dates are checked before it is known what a call touches: set no Resource")
	case f.Kind == FaultRefusal && (f.Code == "" || f.Status < 400 || f.Status > 599):
		return refuse("code %q with status %d, want a code and 400 to 599", cut(f.Code), f.Status)
	case f.Kind == FaultWrongAnswer && len(f.Answer) == 0:
		return refuse("without an answer it is none")
	}
	kind.set(f, &fault)
	return fault, nil
}

// A faultRow is what is true of a kind of fault.
type faultRow struct {
	name  string
	http  bool // it has a meaning over HTTP alone
	delay bool // it needs a Delay
	set   func(f *Fault, to *faults.Fault)
}

func refusal(e *call.Error) func(*Fault, *faults.Fault) {
	return func(_ *Fault, to *faults.Fault) { to.Plan.Refusal = e }
}

func lost(when call.Loss) func(*Fault, *faults.Fault) {
	return func(_ *Fault, to *faults.Fault) { to.Plan.Loss = when }
}

func spoil(kind call.SpoilKind) func(*Fault, *faults.Fault) {
	return func(f *Fault, to *faults.Fault) {
		to.Plan.Spoil = call.Spoil{Kind: kind, Bytes: f.Bytes, Pause: f.Delay}
		if kind == call.SpoilHuge && f.Bytes == 0 {
			to.Plan.Spoil.Bytes = defaultHuge
		}
	}
}

var faultRows = [...]faultRow{
	FaultThrottled:        {name: "throttled", set: refusal(call.ErrThrottling)},
	FaultGatewayThrottled: {name: "gateway-throttled", set: refusal(call.ErrGatewayThrottling)},
	FaultUserThrottled: {name: "user-throttled", set: func(f *Fault, to *faults.Fault) {
		e := *call.ErrUserThrottling
		e.RetryAfter = f.Delay
		to.Plan.Refusal = &e
	}},
	FaultInternal:    {name: "internal", set: refusal(call.ErrInternalFailure)},
	FaultUnavailable: {name: "unavailable", set: refusal(call.ErrServiceUnavailable)},
	FaultRefusal: {name: "refusal", set: func(f *Fault, to *faults.Fault) {
		to.Plan.Refusal = &call.Error{Status: f.Status, Code: f.Code, Message: f.Message}
	}},
	FaultLatency:    {name: "latency", delay: true, set: func(f *Fault, to *faults.Fault) { to.Plan.Delay = f.Delay }},
	FaultLostBefore: {name: "lost-before", set: lost(call.LostBefore)},
	FaultLostAfter:  {name: "lost-after", set: lost(call.LostAfter)},
	FaultWrongAnswer: {name: "wrong-answer", set: func(f *Fault, to *faults.Fault) {
		to.Plan.Wrong = make(map[string]string, len(f.Answer))
		for field, text := range f.Answer {
			to.Plan.Wrong[field] = text
		}
	}},
	FaultGarbage:   {name: "garbage", http: true, set: spoil(call.SpoilGarbage)},
	FaultHTML:      {name: "html", http: true, set: spoil(call.SpoilHTML)},
	FaultEmpty:     {name: "empty", http: true, set: spoil(call.SpoilEmpty)},
	FaultTruncated: {name: "truncated", http: true, set: spoil(call.SpoilTruncate)},
	FaultTypes:     {name: "types", http: true, set: spoil(call.SpoilTypes)},
	FaultHuge:      {name: "huge", http: true, set: spoil(call.SpoilHuge)},
	FaultLate:      {name: "late", http: true, delay: true, set: spoil(call.SpoilLate)},
	FaultDrip:      {name: "drip", http: true, delay: true, set: spoil(call.SpoilDrip)},
	FaultCut:       {name: "cut", http: true, set: spoil(call.SpoilCut)},
	FaultSkew:      {name: "skew", http: true, delay: true, set: func(f *Fault, to *faults.Fault) { to.Skew = f.Delay }},
}

// row returns what is true of the kind, nil if there is none.
func (k FaultKind) row() *faultRow {
	if int(k) >= len(faultRows) || faultRows[k].set == nil {
		return nil
	}
	return &faultRows[k]
}

// String returns the name of the kind.
func (k FaultKind) String() string {
	if row := k.row(); row != nil {
		return row.name
	}
	return fmt.Sprintf("FaultKind(%d)", uint8(k))
}

// MarshalText returns the name of the kind, which must be one.
func (k FaultKind) MarshalText() ([]byte, error) {
	if k.row() == nil {
		return nil, fmt.Errorf("refkms: fault: there is no %s", k)
	}
	return []byte(k.String()), nil
}

// UnmarshalText sets k to the kind of a name.
func (k *FaultKind) UnmarshalText(name []byte) error {
	for i := range faultRows {
		if faultRows[i].set != nil && faultRows[i].name == string(name) {
			*k = FaultKind(i)
			return nil
		}
	}
	return fmt.Errorf("refkms: fault: there is no kind %q", cut(string(name)))
}

var faces = [...]string{AnyFace: "any", HTTP: "http", InProcess: "in-process"}

// String returns the name of the face.
func (f Face) String() string {
	if int(f) >= len(faces) {
		return fmt.Sprintf("Face(%d)", uint8(f))
	}
	return faces[f]
}

// MarshalText returns the name of the face, which must be one.
func (f Face) MarshalText() ([]byte, error) {
	if int(f) >= len(faces) {
		return nil, fmt.Errorf("refkms: fault: there is no %s", f)
	}
	return []byte(faces[f]), nil
}

// UnmarshalText sets f to the face of a name.
func (f *Face) UnmarshalText(name []byte) error {
	for i := range faces {
		if faces[i] == string(name) {
			*f = Face(i)
			return nil
		}
	}
	return fmt.Errorf("refkms: fault: there is no face %q", cut(string(name)))
}
