// Package control lets programs in other languages say to a reference KMS what tests in Go say to it in process: move the
// clock, make accounts, users, access keys, policies and roles, set faults, read the trail, take a snapshot and go back to
// it. It protects the server by a token, and nothing that the token reaches: whoever has it may do everything.
//
//	face, err := control.New(server, token)
//	go http.Serve(listener, face) // another one than that of server.Handler, on loopback
//
// A call is a POST of a JSON object to the path that is its name, with the token in its header. GET / tells all calls,
// with the shapes of what they take and answer and an example of each. In Python, with the standard library alone:
//
//	import json, urllib.request
//
//	def control(call, **arguments):
//	    request = urllib.request.Request(URL + "/" + call, json.dumps(arguments).encode(),
//	                                     {"Authorization": "Bearer " + TOKEN})
//	    with urllib.request.urlopen(request) as answer:
//	        return json.load(answer)
//
//	before = control("Snapshot")["snapshot"]
//	control("CreateUser", name="alice")
//	control("PutAccessKey", user="alice", id="LTAIalice", secret="not one to copy")
//	control("Inject", kind="throttled", operation="Decrypt", times=2)
//	control("Advance", seconds=30 * 86400)
//	names = [event["eventName"] for event in control("Events", limit=10)["events"]]
//	control("Lift")
//	control("Restore", snapshot=before)
//
// Calls do what the methods of the same name of [refkms.Server] and [refkms.RAM] do; a test holds that no method of RAM is
// missing. They are no calls of KMS: no fault meets them, no policy is asked, and they leave no record in the trail.
//
// # Errors
//
// A refusal has a status that is not 200 and the body {"error": {"code": "...", "message": "..."}}. The code is RAM's for
// what RAM refuses (EntityNotExist.User), else one of Unauthorized, NotLocal, UnknownCall, WrongMethod, TooLarge,
// InvalidRequest, LimitExceeded, Unavailable. No message has a secret or a token in it. Answers have: those of AccessKey
// and CreateAccessKey.
package control

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// The limits of the face.
const (
	minToken          = 16 // bytes: what makes 128 bits if they are random
	maxToken          = 256
	maxBody           = 1 << 20                     // bytes of a request: a policy has 6 KiB at most
	maxConfig         = 16 << 20                    // bytes of one that has a configuration: a hundred thousand access keys
	maxSnapshots      = 64                          // each keeps what the server has forgotten since, or all that a file had
	maxFaults         = 1024                        // that were not lifted; every call looks at each
	maxEvents         = 10_000                      // of one answer, which are about 10 MB
	someEvents        = 1000                        // of an answer to who names no limit
	maxSessionSeconds = 100_000                     // that RAM is asked for; it refuses more than 12 hours
	jsonType          = "application/json"          // of all answers but the page's
	textType          = "text/plain; charset=utf-8" // of the page
)

// A Handler is the control face of a server. It is safe for concurrent use. The zero value is not usable.
type Handler struct {
	server     *refkms.Server
	authorized func(token string) bool

	mu                      sync.Mutex           // guards what follows
	faults                  map[int]func()       // that lift them, by number
	snapshots               map[int]func() error // that go back to them
	lastFault, lastSnapshot int                  // numbers that were given
}

// New returns the control face of a server, for whoever sends the token: 16 to 256 printable characters of ASCII, none of
// them a blank. Text from crypto/rand.Text is one.
//
// Requests without TLS are taken from this machine alone. A request's body is read only after its token, and has at most
// 1 MiB, 16 MiB for Apply; how long it may take is for the http.Server's ReadTimeout to say. The face moves the clock
// up to the year 2200, and keeps 64 snapshots and 1024 faults.
func New(server *refkms.Server, token string) (*Handler, error) {
	if server == nil {
		return nil, errors.New("control: no server")
	}
	if len(token) < minToken || len(token) > maxToken {
		return nil, fmt.Errorf("control: token of %d bytes, want %d to %d", len(token), minToken, maxToken)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("control: token with a blank or a character that is not printable ASCII")
	}
	want := sha256.Sum256([]byte(token)) // equal lengths, so that the comparison tells nothing of the token's
	return &Handler{
		server: server,
		authorized: func(token string) bool {
			got := sha256.Sum256([]byte(token))
			return subtle.ConstantTimeCompare(got[:], want[:]) == 1
		},
		faults:    map[int]func(){},
		snapshots: map[int]func() error{},
	}, nil
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if local(r) && r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		write(w, http.StatusOK, textType, page)
		return
	}
	answer, err := h.take(w, r)
	status := http.StatusOK
	if err != nil {
		e := refusalOf(err)
		status, answer = e.status, e
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
	}
	body := new(bytes.Buffer)
	encoder := json.NewEncoder(body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		panic("control: internal error: " + err.Error()) // unreachable: answers hold texts, numbers and JSON of the server's
	}
	write(w, status, jsonType, body.Bytes())
}

func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store") // there may be secrets in it
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(body)
}

// local reports whether nobody but this machine can see the request.
func local(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// take has a request done.
func (h *Handler) take(w http.ResponseWriter, r *http.Request) (any, error) {
	if !local(r) {
		return nil, errNotLocal
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !h.authorized(token) || !strings.EqualFold(scheme, "Bearer") {
		return nil, errUnauthorized
	}
	if r.URL.Path == "/" {
		w.Header().Set("Allow", "GET, HEAD")
		return nil, errPageMethod
	}
	c, ok := byPath[r.URL.Path]
	if !ok {
		return nil, errUnknownCall
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, errCallMethod
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, c.limit))
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return nil, refuse(http.StatusRequestEntityTooLarge, "TooLarge", "a body of more than %d bytes", c.limit)
	}
	if err != nil {
		return nil, invalid("the body did not come whole")
	}
	return c.do(h, body)
}
