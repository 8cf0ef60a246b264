package kmsclient

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"
	"github.com/aliyun/credentials-go/credentials"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// Defaults of [Options].
const (
	DefaultTimeout     = 10 * time.Second
	DefaultMaxElapsed  = 30 * time.Second
	DefaultMaxAttempts = 5
)

const (
	maxMaxAttempts = 20
	maxTime        = 24 * time.Hour
	maxUserAgent   = 128 // bytes
)

// Options are the settings of a [Client]. The struct is copied; later changes have no effect.
type Options struct {
	// Region is where the keys are, as in cn-hangzhou: 1 to 32 lower-case letters, digits and hyphens. Required by New.
	Region string
	// Endpoint is the host that is called, host:port, or an https URL of nothing but these. "<region>" in it stands for
	// the region. Default PublicEndpoint; VPCEndpoint is that inside a VPC. A URL with http is taken for loopback alone:
	// 127.0.0.0/8, ::1 or localhost.
	Endpoint string
	// Credential is whose requests they are: any of credentials-go, whose GetCredential is called at every attempt,
	// never by two goroutines at a time. It must not be in use elsewhere, which credentials-go does not allow, and it
	// fetches what it needs over transports of its own. Default its default chain: environment
	// (ALIBABA_CLOUD_ACCESS_KEY_ID, _SECRET, _SECURITY_TOKEN), OIDC (RRSA), the profiles of the CLI and of the SDKs, RAM
	// role of the ECS instance, credentials URI.
	Credential credentials.Credential
	// Transport sends the requests; roots of trust, proxy and timeouts of connections are its own. It must return when a
	// request's context is done. It is shared by concurrent calls and never modified. Default NewTransport().
	Transport http.RoundTripper
	// UserAgent is added to what the User-Agent says of the SDK and of this library: name/version, printable ASCII of at
	// most 128 bytes. Default nothing.
	UserAgent string
	// Timeout is the longest that one attempt may take, credentials included: up to a day. Default 10 s.
	Timeout time.Duration
	// MaxElapsed is the longest that all attempts of a call may take together: up to a day. Default 30 s. The deadline of
	// a call's context counts before both.
	MaxElapsed time.Duration
	// MaxAttempts is how often a call is sent at most: 1 to 20, where 1 is never again. Default 5.
	MaxAttempts int
	// Hook is told of every call, after its end, on the goroutine of the caller and with the call's context. Default
	// none. It must be safe for concurrent use. See LogHook, and the module kmsotel for OpenTelemetry.
	Hook func(context.Context, CallInfo)
}

// A Client calls KMS in one region. It is a [kmsapi.API], and safe for concurrent use. Its zero value is not usable.
type Client struct {
	region string
	scheme string // https, or http on loopback
	host   string // and port
	shared *shared
	budget budget
}

// shared is what the clients of all regions have in common.
type shared struct {
	source      *source
	base        http.RoundTripper
	agent       string
	timeout     time.Duration
	maxElapsed  time.Duration
	maxAttempts int
	hook        func(context.Context, CallInfo)
}

var _ kmsapi.API = (*Client)(nil)

// New returns a Client for the region of opts. It makes no call, and starts no goroutine; a Client needs no Close.
func New(opts *Options) (*Client, error) {
	if opts == nil {
		opts = &Options{}
	}
	s, err := newShared(opts)
	if err != nil {
		return nil, err
	}
	return s.client(opts.Region, opts.Endpoint)
}

func newShared(o *Options) (*shared, error) {
	for _, d := range []time.Duration{o.Timeout, o.MaxElapsed} {
		if d < 0 || d > maxTime {
			return nil, fmt.Errorf("kmsclient: options: a time of %v, want 0 to %v", d, maxTime)
		}
	}
	if o.MaxAttempts < 0 || o.MaxAttempts > maxMaxAttempts {
		return nil, fmt.Errorf("kmsclient: options: %d attempts, want 1 to %d", o.MaxAttempts, maxMaxAttempts)
	}
	if len(o.UserAgent) > maxUserAgent || strings.ContainsFunc(o.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, fmt.Errorf("kmsclient: options: user agent is not printable ASCII of at most %d bytes", maxUserAgent)
	}
	s := &shared{
		source:      &source{given: o.Credential},
		base:        o.Transport,
		agent:       strings.TrimSpace(agent() + " " + o.UserAgent),
		timeout:     o.Timeout,
		maxElapsed:  o.MaxElapsed,
		maxAttempts: o.MaxAttempts,
		hook:        o.Hook,
	}
	if s.base == nil {
		s.base = NewTransport()
	}
	if s.timeout == 0 {
		s.timeout = DefaultTimeout
	}
	if s.maxElapsed == 0 {
		s.maxElapsed = DefaultMaxElapsed
	}
	if s.maxAttempts == 0 {
		s.maxAttempts = DefaultMaxAttempts
	}
	return s, nil
}

func (s *shared) client(region, endpoint string) (*Client, error) {
	if err := checkRegion(region); err != nil {
		return nil, err
	}
	scheme, host, err := parseEndpoint(endpoint, region)
	if err != nil {
		return nil, err
	}
	return &Client{region: region, scheme: scheme, host: host, shared: s, budget: budget{tokens: maxTokens}}, nil
}

// Region returns the region that the client calls.
func (c *Client) Region() string { return c.region }

// SDK returns a new client of the official SDK with the same region, endpoint, credentials and transport, for the
// operations that this package has no method for. A client of the SDK is not for concurrent use: make one for each
// goroutine. Its requests know no context and are sent once; SetReadTimeout and AutoRetry of the SDK work.
//
// Plain http outside loopback, answers of more than 1 MiB and redirects are refused for it too. Its errors of type
// *errors.ServerError hold what an [Error] may hold and no more; where there was no answer they have the status 503 and
// a code of this package. Its JSON decoder, if it finds other types than it expects, quotes the answer in its error.
// Answers are to be in JSON, the SDK's default.
func (c *Client) SDK() (*kms.Client, error) {
	return c.sdk(&sdkTransport{c.shared.base, c.shared.agent}, live{c.shared.source, c.shared.timeout}, c.shared.timeout)
}

// sdk returns a client of the SDK. It costs 9 µs. One for all calls cannot be had: it writes its own fields at every one.
func (c *Client) sdk(rt http.RoundTripper, credential any, timeout time.Duration) (*kms.Client, error) {
	cfg := sdk.NewConfig()
	cfg.Scheme = c.scheme // its default is http
	cfg.Transport = rt    // not an *http.Transport, whose fields it would write
	cfg.Timeout = timeout
	// The constructors of package kms write a package variable.
	k := new(kms.Client)
	if err := k.InitWithOptions(c.region, cfg, credential); err != nil {
		return nil, fmt.Errorf("kmsclient: %w", err) // unreachable: region and credential are checked
	}
	k.Domain = c.host
	k.SetCloseTrace(true) // the name of a span would be the URL
	// Proxies are the transport's business. Of the environment's the SDK makes none here, but every call fails if it
	// cannot read one.
	k.SetHttpProxy("-")
	k.SetHttpsProxy("-")
	k.SetNoProxy("-")
	return k, nil
}

// agent returns name and version of this library for the User-Agent.
func agent() string {
	const path = "github.com/xinfeng-kms/xinfeng"
	version := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Path == path {
			version = info.Main.Version
		}
		for _, m := range info.Deps {
			if m.Path == path {
				version = m.Version
			}
		}
	}
	if version == "" || version == "(devel)" {
		version = "devel"
	}
	return "xinfeng/" + version
}
