package kmsclient

import (
	"context"
	"fmt"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
)

// A failure is why an attempt failed.
type failure struct {
	err   *Error
	sent  bool          // a request was
	delay time.Duration // that the service asks for before
}

// attempt makes one. It stays on the caller's goroutine: the transport ends the request when ctx is done.
func (c *Client) attempt(ctx context.Context, stop time.Time, op string, request requests.AcsRequest, v result) *failure {
	ctx, cancel := context.WithTimeout(ctx, min(c.shared.timeout, time.Until(stop)))
	defer cancel()
	id, err := c.shared.source.fetch(ctx, op)
	if err != nil {
		e := newError(op, CodeNoCredentials, 0, "")
		if ctx.Err() != nil {
			e.Message = "none in the time of one attempt"
		}
		return &failure{err: e}
	}
	x := &exchange{ctx: ctx, base: c.shared.base, agent: c.shared.agent}
	// The SDK's own timeout, which it always sets, is to be the longer one.
	k, err := c.sdk(x, fixed{id}, 2*c.shared.timeout)
	if err == nil {
		err = k.DoAction(request, responses.NewCommonResponse())
	}
	switch {
	case x.err != nil:
		e := newError(op, x.err.code, 0, x.err.text)
		e.retry = x.err.retry
		return &failure{err: e, sent: x.err.code != CodeInvalidRequest}
	case x.answer == nil:
		// Of an SDK that did not get to the request; it may quote it.
		return &failure{err: newError(op, CodeInvalidRequest, 0, fmt.Sprintf("the SDK made no request: %T", err))}
	case x.answer.status < 300:
		if e := x.answer.decode(op, v); e != nil {
			return &failure{err: e, sent: true}
		}
		return nil
	}
	e := refusal(op, x.answer, x.sent.URL.Query())
	return &failure{err: e, sent: true, delay: x.answer.delay()}
}
