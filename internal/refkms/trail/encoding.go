package trail

import (
	"encoding/binary"
	"errors"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A record is encoded as its fields one after the other, without names: numbers as varints, texts with their length
// before them, lists with their number. New fields come last, in a new version.
const recordVersion = 1

var errRecord = errors.New("trail: not a record")

// AppendBinary appends the record, encoded, and tells it. It fails never.
func (r *Record) AppendBinary(b []byte) ([]byte, error) {
	r.tell()
	return r.append(b), nil
}

func (r *Record) append(b []byte) []byte {
	b = append(b, recordVersion, byte(r.Effect))
	b = binary.AppendUvarint(b, r.Seq)
	b = binary.AppendVarint(b, int64(r.Time))
	b = binary.AppendVarint(b, int64(r.Caller.Issued))
	b = append(b, r.ID[:]...)
	for _, s := range r.texts() {
		b = appendText(b, *s)
	}
	for _, t := range [...][]byte{r.Params, r.Answer} {
		// One more than the length: none is not the same as one that is empty.
		n := 0
		if t != nil {
			n = len(t) + 1
		}
		b = append(appendLength(b, n), t...)
	}
	return appendResources(appendResources(b, r.Resources), r.References)
}

// appendLength appends a varint that is nearly always one byte.
func appendLength(b []byte, n int) []byte {
	if n < 0x80 {
		return append(b, byte(n))
	}
	return binary.AppendUvarint(b, uint64(n))
}

func appendText(b []byte, text string) []byte { return append(appendLength(b, len(text)), text...) }

func appendResources(b []byte, list []call.Resource) []byte {
	b = appendLength(b, len(list))
	for i := range list {
		b = appendText(append(b, byte(list[i].Kind)), list[i].ID)
	}
	return b
}

// texts are the fields that are texts, in the order in which they are encoded.
func (r *Record) texts() [12]*string {
	return [...]*string{(*string)(&r.Scope), &r.Name, &r.RequestID, &r.Code, &r.Message, &r.Caller.Type, &r.Caller.PrincipalID,
		&r.Caller.UserName, &r.Caller.AccessKeyID, &r.Address, &r.UserAgent, &r.InvokedBy}
}

// UnmarshalBinary sets r to the record that b is the encoding of, which it does not keep. What is none is refused, whatever
// it is; r is then not to be used.
func (r *Record) UnmarshalBinary(b []byte) error {
	d := decoder{rest: b}
	if d.byte() != recordVersion {
		return errRecord
	}
	*r = Record{Effect: call.Effect(d.byte()), Seq: d.uvarint(), Time: state.Time(d.varint())}
	r.Caller.Issued = state.Time(d.varint())
	copy(r.ID[:], d.take(uint64(len(r.ID))))
	for _, s := range r.texts() {
		*s = d.text()
	}
	for _, t := range [...]*[]byte{&r.Params, &r.Answer} {
		if n := d.uvarint(); n > 0 {
			*t = append([]byte{}, d.take(n-1)...)
		}
	}
	r.Resources, r.References = d.resources(), d.resources()
	if d.failed || len(d.rest) > 0 {
		return errRecord
	}
	return nil
}

// A decoder reads fields. Once there is none, all it reads is empty.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) fail() { d.rest, d.failed = nil, true }

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) text() string { return string(d.take(d.uvarint())) }

func (d *decoder) resources() (list []call.Resource) {
	for n := d.uvarint(); n > 0 && !d.failed; n-- {
		list = append(list, call.Resource{Kind: call.Kind(d.byte()), ID: d.text()})
	}
	return list
}

func (d *decoder) byte() byte {
	if b := d.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}
