package wire

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// The limits of a request, each the double of what the largest one needs: 98 KB for an encryption context of 8192
// characters, percent-encoded, of which ReEncrypt has two. What is beyond is told as ErrParseRequest.
const (
	maxHead = 512 << 10 // bytes of request line and header fields
	maxBody = 512 << 10 // bytes
	// bodyTime is how long a body may take to come, where the server that reads it has no limit of its own.
	bodyTime = 10 * time.Second
)

// A request is what the service looks at of an HTTP request.
type request struct {
	method string
	path   string
	host   string      // as called, with its port if it named one
	header http.Header // names in canonical form
	peer   netip.Addr  // the zero Addr if the request came by no network
	tls    bool
	body   []byte
	unread error // why there is no body, nil if there is

	rawQuery string
	query    params // of the query alone
	params   params // of query and form; the form's where both have one
}

// newRequest returns the request that a net/http server received. Its parameters are not parsed yet.
func newRequest(r *http.Request) *request {
	req := &request{
		method:   r.Method,
		path:     r.URL.Path,
		host:     r.Host,
		header:   r.Header,
		tls:      r.TLS != nil,
		rawQuery: r.URL.RawQuery,
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		req.peer = peer.Addr().Unmap()
	}
	return req
}

// newLocalRequest returns the request that an HTTP client hands to its transport, whose header may have names that are
// not canonical.
func newLocalRequest(r *http.Request) *request {
	req := &request{
		method:   r.Method,
		path:     r.URL.Path,
		host:     r.Host,
		header:   make(http.Header, len(r.Header)),
		tls:      r.URL.Scheme == "https",
		rawQuery: r.URL.RawQuery,
	}
	if req.method == "" {
		req.method = http.MethodGet
	}
	if req.path == "" {
		req.path = "/"
	}
	if req.host == "" {
		req.host = r.URL.Host
	}
	for name, values := range r.Header {
		name = http.CanonicalHeaderKey(name)
		req.header[name] = append(req.header[name], values...)
	}
	return req
}

// headSize is about the number of bytes of request line and header fields.
func (r *request) headSize() int {
	n := len(r.method) + len(r.path) + len(r.rawQuery)
	for name, values := range r.header {
		for _, v := range values {
			n += len(name) + len(v) + len(": \r\n")
		}
	}
	return n
}

// readBody reads the body of a net/http server's request, within the limits of size and time. After a failure the
// connection is not used again.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if s, _ := r.Context().Value(http.ServerContextKey).(*http.Server); s == nil || s.ReadTimeout == 0 {
		control := http.NewResponseController(w)
		// A writer that knows no deadlines knows no slow peers either. The deadline is lifted for the time of the call,
		// which a read that fails meanwhile would end; after a failure it stays, for net/http reads on.
		if control.SetReadDeadline(time.Now().Add(h.bodyTime)) == nil {
			defer func() {
				if w.Header().Get("Connection") == "" {
					control.SetReadDeadline(time.Time{})
				}
			}()
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		w.Header().Set("Connection", "close")
		return nil, call.ErrParseRequest
	}
	return body, nil
}

// parse reads the parameters: those of the query and, if it is a form of a POST, of the body.
func (r *request) parse() error {
	if r.headSize() > maxHead {
		return call.ErrParseRequest
	}
	var ok bool
	if r.query, ok = parseParams(r.rawQuery); !ok {
		return call.ErrParseRequest
	}
	r.params = r.query
	if r.unread != nil {
		return r.unread
	}
	mediaType, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	if r.method != http.MethodPost || !strings.EqualFold(strings.TrimSpace(mediaType), "application/x-www-form-urlencoded") {
		return nil
	}
	form, ok := parseParams(string(r.body))
	if !ok {
		return call.ErrParseRequest
	}
	r.params = form.over(r.query)
	return nil
}

// wantsXML reports whether the answer is to be XML.
func (r *request) wantsXML() bool { return strings.EqualFold(r.params.get("Format"), "XML") }

// common holds the parameters that are of the protocol and not of any operation.
var common = map[string]bool{
	"Action": true, "Version": true, "Format": true, "AccessKeyId": true, "Timestamp": true, "SecurityToken": true,
	"BearerToken": true, "Signature": true, "SignatureMethod": true, "SignatureVersion": true, "SignatureType": true,
	"SignatureNonce": true,
}

// texts returns the parameters of the operation.
func (r *request) texts() map[string]string {
	m := map[string]string{} // most operations have a few: room for all that was sent would be a second allocation
	for _, p := range r.params {
		if !common[p.name] {
			m[p.name] = p.value
		}
	}
	return m
}

// headerValue returns the value of a header field as header signatures have it: trimmed; of several, the sorted list.
func (r *request) headerValue(name string) string {
	return canonicalValue(r.header[http.CanonicalHeaderKey(name)])
}
