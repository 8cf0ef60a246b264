package call

import "reflect"

// A Frame is room for one typed call: its request, and its answer if the handler takes it by [Room]. Frames are used
// again, and their fields are found once: to allocate and to search both for each call would cost half as much as the
// cryptography.
type Frame struct {
	Request   any    // *Req of the operation; empty when the frame is got
	RequestID string // new when the frame is got
	Kept      any    // what the corridor left for the next call in the frame

	ids    string // what is left of a batch
	op     *Operation
	answer any             // *R
	params []reflect.Value // the fields of the request that are parameters, in their order
	shown  []reflect.Value // the fields of the answer that are shown, in their order
	taken  bool            // the handler has the answer
	wipe   func()
}

// idBatch is how many identifiers of requests a frame makes at a time, in one text: whoever keeps one keeps all eight.
const idBatch = 8

// Frame returns a frame of the operation. It may be given up.
func (op *Operation) Frame() *Frame {
	f := op.frames.Get().(*Frame)
	if f.ids == "" {
		var ids [idBatch * idSize]byte
		for i := range idBatch {
			putID(ids[i*idSize:], RandomID())
		}
		f.ids = string(ids[:])
	}
	f.RequestID, f.ids = f.ids[:idSize], f.ids[idSize:]
	return f
}

// Free has the frame used again. Its call is over, and nobody may keep its request or its answer.
func (f *Frame) Free() {
	f.wipe()
	f.taken = false
	f.op.frames.Put(f)
}

// Op returns the operation that the frame is of.
func (f *Frame) Op() *Operation { return f.op }

func newFrame[Req, A any](op *Operation) *Frame {
	req, answer := new(Req), new(A)
	f := &Frame{Request: req, op: op, answer: answer, wipe: func() {
		*req = *new(Req)
		*answer = *new(A)
	}}
	for i := range op.params {
		f.params = append(f.params, reflect.ValueOf(req).Elem().Field(op.params[i].index))
	}
	for i := range op.shown {
		f.shown = append(f.shown, reflect.ValueOf(answer).Elem().Field(op.shown[i].index))
	}
	return f
}

// Room returns an empty answer for a handler to fill in: that of the call's frame, or a new one. Who asks for it returns it,
// or an error.
func Room[A any](c *Call) *A {
	if c.Frame != nil {
		if a, ok := c.Frame.answer.(*A); ok {
			c.Frame.taken = true
			return a
		}
	}
	return new(A)
}

// fields are those of a request or an answer.
type fields struct {
	of    reflect.Value   // the struct
	found []reflect.Value // by number, of a frame; nil if they are to be searched for
}

func (f *fields) at(number, index int) reflect.Value {
	if f.found != nil {
		return f.found[number]
	}
	return f.of.Field(index)
}

// setRequest sets the typed request of the call, which is that of its frame if it has one.
func (c *Call) setRequest(req any) {
	c.Request = req
	if c.Frame != nil {
		c.fields.found = c.Frame.params
	} else {
		c.fields.of = reflect.ValueOf(req).Elem()
	}
}
