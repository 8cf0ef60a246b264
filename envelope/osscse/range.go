package osscse

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/kmskey"
)

// A Range is a part of an object's plaintext, and the request for it.
type Range struct {
	off, n int64 // wanted; n is -1 to the end
}

// NewRange returns the range of n bytes of plaintext from off on; n of -1 is all to the end. A range from the end needs the
// size, which the caller has to know.
func NewRange(off, n int64) (Range, error) {
	if off < 0 || n < -1 || n == 0 || n > math.MaxInt64-off {
		return Range{}, fmt.Errorf("osscse: no range of %d bytes from %d", n, off)
	}
	return Range{off, n}, nil
}

// aligned returns where the request begins: at the block that holds the first byte.
func (r Range) aligned() int64 { return r.off / blockSize * blockSize }

// Header returns the headers of the request: Range, from the block that holds the first byte, and x-oss-range-behavior,
// without which OSS answers with the whole object when a range goes beyond its end.
func (r Range) Header() map[string]string {
	end := ""
	if r.n >= 0 {
		end = strconv.FormatInt(r.off+r.n-1, 10)
	}
	return map[string]string{"Range": fmt.Sprintf("bytes=%d-%s", r.aligned(), end), "X-Oss-Range-Behavior": "standard"}
}

// An Answer is what OSS answered to a request with the headers of a [Range].
type Answer struct {
	StatusCode   int
	ContentRange string // the header of that name
	Body         io.Reader
}

// NewRangeReader returns a reader of the plaintext of a range, from the answer to the request for it. An answer with the
// whole object will do, and is skipped up to the range; any other range than the one asked for is [ErrRange], but for one
// that ends with the object. A body that ends before its range does is [ErrLength]. It makes no call.
func (o *UnauthenticatedObject) NewRangeReader(rg Range, a Answer) (io.Reader, error) {
	if rg.n == 0 {
		return nil, errors.New("osscse: range is empty; NewRange makes one")
	}
	switch a.StatusCode {
	case 200:
		// The range was ignored.
		if _, err := io.CopyN(io.Discard, a.Body, rg.off); err != nil {
			if err == io.EOF {
				return nil, fmt.Errorf("osscse: object ends before byte %d: %w", rg.off, ErrRange)
			}
			return nil, fmt.Errorf("osscse: %w", err)
		}
		r := &reader{src: a.Body, stream: o.stream(rg.off), want: -1}
		if rg.n >= 0 {
			r.src = io.LimitReader(a.Body, rg.n)
		}
		return r, nil
	case 206:
	default:
		return nil, fmt.Errorf("osscse: status %d: %w", a.StatusCode, ErrRange)
	}
	first, last, total, err := parseContentRange(a.ContentRange)
	if err != nil {
		return nil, err
	}
	switch wanted := rg.off + rg.n - 1; {
	case first != rg.aligned(), last < rg.off:
		err = ErrRange
	case rg.n < 0 && total >= 0 && last != total-1:
		err = ErrRange
	case rg.n >= 0 && (last > wanted || last < wanted && last != total-1):
		err = ErrRange
	}
	if err != nil {
		return nil, fmt.Errorf("osscse: asked for %s, got %s: %w", rg.Header()["Range"], kmskey.Quote(a.ContentRange), err)
	}
	r := &reader{src: a.Body, stream: o.stream(first), want: last - first + 1}
	// Less than a block, of which nothing is wanted.
	if _, err := io.CopyN(io.Discard, r, rg.off-first); err != nil {
		return nil, fmt.Errorf("osscse: beginning of the range: %w", err)
	}
	return r, nil
}

// parseContentRange parses "bytes first-last/total", where total may be "*", which is -1.
func parseContentRange(s string) (first, last, total int64, err error) {
	fail := func() (int64, int64, int64, error) {
		return 0, 0, 0, fmt.Errorf("osscse: Content-Range %s: %w", kmskey.Quote(s), ErrRange)
	}
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), "bytes ")
	if !ok {
		return fail()
	}
	span, size, ok1 := strings.Cut(rest, "/")
	a, b, ok2 := strings.Cut(span, "-")
	if !ok1 || !ok2 {
		return fail()
	}
	total = -1
	for _, v := range []struct {
		text string
		dst  *int64
	}{{a, &first}, {b, &last}, {size, &total}} {
		if v.text == "*" && v.dst == &total {
			continue
		}
		n, err := strconv.ParseUint(v.text, 10, 63)
		if err != nil || strings.HasPrefix(v.text, "+") {
			return fail()
		}
		*v.dst = int64(n)
	}
	if last < first || total >= 0 && last >= total {
		return fail()
	}
	return first, last, total, nil
}
