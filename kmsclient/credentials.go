package kmsclient

import (
	"context"
	"errors"
	"time"

	sdkcredentials "github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/credentials-go/credentials"
	"golang.org/x/sync/singleflight"
)

// A source has the credentials that requests are signed with. They are asked for at every attempt, so those that
// credentials-go has refreshed sign the next one.
//
// credentials-go asks for a credential without a context, and its credentials are not for concurrent use (its chain keeps
// in a plain field which link has answered): so one goroutine asks at a time, whoever comes meanwhile has the same
// answer, and anybody may leave before it is there.
type source struct {
	flight singleflight.Group
	given  credentials.Credential // nil: the default chain
	chain  credentials.Credential // of the flight alone; the default chain, nil before it is asked and after it failed
}

var errNoCredentials = errors.New("no credentials")

// fetch returns what to sign with. What it returns instead, if that is an *Error, holds nothing of the reason: those of
// credentials-go quote bodies of answers and whole files of secrets.
func (s *source) fetch(ctx context.Context, op string) (*sdkcredentials.Credentials, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	done := s.flight.DoChan("", func() (any, error) { return s.get() })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-done:
		if r.Err != nil {
			return nil, newError(op, CodeNoCredentials, 0, "")
		}
		return r.Val.(*sdkcredentials.Credentials), nil
	}
}

// get asks. A chain that has failed stays with its last link for ever (v1.4.14): the next time it is made anew.
func (s *source) get() (*sdkcredentials.Credentials, error) {
	c := s.given
	if c == nil {
		if s.chain == nil {
			chain, err := credentials.NewCredential(nil)
			if err != nil {
				return nil, err
			}
			s.chain = chain
		}
		c = s.chain
	}
	m, err := c.GetCredential()
	if err != nil || m == nil {
		s.chain = nil
		return nil, errNoCredentials
	}
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	id := &sdkcredentials.Credentials{
		AccessKeyId: text(m.AccessKeyId), AccessKeySecret: text(m.AccessKeySecret), SecurityToken: text(m.SecurityToken),
		BearerToken: text(m.BearerToken), ProviderName: text(m.ProviderName),
	}
	if id.BearerToken == "" && (id.AccessKeyId == "" || id.AccessKeySecret == "") {
		s.chain = nil
		return nil, errNoCredentials
	}
	return id, nil
}

// fixed has the SDK sign one request.
type fixed struct{ id *sdkcredentials.Credentials }

func (f fixed) GetCredentials() (*sdkcredentials.Credentials, error) { return f.id, nil }
func (f fixed) GetProviderName() string                              { return f.id.ProviderName }

// live has the clients of [Client.SDK] sign every request with what is in force then.
type live struct {
	source  *source
	timeout time.Duration
}

func (l live) GetCredentials() (*sdkcredentials.Credentials, error) {
	ctx, cancel := context.WithTimeout(context.Background(), l.timeout)
	defer cancel()
	id, err := l.source.fetch(ctx, "GetCredential")
	if err != nil {
		return nil, newError("GetCredential", CodeNoCredentials, 0, "")
	}
	return id, nil
}

func (l live) GetProviderName() string { return "kmsclient" }
