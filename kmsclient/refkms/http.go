package refkms

import "net/http"

// Handler returns the server as the service's HTTP interface: RPC over GET and POST at the path /, signed with version
// 1, 3 or 4 by the access key of [Server.AccessKey]. SDKs and tools of any language work with it unchanged:
//
//	listener := httptest.NewServer(server.Handler())
//
// A request goes to the region that its host names (kms.cn-beijing.aliyuncs.com), under any other host to that of its
// parameter RegionId, if the service has such a region, else to the server's own. Without TLS it takes requests from this
// machine alone, see [Options].
//
// It refuses as the service does, malformed requests included. Requests are limited to 512 KiB of request line and header
// and as much of body, which has 10 seconds to come unless the http.Server has a ReadTimeout; that server needs a
// MaxHeaderBytes of no less, which is so by default. The date of a request may be 15 minutes off the machine's clock,
// whatever the server's own says, and its nonce is remembered for 30 minutes: the last 2^20 of them, in at most 90 MB,
// beyond which the oldest is forgotten. Handlers and transports of one server share that memory.
func (s *Server) Handler() http.Handler { return s.wire }

// Transport returns the same interface as the transport of an HTTP client in this process, without a socket. It is what
// the official SDK takes:
//
//	client, err := kms.NewClientWithAccessKey("cn-hangzhou", id, secret)
//	client.SetTransport(server.Transport())
//
// URLs are http or https alike; their host names the region, as for [Server.Handler]. It may be shared among clients.
func (s *Server) Transport() http.RoundTripper { return s.transport }
