package kmsclient

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// maxRegions bounds the clients of a [Regions]. The service has some thirty regions.
const maxRegions = 64

// Regions has a [Client] for each region, made when it is first asked for. They share credentials, transport and hook;
// each has its own retry budget. It is safe for concurrent use.
//
// Which region to ask is for the caller to say, from what is configured: Decrypt names no key, so that nobody can tell
// from a request where it belongs, and what a message says of its region proves nothing.
type Regions struct {
	shared   *shared
	endpoint string
	mu       sync.Mutex
	clients  map[string]*Client // guarded by mu
}

// NewRegions returns a Regions; Region of opts must be empty. An Endpoint has "<region>" in it, unless one host serves
// all regions, as the reference KMS does: it goes by a parameter of the request.
func NewRegions(opts *Options) (*Regions, error) {
	if opts == nil {
		opts = &Options{}
	}
	if opts.Region != "" {
		return nil, errors.New("kmsclient: options: a region for all regions")
	}
	s, err := newShared(opts)
	if err != nil {
		return nil, err
	}
	if _, _, err := parseEndpoint(opts.Endpoint, "cn-hangzhou"); err != nil {
		return nil, err
	}
	return &Regions{shared: s, endpoint: opts.Endpoint, clients: map[string]*Client{}}, nil
}

// For returns the client of a region, always the same. It makes no call.
func (r *Regions) For(region string) (*Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.clients[region]; ok {
		return c, nil
	}
	c, err := r.shared.client(region, r.endpoint)
	if err != nil {
		return nil, err
	}
	if len(r.clients) >= maxRegions {
		return nil, fmt.Errorf("kmsclient: clients for %d regions already", maxRegions)
	}
	r.clients[region] = c
	return c, nil
}

// ForARN returns the client of the region in the ARN of a key or an alias that is configured:
// acs:kms:<region>:<account>:key/<id> or acs:kms:<region>:<account>:alias/<name>.
func (r *Regions) ForARN(arn string) (*Client, error) {
	parts := strings.SplitN(arn, ":", 5)
	if len(parts) != 5 || parts[0] != "acs" || parts[1] != "kms" {
		return nil, fmt.Errorf("kmsclient: %q is not the ARN of a key or an alias", cut(arn, maxMessage))
	}
	return r.For(parts[2])
}
