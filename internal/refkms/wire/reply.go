package wire

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// A reply is the answer to a request.
type reply struct {
	status      int
	contentType string
	requestID   string
	body        []byte
}

// header sets the header fields of the reply.
func (p *reply) header(h http.Header) {
	values := [...]string{p.contentType, strconv.Itoa(len(p.body)), p.requestID}
	h["Content-Type"] = values[0:1:1]
	h["Content-Length"] = values[1:2:2]
	h["X-Acs-Request-Id"] = values[2:3:3]
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

// answer makes the reply of an answer or, if err is not nil, of that.
func answer(doc any, err error, r *request, requestID string) *reply {
	status := http.StatusOK
	if err != nil {
		e := refusalOf(err)
		status = e.Status
		host := r.host
		if len(host) > maxHostID {
			host = host[:maxHostID]
		}
		doc = &refusal{e.Status, e.Code, e.Message, requestID, strings.ToValidUTF8(host, ""),
			"https://error-center.aliyun.com/status/search?Keyword=" + e.Code + "&source=PopGw", e.Denial}
	}
	p := &reply{status: status, requestID: requestID, contentType: contentTypeJSON, body: encodeJSON(doc)}
	if r.wantsXML() {
		p.contentType, p.body = contentTypeXML, jsonToXML(p.body)
	}
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
