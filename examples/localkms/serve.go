package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms/control"
)

// The limits of a request. A body of the service's has 512 KiB at most, an answer 100 KB; the time to write one is longer
// than any client waits, and leaves room for faults that delay it.
const (
	headerTime = 10 * time.Second
	readTime   = 20 * time.Second // header and body
	writeTime  = 2 * time.Minute  // from the end of the header
	idleTime   = 2 * time.Minute  // of a connection between requests
)

// serve does what the settings say until ctx is done, and then finishes the requests in flight.
func serve(ctx context.Context, s *settings, stdout, stderr io.Writer) (err error) {
	log := newLog(stderr, s.log)
	var record func(refkms.Event)
	if s.audit != "" {
		file, err := openAudit(s.audit)
		if err != nil {
			return fmt.Errorf("-audit: %w", err)
		}
		defer file.Close() // to which nothing is owed: each record was written at once
		record = (&auditLog{log: log, w: file, torn: endsTorn(s.audit)}).record
	}
	server, err := newServer(s, record)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := server.Close(); closeErr != nil && err == nil {
			err = fmt.Errorf("-store: %w", closeErr)
		}
	}()
	if err := configure(server, s); err != nil {
		return err
	}
	kms, open, err := listenKMS(s, server, log)
	if err != nil {
		return err
	}
	defer kms.listener.Close()
	faces := []*face{kms}
	g := &greeting{server: server, settings: s, endpoint: kms.endpoint(s.listen), open: open}
	if s.control != "" {
		g.token = s.controlToken
		if g.token == "" {
			g.token = rand.Text()
		}
		c, err := listenControl(s, server, g.token, log)
		if err != nil {
			return err
		}
		defer c.listener.Close()
		g.control = c.endpoint(string(s.control))
		faces = append(faces, c)
	}
	if err := g.print(stdout); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx) // when one fails, the other stops as well
	for _, f := range faces {
		group.Go(func() error { return f.serve(ctx, s.grace) })
	}
	err = group.Wait()
	log.Info("stopped")
	return err
}

// newServer returns the server, in memory or in a file.
func newServer(s *settings, record func(refkms.Event)) (*refkms.Server, error) {
	opts := &refkms.Options{
		Account: s.account, AccessKeyID: s.accessKeyID, AccessKeySecret: s.accessKeySecret,
		Quotas: &refkms.Quotas{None: !s.quotas, Rates: s.quotas}, Audit: record, InsecureAllowPlainHTTP: s.allowPlainHTTP,
	}
	if len(s.regions) > 0 {
		opts.Region = s.regions[0]
	}
	server, err := refkms.New(opts)
	if err == nil {
		err = server.Apply(s.furtherRegions())
	}
	if err != nil {
		return nil, &usageError{err} // all of that comes from flags
	}
	if s.store == "" {
		return server, nil
	}
	root := refkms.RootKeyFile(s.keyFile)
	if s.passphrase != "" {
		if root, err = refkms.RootKeyPassphrase([]byte(os.Getenv(s.passphrase))); err != nil {
			return nil, misused("-passphrase-env %s: %w", s.passphrase, err)
		}
	}
	if server, err = refkms.Open(s.store, root, opts); err != nil {
		return nil, fmt.Errorf("-store %s: %w", s.store, err)
	}
	return server, nil
}

// configure makes who there is in the server, and which regions.
func configure(server *refkms.Server, s *settings) error {
	if s.config != "" {
		document, err := os.ReadFile(s.config)
		if err != nil {
			return fmt.Errorf("-config: %w", err)
		}
		c, err := refkms.ParseConfig(document)
		if err == nil {
			err = server.Apply(c)
		}
		if err != nil {
			return fmt.Errorf("-config %s: %w", s.config, err)
		}
	}
	if err := server.Apply(s.furtherRegions()); err != nil { // in place of those of the configuration
		return fmt.Errorf("-region: %w", err)
	}
	return nil
}

