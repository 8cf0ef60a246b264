package control

import (
	"reflect"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/strictjson"
)

// A call is one row of the table: all that is true of a call stands in it, for the routes and for the page alike.
type call struct {
	name    string // the path is / and this
	does    string // in a few sentences
	example string // a request that succeeds on a new server after the examples above it; "" if it needs none
	limit   int64  // bytes of a request

	request, answer reflect.Type
	do              func(h *Handler, body []byte) (any, error)
}

// define returns the row of a call whose request is read into a Request, strictly, and answered by an Answer.
func define[Request, Answer any](name, does, example string, do func(*Handler, *Request) (Answer, error)) call {
	return call{
		name: name, does: does, example: example, limit: maxBody,
		request: reflect.TypeFor[Request](), answer: reflect.TypeFor[Answer](),
		do: func(h *Handler, body []byte) (any, error) {
			r := new(Request)
			if len(body) > 0 {
				if err := strictjson.Unmarshal(body, r, ownNames...); err != nil {
					return nil, invalid("%v", err)
				}
			}
			return do(h, r)
		},
	}
}

// ownNames are those below which the letter case of names means something: policies, and maps by names of KMS.
var ownNames = []string{"document", "trust", "answer", "attributes"}

// empty is a request or an answer that says nothing.
type empty struct{}

// table has all calls, in the order of the page.
var table = slices.Concat(clockCalls, configCalls, accountCalls, ramCalls, faultCalls, eventCalls, snapshotCalls)

var byPath = func() map[string]*call {
	m := make(map[string]*call, len(table))
	for i := range table {
		m["/"+table[i].name] = &table[i]
	}
	return m
}()
