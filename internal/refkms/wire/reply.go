package wire

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// A reply is the answer to a request.
type reply struct {
	status      int
	contentType string
	requestID   string // "" for an answer that is not the service's
	limit       string // of the rate that the caller has gone beyond, "" if nothing is said of one
	body        []byte

	late   time.Duration // before the header
	spoilt *spoiltBody   // instead of body, nil if that is sent as it is
}

// header sets the header fields of the reply.
func (p *reply) header(h http.Header) {
	values := [...]string{p.contentType, strconv.Itoa(p.size()), p.requestID, p.limit}
	h["Content-Type"] = values[0:1:1]
	h["Content-Length"] = values[1:2:2]
	if p.requestID != "" {
		h["X-Acs-Request-Id"] = values[2:3:3]
	}
	if p.limit != "" {
		h["X-Ratelimit-User-Api"] = values[3:4:4]
	}
}

// size returns the length of the body, as it is announced.
func (p *reply) size() int {
	if p.spoilt != nil {
		return p.spoilt.announced()
	}
	return len(p.body)
}

// limitOf returns what the gateway says of the rate that a caller has gone beyond: how many calls, and for how many
// milliseconds there will be no more.
func limitOf(e *call.Error) string {
	if e.RetryAfter <= 0 {
		return ""
	}
	left := (e.RetryAfter + time.Millisecond - 1) / time.Millisecond
	return "Limit:" + strconv.Itoa(max(1, e.Limit)) + ",Remain:0,TimeLeft:" + strconv.FormatInt(int64(left), 10)
}

// A refusal is the document of an error. Every value that is a string must stay one: an SDK asserts it unchecked.
type refusal struct {
	HTTPStatus int `json:"HttpStatus"`
	Code       string
	Message    string
	RequestID  string `json:"RequestId"`
	HostID     string `json:"HostId"` // the host called
	Recommend  string
	Denial     *call.Denial `json:"AccessDeniedDetail,omitempty"`
}

// maxHostID is how many bytes of the host that was called are told back.
const maxHostID = 255

// answer makes the reply of an answer or, if err is not nil, of that, and spoils it.
func answer(doc any, err error, r *request, requestID string, s call.Spoil) *reply {
	p := &reply{status: http.StatusOK, requestID: requestID, contentType: contentTypeJSON}
	if err != nil {
		e := refusalOf(err)
		p.status, p.limit = e.Status, limitOf(e)
		host := r.host
		if len(host) > maxHostID {
			host = host[:maxHostID]
		}
		doc = &refusal{e.Status, e.Code, e.Message, requestID, strings.ToValidUTF8(host, ""),
			"https://error-center.aliyun.com/status/search?Keyword=" + e.Code + "&source=PopGw", e.Denial}
	}
	p.body = encodeJSON(doc)
	if s.Kind == call.SpoilTypes {
		p.body = otherTypes(p.body)
	}
	if r.wantsXML() {
		p.contentType, p.body = contentTypeXML, jsonToXML(p.body)
	}
	p.spoil(s)
	return p
}

// refusalOf returns err as the service words it. What is not a refusal of its own is a failure of the store, or the end
// of the time that the caller gave.
func refusalOf(err error) *call.Error {
	var e *call.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return call.ErrServiceUnavailable
	}
	return call.ErrInternalFailure
}
