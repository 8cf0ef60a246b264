package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

const (
	// garbage is neither JSON nor XML nor text.
	garbage = "\x1f\x8b\x00\xff{\"<\xfe"
	// htmlPage is what a proxy says that does not reach the service.
	htmlPage = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)

// spoil spoils a reply, except for the types of what is in it. A body that is to be cut loses a byte at least.
func (p *reply) spoil(s call.Spoil) {
	part := min(s.Bytes, len(p.body)-1)
	switch s.Kind {
	case call.SpoilGarbage:
		p.status, p.body = http.StatusOK, []byte(garbage)
	case call.SpoilHTML:
		*p = reply{status: http.StatusBadGateway, contentType: "text/html", body: []byte(htmlPage)}
	case call.SpoilEmpty:
		p.body = nil
	case call.SpoilTruncate:
		p.body = p.body[:part]
	case call.SpoilHuge:
		p.spoilt = &spoiltBody{doc: p.body, size: max(s.Bytes, len(p.body))}
	case call.SpoilLate:
		p.late = s.Pause
	case call.SpoilDrip:
		p.spoilt = &spoiltBody{doc: p.body, size: len(p.body), drip: s.Pause}
	case call.SpoilCut:
		p.spoilt = &spoiltBody{doc: p.body, size: part, cut: true}
	}
}

// A spoiltBody is a body that is longer than its document, or comes slowly, or ends too early. It is read by one goroutine
// at a time, and may be closed by another meanwhile.
type spoiltBody struct {
	doc  []byte
	size int           // bytes that are sent: of the document, and blanks after it
	drip time.Duration // before each byte
	cut  bool          // the document is announced, and the connection closes after size bytes of it

	ctx    context.Context // of the request, which ends it
	closed chan struct{}   // nil if it cannot be
	once   sync.Once       // closes closed
	off    int             // bytes that were read
}

// announced returns the Content-Length.
func (b *spoiltBody) announced() int {
	if b.cut {
		return len(b.doc)
	}
	return b.size
}

// Read reads what is sent. A connection that closes too early is io.ErrUnexpectedEOF, as it is to clients of net/http.
func (b *spoiltBody) Read(p []byte) (int, error) {
	select {
	case <-b.closed:
		return 0, http.ErrBodyReadAfterClose
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	default:
	}
	left := b.size - b.off
	switch {
	case left == 0 && b.cut:
		return 0, io.ErrUnexpectedEOF
	case left == 0:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	if b.drip > 0 {
		if err := pause(b.ctx, b.closed, b.drip); err != nil {
			return 0, err
		}
		p = p[:1]
	}
	p = p[:min(len(p), left)]
	n := copy(p, b.doc[min(b.off, len(b.doc)):])
	for i := n; i < len(p); i++ {
		p[i] = ' '
	}
	b.off += len(p)
	return len(p), nil
}

// Close ends a Read that waits.
func (b *spoiltBody) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// send sends the body over a connection, each part of it at once. It reports whether it got to its announced end.
func (b *spoiltBody) send(w http.ResponseWriter) bool {
	flush := http.NewResponseController(w).Flush // of a writer that cannot, all comes at the end
	flush()
	buf := make([]byte, min(b.size, 32<<10))
	for {
		n, err := b.Read(buf)
		if err != nil {
			return err == io.EOF
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return false
		}
		flush()
	}
}

// pause waits, for no longer than ctx allows and until closed is.
func pause(ctx context.Context, closed <-chan struct{}, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-closed:
		return http.ErrBodyReadAfterClose
	case <-ctx.Done():
		return ctx.Err()
	}
}

// otherTypes returns a document whose texts are numbers, their lengths, and whose numbers are texts.
func otherTypes(doc []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		panic(fmt.Sprintf("wire: internal error: %v", err)) // unreachable: the document is ours
	}
	return encodeJSON(otherType(v))
}

func otherType(v any) any {
	switch v := v.(type) {
	case string:
		return json.Number(strconv.Itoa(len(v)))
	case json.Number:
		return v.String()
	case []any:
		for i := range v {
			v[i] = otherType(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = otherType(v[name])
		}
	}
	return v
}