// furtherRegions returns the regions that the service has besides the server's own, nil if the flags do not say.
func (s *settings) furtherRegions() *refkms.Config {
	if len(s.regions) < 2 {
		return nil
	}
	return &refkms.Config{Regions: s.regions}
}

// A face is an HTTP server and where it listens.
type face struct {
	listener net.Listener
	http     *http.Server
}

// resolve returns an address to listen at, and whether other machines can reach it there.
func resolve(address string) (a *net.TCPAddr, open bool, err error) {
	a, err = net.ResolveTCPAddr("tcp", address)
	return a, err == nil && !a.IP.IsLoopback(), err // no IP is any
}

func listen(address *net.TCPAddr, handler http.Handler, log *slog.Logger) (*face, error) {
	listener, err := net.ListenTCP("tcp", address)
	if err != nil {
		return nil, err
	}
	return &face{listener, &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}, nil
}

// listenKMS returns the face of the service, and whether other machines can reach it.
func listenKMS(s *settings, server *refkms.Server, log *slog.Logger) (f *face, open bool, err error) {
	address, open, err := resolve(s.listen)
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("-listen: %w", err)
	case open && s.tlsCert == "" && !s.allowPlainHTTP:
		return nil, false, misused("-listen %s takes calls from other machines: add -tls-cert and -tls-key, or -insecure-allow-plain-http", s.listen)
	}
	var config *tls.Config
	if s.tlsCert != "" {
		certificate, err := tls.LoadX509KeyPair(s.tlsCert, s.tlsKey)
		if err != nil {
			return nil, false, fmt.Errorf("-tls-cert, -tls-key: %w", err)
		}
		config = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	f, err = listen(address, withHealth(logRequests(log, server.Handler())), log)
	if err != nil {
		return nil, false, fmt.Errorf("-listen: %w", err)
	}
	f.http.TLSConfig = config
	return f, open, nil
}

// listenControl returns the control face.
func listenControl(s *settings, server *refkms.Server, token string, log *slog.Logger) (*face, error) {
	handler, err := control.New(server, token)
	if err != nil {
		return nil, misused("-control-token: %w", err)
	}
	address, open, err := resolve(string(s.control))
	switch {
	case err != nil:
		return nil, fmt.Errorf("-control: %w", err)
	case open:
		return nil, misused("-control=%s: the control face is for this machine alone, as at %s", s.control, anyPort)
	}
	f, err := listen(address, handler, log)
	if err != nil {
		return nil, fmt.Errorf("-control: %w", err)
	}
	return f, nil
}

// withHealth answers at /healthz. Every other path, and every other method there, is the service's, which answers at /.
func withHealth(service http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" || r.Method != http.MethodGet && r.Method != http.MethodHead {
			service.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		io.WriteString(w, "ok\n")
	})
}

// endpoint returns the URL of the face by the host that was asked for, or by one that leads to it where that was any.
func (f *face) endpoint(asked string) endpoint {
	host, _, err := net.SplitHostPort(asked)
	if ip := net.ParseIP(host); err != nil || host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	_, port, err := net.SplitHostPort(f.listener.Addr().String())
	if err != nil {
		panic("localkms: internal error: " + err.Error()) // unreachable: TCP addresses have a port
	}
	e := endpoint{"http", net.JoinHostPort(host, port)}
	if f.http.TLSConfig != nil {
		e.scheme = "https"
	}
	return e
}

// serve answers requests until ctx is done, and for the time of grace those in flight.
func (f *face) serve(ctx context.Context, grace time.Duration) error {
	failed := make(chan error, 1)
	go func() {
		if f.http.TLSConfig != nil {
			failed <- f.http.ServeTLS(f.listener, "", "")
		} else {
			failed <- f.http.Serve(f.listener)
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := f.http.Shutdown(finish); errors.Is(err, context.DeadlineExceeded) {
		f.http.Close()
		return fmt.Errorf("requests that were not finished after %v were cut off", grace)
	} else if err != nil {
		return err
	}
	return nil
}
