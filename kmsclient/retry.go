package kmsclient

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
)

// Waits between attempts: a random time below firstWait, and below twice as much each further time, up to maxWait. "Full
// jitter" spreads callers that were refused together over the whole interval.
const (
	firstWait = 200 * time.Millisecond
	maxWait   = 5 * time.Second
)

// wait returns how long to wait after attempt n, counted from 1.
func wait(n int) time.Duration {
	longest := maxWait
	if n < 6 { // 200 ms · 2^5 is above 5 s
		longest = min(longest, firstWait<<(n-1))
	}
	return rand.N(longest)
}

// Every attempt but the first of a call takes a token out of the budget, every call that succeeds puts a tenth of one
// back. A service in distress thus gets at most a tenth more calls than it would without retries, after the first
// hundred.
const (
	maxTokens   = 1000 // in tenths
	retryTokens = 10
)

// A budget bounds the retries of a [Client]. It is safe for concurrent use.
type budget struct {
	mu     sync.Mutex
	tokens int // guarded by mu; in tenths
}

func (b *budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tokens < retryTokens {
		return false
	}
	b.tokens -= retryTokens
	return true
}

func (b *budget) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.tokens+1, maxTokens)
}

// call makes a call: attempts until one succeeds, fails for good, or there is no time or budget for another. All
// operations of the package may be repeated: KMS keeps nothing of a data key that it makes or of a text that it encrypts,
// so of an attempt whose answer was lost nothing is left. request makes the request, anew each time, for the SDK writes
// into it.
func (c *Client) call(ctx context.Context, op string, request func() requests.AcsRequest, v result) (attempts int, _ *Error) {
	stop := time.Now().Add(c.shared.maxElapsed)
	var last *Error // of the attempt before
	for n := 1; ; n++ {
		f := c.attempt(ctx, stop, op, request(), v)
		if f == nil {
			c.budget.succeeded()
			return attempts + 1, nil
		}
		if f.sent {
			attempts++
		}
		if err := ctx.Err(); err != nil {
			return attempts, ended(op, last, err)
		}
		last = f.err
		if !last.retry {
			return attempts, last
		}
		pause := max(wait(n), f.delay)
		deadline, bounded := ctx.Deadline()
		switch resume := time.Now().Add(pause); {
		case n >= c.shared.maxAttempts:
			return attempts, last
		case bounded && !resume.Before(deadline):
			last.note = "the context's deadline leaves no time for more"
			return attempts, last
		case !resume.Before(stop):
			last.note = fmt.Sprintf("%v leave no time for more", c.shared.maxElapsed)
			return attempts, last
		case !c.budget.take():
			last.note = "too many calls have failed of late for more"
			return attempts, last
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return attempts, ended(op, last, ctx.Err())
		}
	}
}

// ended returns the error of a call whose context is done: what the service said last, if it said anything.
func ended(op string, last *Error, err error) *Error {
	if last != nil {
		return last.ended(err)
	}
	if err == context.DeadlineExceeded {
		return newError(op, CodeDeadlineExceeded, 0, "")
	}
	return newError(op, CodeCanceled, 0, "")
}
