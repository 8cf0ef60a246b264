package stream

import "io"

// Measured limits of when more than one core pays. They are variables so that tests of this package see several workers
// at work on few bytes.
var (
	// startAfter is how many bytes must have come in whole batches before a stream is given to several workers: waking
	// another core takes about 100 µs, in which one core seals half a megabyte.
	startAfter int64 = 2 << 20
	// splitFrom is how long a buffer must be to be worth more than one core, in bytes.
	splitFrom = 4 << 20
	// batchSize is how much plaintext one Read or Write carries where it can, in bytes: of files on one core, and of whatever
	// is read at an offset.
	batchSize = 1 << 20
	// turnSize is the same of streams with several workers, which hand batches over. There are two for each, so that none
	// waits for the turn of his. With less they meet more often at the source; with more they work in more memory than the
	// caches hold, and end further apart.
	turnSize = 512 << 10
	// smallBatchSize is the same of streams on one core, but for files. With less, sockets spend their time in system calls;
	// with more, what was read and what will be written, beside the buffers of the source and the destination, no longer fit
	// the second-level cache of 1 MiB that is usual.
	smallBatchSize = 128 << 10
	// unitSize is how much plaintext one worker seals or opens of a whole buffer at a time, in bytes: little enough that
	// none waits long for the last.
	unitSize = 256 << 10
)

// A lane is what a worker works with: one batch, from where it was read to where it is written. A stream has one; others
// live as long as the call that needs them.
type lane struct {
	codec codec
	most  int     // chunks of a batch
	in    window  // what was read
	out   *buffer // room for what will be written

	// The batch.
	next  int64  // index of its first chunk
	head  []byte // a chunk before src, or nothing
	src   []byte // what is to be sealed or opened: a part of in, or of the caller's slice
	last  bool   // it ends the message
	count int    // bytes of the caller's slice that went into it
	dst   []byte // what was made of it: a part of out, or of the caller's slice
	err   error  // what ends the stream behind it

	done bool // it has been worked on and not yet given, by several workers; guarded by turns.mu
}

// room returns an empty slice of out with room for n bytes.
func (l *lane) room(n int) []byte {
	l.out = resize(l.out, n)
	return l.out.b[:0]
}

// A mover is one call that moves data through a stream, in batches.
type mover interface {
	// take puts the next batch into l and reports whether there is one. What it reads and does not use it leaves in
	// l.in, for the next take.
	take(l *lane) bool
	// work seals or opens the batch. It touches nothing but l.
	work(l *lane)
	// give hands on what was made of the batch. An error ends the call, and what was taken meanwhile is forgotten.
	give(l *lane) error
	// free gives the buffers of a lane back that has done its work.
	free(l *lane)
}

// A pipeline runs the calls of one stream, on the caller's goroutine alone or on several.
//
// Alone, it moves batches of about 128 KiB, which stay in the second-level cache from the source to the destination, and
// between files larger ones.
//
// With several, the unit of hand-over is a batch of about 512 KiB. Each worker takes one under a lock, works on it and, if
// it is its turn, gives it; if not, it is left to the one who gives those before. No data crosses from one core to another
// but then, takes happen one at a time in the order of the stream, and so do gives. Never more is in flight than two
// batches for each worker, and a source or a destination that blocks holds up nothing but those who wait for it. Errors
// are told at the turn of their batch, so they are those of one worker, and nothing behind the first is given.
//
// Workers other than the caller are there only while the source fills whole batches. With one that gives little at a
// time they would spend their time waking each other, and chunks that are complete would wait in a lane for what may
// never come.
type pipeline struct {
	workers int    // at most, the caller's goroutine among them
	lanes   int    // at most, of all of them together
	batch   int    // chunks of a batch with several of them
	unit    int    // bytes of a chunk at the source
	whole   int64  // bytes that came on end in reads of at least half of what was asked for
	start   int64  // how many of them it takes to start the workers
	between func() // called on the caller's goroutine between its batches; may be nil
}

// newPipeline returns the pipeline of a stream that reads chunks of unit bytes, and the lane of its caller's goroutine.
func newPipeline(c codec, unit int, opts *Options) (pipeline, lane) {
	p := pipeline{batch: opts.batch(c.chunk, turnSize), unit: unit, start: startAfter}
	p.workers, p.lanes = opts.crew(c.chunk)
	small := smallBatchSize
	if opts != nil {
		p.between = opts.Between
		switch {
		case opts.Files && p.workers > 1:
			small = turnSize
		case opts.Files:
			small = batchSize
		}
	}
	n := opts.batch(c.chunk, small)
	return p, lane{codec: c, most: n, in: window{limit: n*unit + lookAhead}}
}

// fill reads once from src into l.
func (p *pipeline) fill(l *lane, src io.Reader) (n int, err error) {
	n, err = l.in.fill(src, p.unit)
	if p.whole += int64(n); n < l.in.limit/2 {
		p.whole = 0
	}
	return n, err
}

// long reports whether so much has come that more workers pay.
func (p *pipeline) long() bool { return p.workers > 1 && p.whole >= p.start }

// run moves what m has to move, at most n batches at a time, and returns the error that ended it, or nil if there was
// nothing more to take. own is the stream's lane; what was read and not used is there when it returns.
func (p *pipeline) run(m mover, own *lane, n int) error {
	for {
		if n > 1 && p.long() {
			if more, err := p.runTogether(m, own, min(n, p.workers)); !more {
				return err
			}
			continue
		}
		if !m.take(own) {
			return nil
		}
		m.work(own)
		err := m.give(own)
		p.pause()
		if err != nil {
			return err
		}
	}
}

// pause lets the caller see what has been done so far.
func (p *pipeline) pause() {
	if p.between != nil {
		p.between()
	}
}
