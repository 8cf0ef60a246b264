package osscse

import (
	"errors"
	"fmt"
	"io"
)

// An UnauthenticatedReaderAt reads an object's plaintext at any place, one request for each call, and authenticates
// nothing of it. It is safe for concurrent use if its function is.
type UnauthenticatedReaderAt struct {
	o    *UnauthenticatedObject
	size int64
	get  func(Range) (Answer, error)
}

// NewReaderAt returns a reader at random of an object of size bytes. get makes the request of a range; an answer's Body
// that is an io.Closer is closed. It makes no call of KMS.
func (o *UnauthenticatedObject) NewReaderAt(size int64, get func(Range) (Answer, error)) (*UnauthenticatedReaderAt, error) {
	if size < 0 || get == nil {
		return nil, fmt.Errorf("osscse: reader of %d bytes at random needs a size and a function", size)
	}
	if n := o.meta.ContentLength; n >= 0 && n != size {
		return nil, fmt.Errorf("osscse: object of %d bytes, its metadata say %d: %w", size, n, ErrLength)
	}
	return &UnauthenticatedReaderAt{o, size, get}, nil
}

// Size returns the size that the reader was made with.
func (r *UnauthenticatedReaderAt) Size() int64 { return r.size }

// ReadAt reads as io.ReaderAt says, with one request. Errors: those of [UnauthenticatedObject.NewRangeReader]; those of
// the function.
func (r *UnauthenticatedReaderAt) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("osscse: ReadAt: negative offset")
	}
	if len(p) == 0 {
		return 0, nil
	}
	if off >= r.size {
		return 0, io.EOF
	}
	want := int(min(int64(len(p)), r.size-off))
	rg, err := NewRange(off, int64(want))
	if err != nil {
		return 0, err // unreachable: there is something to read
	}
	a, err := r.get(rg)
	if err != nil {
		return 0, fmt.Errorf("osscse: get bytes from %d: %w", off, err)
	}
	if c, ok := a.Body.(io.Closer); ok {
		defer c.Close()
	}
	src, err := r.o.NewRangeReader(rg, a)
	if err != nil {
		return 0, err
	}
	n, err = io.ReadFull(src, p[:want])
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return n, fmt.Errorf("osscse: %d bytes of %d: %w: %w", n, want, ErrLength, io.ErrUnexpectedEOF)
	case err != nil:
		return n, err
	case want < len(p):
		return n, io.EOF
	}
	return n, nil
}
