package kmsclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxAnswer bounds the body of an answer, in bytes: the longest documented one is under 64 KiB.
const maxAnswer = 1 << 20

// NewTransport returns the transport that a [Client] has by default, for who wants to change something in it: roots of
// trust, a proxy. It takes proxies from the environment as package net/http does, gives a connection 5 s to be made and
// 5 s for TLS, and keeps up to 64 of them open for 90 s. It speaks HTTP/1.1, as the SDK does by itself.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		MaxIdleConns:        64,
		MaxIdleConnsPerHost: 64, // one host is all that a client talks to
		IdleConnTimeout:     90 * time.Second,
		Protocols:           new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	return t
}

// An answer is what came back for a request, whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// A sendError is why there is no answer. Its text is fit for an [Error]: it holds nothing of the request.
type sendError struct {
	code, text string
	retry      bool // it may be otherwise a moment later
}

func (e *sendError) Error() string { return e.text }

// send sends a request under ctx and reads the answer. It closes the request's body, and does not modify the request.
func send(ctx context.Context, base http.RoundTripper, agent string, r *http.Request) (*answer, *sendError) {
	if r.URL.Scheme != "https" && !isLoopback(r.URL.Hostname()) {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, &sendError{code: CodeInvalidRequest, text: "plain http is for loopback alone; nothing was sent"}
	}
	sent := r.WithContext(ctx)
	sent.Header = r.Header.Clone()
	sent.Header.Set("User-Agent", strings.TrimSpace(r.Header.Get("User-Agent")+" "+agent))
	resp, err := base.RoundTrip(sent)
	if err != nil {
		return nil, transportError(ctx, err, r.URL)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case len(body) > maxAnswer:
		return nil, &sendError{code: CodeInvalidAnswer, text: fmt.Sprintf("more than %d bytes", maxAnswer)}
	case err != nil:
		clear(body) // as much of a plaintext as there was
		return nil, transportError(ctx, err, r.URL)
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		// net/http would follow it, and tell the new host this request's URL as the Referer.
		return nil, &sendError{code: CodeInvalidAnswer, text: fmt.Sprintf("a redirect (HTTP %d), which is not followed", resp.StatusCode)}
	}
	return &answer{resp.StatusCode, resp.Header, body}, nil
}

// transportError returns the error of a transport. The URL that it may hold is cut off: a *url.Error prints it, and it is
// plaintext, token and signature.
func transportError(ctx context.Context, err error, u *url.URL) *sendError {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &sendError{CodeUnreachable, "no answer in the time of one attempt", true}
	}
	for { // those that net/http made, wherever it did
		var ue *url.Error
		if !errors.As(err, &ue) || ue.Err == nil {
			break
		}
		err = ue.Err
	}
	text := err.Error()
	if repeats(text, u.Query()) {
		text = "" // an error of somebody else's, with the URL in it all the same
	}
	return &sendError{CodeUnreachable, text, passing(err)}
}

// passing reports whether a failure to get an answer may pass: refused, reset and otherwise broken connections, and
// timeouts. A certificate that is not trusted, a name that does not exist and whatever else is unknown will stay.
func passing(err error) bool {
	var (
		alert tls.AlertError
		dns   *net.DNSError
		op    *net.OpError
		errno syscall.Errno
		slow  net.Error
	)
	switch {
	case errors.As(err, &alert): // comes as a *net.OpError too
		return false
	case errors.As(err, &dns): // likewise
		return dns.IsTimeout || dns.IsTemporary
	case errors.As(err, &op), errors.As(err, &errno), errors.As(err, &slow) && slow.Timeout():
		return true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return true
	}
	// What net/http says when the server has closed a connection that was kept open; it has no name.
	return err.Error() == "http: server closed idle connection"
}

// isLoopback reports whether a host is this machine by its very name.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// minEcho is how long a piece of a secret is that an error must not hold, in bytes.
const minEcho = 16

// repeats reports whether a text of a peer repeats what the parameters of the request held in confidence, in the clear or
// escaped, or the first bytes of it. Short values are found where they only happen to occur: better no text than those.
func repeats(text string, params url.Values) bool {
	for name, values := range params {
		switch name {
		case "Plaintext", "EncryptionContext", "SourceEncryptionContext", "DestinationEncryptionContext", "CiphertextBlob",
			"SecurityToken", "BearerToken", "Signature":
		default:
			continue
		}
		for _, v := range values {
			if strings.HasSuffix(name, "EncryptionContext") {
				var pairs map[string]string
				if json.Unmarshal([]byte(v), &pairs) == nil {
					for _, value := range pairs {
						if len(value) >= 4 && contains(text, value) {
							return true
						}
					}
				}
			}
			if v != "" && contains(text, v) {
				return true
			}
		}
	}
	return false
}

// contains reports whether text holds the beginning of secret: as it is, quoted, or escaped for a URL once or twice.
func contains(text, secret string) bool {
	quoted := strconv.Quote(secret)
	escaped := url.QueryEscape(secret)
	path := url.PathEscape(secret)
	for _, s := range []string{secret, quoted[1 : len(quoted)-1], escaped, path, url.QueryEscape(escaped), url.QueryEscape(path)} {
		if strings.Contains(text, s[:min(len(s), minEcho)]) {
			return true
		}
	}
	return false
}

// An exchange is the transport of one attempt of one call. It puts the call's context on the request, keeps the answer,
// and gives the SDK an empty one: the SDK builds and signs requests well, but its reading takes numbers for texts, panics
// where it is surprised, quotes the answer in its errors, and leaves plaintexts in strings that cannot be wiped.
type exchange struct {
	ctx    context.Context
	base   http.RoundTripper
	agent  string
	sent   *http.Request
	answer *answer
	err    *sendError
}

func (x *exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	x.sent = r
	if x.answer, x.err = send(x.ctx, x.base, x.agent, r); x.err != nil {
		return nil, x.err
	}
	return response(r, http.StatusOK, http.Header{}, nil), nil
}

// response makes the response of a request.
func response(r *http.Request, status int, h http.Header, body []byte) *http.Response {
	return &http.Response{
		Status: strconv.Itoa(status) + " " + http.StatusText(status), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// A sdkTransport is the transport of the clients of [Client.SDK]. What is an error to the SDK, it makes anew out of what
// may be shown: the SDK panics where a field is not a text, and prints all of a body that is no JSON. Where there is no
// answer at all it makes one, for net/http would put the URL into any other error.
type sdkTransport struct {
	base  http.RoundTripper
	agent string
}

func (t *sdkTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	a, broken := send(r.Context(), t.base, t.agent, r)
	params := r.URL.Query()
	var e *Error
	switch {
	case broken != nil:
		e = newError("", broken.code, http.StatusServiceUnavailable, broken.text)
	case a.status >= 300:
		e = refusal(params.Get("Action"), a, params)
	case params.Get("Format") == "JSON" && len(a.body) > 0 && !json.Valid(a.body):
		e = newError("", CodeInvalidAnswer, http.StatusServiceUnavailable, fmt.Sprintf("%d bytes that are not JSON", len(a.body)))
	default:
		return response(r, a.status, a.header, a.body), nil
	}
	body, err := json.Marshal(map[string]string{"Code": e.Code, "Message": e.Message, "RequestId": e.RequestID, "Recommend": e.remedy})
	if err != nil {
		panic("kmsclient: internal error: " + err.Error()) // unreachable: texts
	}
	h := http.Header{"Content-Type": {"application/json;charset=utf-8"}}
	return response(r, e.StatusCode, h, body), nil
}
