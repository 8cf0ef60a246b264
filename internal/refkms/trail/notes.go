package trail

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Nearly no record is ever looked at. A call therefore leaves notes, and whoever wants the record has it told. Notes are,
// each text after its length:
//
//	code and message of the refusal, address, user agent
//	access key id, kind (1 byte), account, id and name of the caller; of a session its name and date
//	whether another call made this one (1 byte)
//	the resources of the call, those of calls inside it: their number, then kind (1 byte) and id of each
//	parameters and answer, as package call notes them
//
// Time and request, which no two calls have alike, are not among them, but in fields of the record. Notes are read by the
// process that wrote them, and do not leave it: a record that does is told first.
func appendNotes(b []byte, c *call.Call, own, inner []call.Resource, answer any, err error) []byte {
	code, message := "", ""
	if err != nil {
		refusal := call.ErrInternalFailure // of the store: told as it is answered
		errors.As(err, &refusal)
		code, message = refusal.Code, refusal.Message
	}
	b = appendText(appendText(b, code), message)
	address := ""
	if c.Origin.Addr.IsValid() {
		address = c.Origin.Addr.String()
	}
	b = appendText(appendText(b, address), c.Origin.UserAgent)
	p := &c.Principal
	b = append(appendText(b, p.AccessKeyID), byte(p.Kind))
	b = appendText(appendText(appendText(b, p.Account), p.ID), p.Name)
	if p.Kind == call.Role {
		b = binary.AppendVarint(appendText(b, p.Session.Name), int64(p.Session.Issued))
	}
	if c.Outer != nil {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = appendResources(appendResources(b, own), inner)
	b = c.Op.NoteParams(b, c, same(own))
	if err == nil {
		b = c.Op.NoteAnswer(b, c, answer, same(own))
	}
	return b
}

// same returns the text that parameters and answer do not repeat.
func same(own []call.Resource) string {
	if len(own) == 0 {
		return ""
	}
	return own[0].ID
}

// tell makes the record of its notes, if that has not been done.
func (r *Record) tell() {
	if r.op == nil {
		return
	}
	d := decoder{rest: r.notes}
	r.Name, r.Effect = r.op.Name, r.op.Event
	r.Code, r.Message, r.Address, r.UserAgent = d.text(), d.text(), d.text(), d.text()
	p := call.Principal{AccessKeyID: d.text(), Kind: call.PrincipalKind(d.byte()), Account: d.text(), ID: d.text(), Name: d.text()}
	if p.Kind == call.Role {
		p.Session = &call.Session{Name: d.text(), Issued: state.Time(d.varint())}
	}
	r.Caller = caller(&p)
	if d.byte() == 1 {
		r.InvokedBy = "secretsmanager" // which alone makes calls inside its own
	}
	r.Resources, r.References = d.resources(), d.resources()
	notes := d.rest
	const room = 192 // bytes, enough for both of most calls
	r.Params, notes = r.op.AppendParams(make([]byte, 0, room), notes, same(r.Resources))
	if n := len(r.Params); r.Code == "" {
		r.Answer = r.op.AppendAnswer(r.Params, notes, same(r.Resources))[n:]
	}
	r.Params = slices.Clip(r.Params)
	// No other record has the number and the id of the request, and that is all an id has to be.
	var text [64]byte
	id := sha256.Sum256(append(binary.BigEndian.AppendUint64(text[:0], r.Seq), r.RequestID...))
	copy(r.ID[:], id[:])
	r.op, r.notes = nil, nil
}

// caller returns who made a call. A cloud service is told as the system is, by its own name.
func caller(p *call.Principal) Caller {
	c := Caller{AccessKeyID: p.AccessKeyID}
	switch p.Kind {
	case call.Root:
		c.Type, c.PrincipalID, c.UserName = rootAccount, p.Account, "root"
	case call.User:
		c.Type, c.PrincipalID, c.UserName = ramUser, p.ID, p.Name
	case call.Role:
		c.Type, c.PrincipalID, c.UserName = assumedRole, p.ID+":"+p.Session.Name, p.Name+":"+p.Session.Name
		c.Issued = p.Session.Issued
	case call.Service:
		c.Type, c.UserName = system, strings.ToLower(p.Name)+".aliyuncs.com"
	}
	return c
}
