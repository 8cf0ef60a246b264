package main

import (
	"context"
	"io"
)

// interruptible returns r such that a read ends when ctx does, though r may go on waiting, as a terminal or a pipe does for
// somebody to write. It reads ahead by one read of r.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	return &interruptibleReader{ctx: ctx, src: r}
}

type interruptibleReader struct {
	ctx   context.Context
	src   io.Reader
	reads chan read // nil before the first read
	free  chan []byte
	rest  []byte // of the last read
	owner []byte // its buffer
	err   error
}

type read struct {
	b   []byte
	n   int
	err error
}

func (r *interruptibleReader) Read(p []byte) (int, error) {
	if r.reads == nil {
		r.reads, r.free = make(chan read), make(chan []byte, 2)
		r.free <- make([]byte, 1<<20)
		r.free <- make([]byte, 1<<20)
		go r.pump()
	}
	for len(r.rest) == 0 && r.err == nil {
		if r.owner != nil {
			r.free <- r.owner // never blocks: there are two
			r.owner = nil
		}
		select {
		case <-r.ctx.Done():
			r.err = r.ctx.Err()
		case got := <-r.reads:
			r.rest, r.owner, r.err = got.b[:got.n], got.b, got.err
		}
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// pump reads until an error or the end of ctx. It is left behind in a read that does not return, which only the end of the
// program ends.
func (r *interruptibleReader) pump() {
	for {
		var b []byte
		select {
		case <-r.ctx.Done():
			return
		case b = <-r.free:
		}
		n, err := r.src.Read(b)
		select {
		case <-r.ctx.Done():
			return
		case r.reads <- read{b, n, err}:
		}
		if err != nil {
			return
		}
	}
}

// counting returns r with each read counted, and ended when ctx is.
func counting(ctx context.Context, r io.Reader, did func(n int64)) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := r.Read(p)
		did(int64(n))
		return n, err
	})
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
