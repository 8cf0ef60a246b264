// Package wire is the RPC protocol of KMS 2016-01-20 over HTTP, and nothing else: it reads requests, proves who sent them
// and writes answers in JSON or XML. What a request asks for is done by package server.
//
// [Handler] is an http.Handler, and its Transport an http.RoundTripper that needs no socket. Whatever comes, the answer is
// one the service documents; package net/http answers by itself only what is no HTTP at all, or more than the limits of
// its server.
//
// # Compatibility
//
// Internal.
package wire

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Config is what a Handler is made of. It is not changed once the Handler is made.
type Config struct {
	Server *server.Server
	// Region is where a request goes whose host and parameters name no region that Serves knows.
	Region string
	Serves func(region string) bool
	// Now is the machine's clock, which requests are dated by. Nil is time.Now.
	Now func() time.Time
	// AllowPlain takes requests without TLS from any peer, not only from this machine.
	AllowPlain bool
	// GatewayExpiry refuses a request dated outside the window as InvalidTimeStamp.Expired, not as IllegalTimestamp.
	GatewayExpiry bool
}

// A Handler answers requests. It is safe for concurrent use.
type Handler struct {
	config   Config
	nonces   *nonces
	bodyTime time.Duration
}

// New returns a Handler.
func New(c Config) *Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Handler{config: c, nonces: newNonces(maxNonces), bodyTime: bodyTime}
}

// ServeHTTP answers a request of a net/http server. It reads the body before anything else: otherwise a body that comes
// slowly would hold up the refusal. It panics with http.ErrAbortHandler, which has that server close the connection,
// where the connection is to be lost on purpose.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := newRequest(r)
	req.body, req.unread = h.readBody(w, r)
	p := h.serve(r.Context(), req)
	if p == nil || pause(r.Context(), nil, p.late) != nil {
		panic(http.ErrAbortHandler)
	}
	p.header(w.Header())
	w.WriteHeader(p.status)
	if p.spoilt == nil {
		w.Write(p.body)
		return
	}
	p.spoilt.ctx = r.Context()
	if !p.spoilt.send(w) {
		panic(http.ErrAbortHandler)
	}
}

// serve answers a request. It returns nil if the connection is to be lost instead.
func (h *Handler) serve(ctx context.Context, r *request) *reply {
	requestID := call.NewRequestID()
	var spoil call.Spoil
	doc, err := h.take(ctx, r, requestID, &spoil)
	if errors.Is(err, call.ErrConnectionLost) {
		return nil
	}
	return answer(doc, err, r, requestID, spoil)
}

// take has a request answered by the server, which says in spoil what is to become of the answer. The order of its checks
// is that of the service.
func (h *Handler) take(ctx context.Context, r *request, requestID string, spoil *call.Spoil) (any, error) {
	malformed := r.parse() // first of all, for every refusal is told in the Format that is asked for
	switch {
	case r.path != "/":
		return nil, call.ErrActionNotFound
	case r.method != http.MethodGet && r.method != http.MethodPost:
		return nil, call.ErrUnsupportedMethod
	case !r.tls && !h.config.AllowPlain && r.peer.IsValid() && !r.peer.IsLoopback():
		return nil, call.ErrNeedTLS
	case malformed != nil:
		return nil, malformed
	}
	s := r.scheme()
	action, version, err := r.action(s)
	if err != nil {
		return nil, err
	}
	region := regionOf(r.host, r.params.get("RegionId"), h.config.Serves)
	if region == "" {
		region = h.config.Region
	}
	skew := h.config.Server.Skew(action)
	return h.config.Server.Call(ctx, &server.Request{
		Action:    action,
		Version:   version,
		RequestID: requestID,
		Scope:     state.In("", region),
		Origin:    r.origin(),
		Prove: func(tx state.Tx, now time.Time) (call.Principal, error) {
			return h.prove(r, s, skew, tx, now)
		},
		Spoil: spoil,
		Texts: r.texts(),
	})
}

// action returns the operation that is asked for. A request that is signed by its header is asked by it alone, one
// signed by its parameters by those, whatever SDKs send in unsigned header fields.
func (r *request) action(s scheme) (action, version string, err error) {
	actionName, versionName, value := "Action", "Version", r.params.get
	if s == schemeHeaders || s == schemeBearer && r.params.get("Action") == "" {
		actionName, versionName, value = "x-acs-action", "x-acs-version", r.headerValue
	}
	action, version = value(actionName), value(versionName)
	switch {
	case action == "":
		return "", "", call.Missing(actionName)
	case version == "":
		return "", "", call.Missing(versionName)
	case !call.KnownVersion(version):
		return "", "", call.ErrInvalidVersion
	}
	return action, version, nil
}
