package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// Transport returns the Handler as the transport of HTTP clients, without a socket. It may be shared among clients.
func (h *Handler) Transport() http.RoundTripper { return transport{h} }

type transport struct{ h *Handler }

// RoundTrip answers a request. It returns the context's error if that ends the request before an answer is there, and
// io.EOF, as the transport of net/http does, if the connection is lost on purpose.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL == nil {
		closeBody(r)
		return nil, errors.New("refkms: a request without a URL")
	}
	ctx := r.Context()
	body, err := readLocalBody(ctx, r)
	closeBody(r)
	if err != nil {
		return nil, err
	}
	req := newLocalRequest(r)
	if req.body = body; len(body) > maxBody {
		req.unread = call.ErrParseRequest
	}
	p := t.h.serve(ctx, req)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p == nil {
		return nil, io.EOF
	}
	if err := pause(ctx, nil, p.late); err != nil {
		return nil, err
	}
	resp := &http.Response{
		Status:        strconv.Itoa(p.status) + " " + http.StatusText(p.status),
		StatusCode:    p.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        make(http.Header, 4),
		Body:          io.NopCloser(bytes.NewReader(p.body)),
		ContentLength: int64(p.size()),
		Request:       r,
	}
	if p.spoilt != nil {
		p.spoilt.ctx, p.spoilt.closed = ctx, make(chan struct{})
		resp.Body = p.spoilt
	}
	p.header(resp.Header)
	return resp, nil
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		r.Body.Close()
	}
}

// readLocalBody reads the body of a client's request, one byte beyond the limit at most. It may come from anywhere, so
// the end of the context ends the wait for it.
func readLocalBody(ctx context.Context, r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	type result struct {
		body []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		done <- result{body, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case res := <-done:
		return res.body, res.err
	}
}
