package call_test

import (
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// A call in a frame is the same call: what is given, checked, found and shown of it does not depend on where it lies.
// Nothing of it is in the frame when the next call gets it.
func TestFrame(t *testing.T) {
	op := call.Define("Op", func(c *call.Call, r *shownRequest) (*shownAnswer, error) {
		a := call.Room[shownAnswer](c)
		if a.Name != "" || a.Secret != nil || a.RequestID != "" {
			t.Errorf("the room for the answer holds %+v", a)
		}
		a.Name, a.Secret, a.Full = r.Name, r.Secret, "f"
		return a, nil
	}, call.Row[shownRequest]{Hide: []string{"Hidden"}})
	text := "t"
	ids := map[string]bool{}
	for range 100 {
		f := op.Frame()
		if ids[f.RequestID] || len(f.RequestID) != 36 || f.RequestID[14] != '4' {
			t.Errorf("a frame has the request id %q", f.RequestID)
		}
		ids[f.RequestID] = true
		f.Free()
	}
	for _, r := range []shownRequest{
		{Name: "a", Flag: true, Secret: call.Text("s"), N: 7, Listed: listed{"x"}, Text: &text},
		{Name: "b", Hidden: "h", Pairs: pairs{"a": 1}},
		{},
	} {
		show := func(frame *call.Frame, req *shownRequest) string {
			c := &call.Call{Op: op, Frame: frame, RequestID: "r"}
			if err := op.Accept(c, req); err != nil {
				t.Fatalf("Accept(%+v) = %v", r, err)
			}
			answer, err := op.Handle(c)
			if err != nil {
				t.Fatalf("Handle(%+v) = %v", r, err)
			}
			notes := op.NoteAnswer(op.NoteParams(nil, c, "a"), c, answer, "a")
			doc, notes := op.AppendParams(nil, notes, "a")
			return string(op.AppendAnswer(doc, notes, "a"))
		}
		f := op.Frame()
		req := f.Request.(*shownRequest)
		if req.Name != "" || req.Secret != nil || req.Text != nil || req.Pairs != nil {
			t.Errorf("the frame holds %+v", req)
		}
		*req = r
		got := show(f, req)
		f.Free()
		if want := show(nil, &r); got != want || f.Op() != op {
			t.Errorf("in a frame a call is shown as %s, want %s", got, want)
		}
	}
	// Another operation's room is none of this one's.
	if a := call.Room[call.Answer](&call.Call{Frame: op.Frame()}); a == nil {
		t.Error("there is no room for another answer")
	}
}
