package main

import (
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"time"
)

// newLog returns the log of a format that check has accepted.
func newLog(w io.Writer, format string) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

const (
	maxRefusal = 512 // bytes of a refusal that are searched for its code, which is at their beginning
	maxAction  = 64  // bytes of an operation's name that are logged
)

// logRequests logs each request once it is answered: what was called, how it ended, and how long it took. Neither URL
// nor body is logged, for they hold plaintexts and signatures; of the answer there is the code of a refusal, and the
// request id, by which a record of the audit is found.
func logRequests(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		answer := &watched{ResponseWriter: w}
		defer func() { // though the connection be torn down on purpose, which is a panic
			attrs := []slog.Attr{
				slog.String("operation", operation(r)), slog.Int("status", answer.status),
				slog.Duration("took", time.Since(start).Round(time.Microsecond)),
				slog.String("requestId", w.Header().Get("X-Acs-Request-Id")), slog.String("peer", r.RemoteAddr),
			}
			level := slog.LevelInfo
			if answer.status >= http.StatusBadRequest {
				level = slog.LevelWarn
				if m := codeOf.FindSubmatch(answer.refusal); m != nil {
					attrs = append(attrs, slog.String("code", string(m[1])))
				}
			}
			log.LogAttrs(r.Context(), level, "request", attrs...)
		}()
		next.ServeHTTP(answer, r)
	})
}

// operation returns the name of the operation that is asked for, "" if it stands in the body.
func operation(r *http.Request) string {
	name := r.Header.Get("X-Acs-Action")
	if name == "" {
		name = r.URL.Query().Get("Action")
	}
	return name[:min(len(name), maxAction)]
}

// codeOf finds the code in a refusal, which is JSON or XML.
var codeOf = regexp.MustCompile(`(?:"Code":"|<Code>)([A-Za-z0-9._]+)["<]`)

// watched is a ResponseWriter that keeps status and the beginning of a refusal.
type watched struct {
	http.ResponseWriter
	status  int
	refusal []byte
}

// Unwrap returns the writer within, for http.ResponseController.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader keeps the status.
func (w *watched) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write keeps the beginning of a refusal.
func (w *watched) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.status >= http.StatusBadRequest && len(w.refusal) < maxRefusal {
		w.refusal = append(w.refusal, p[:min(len(p), maxRefusal-len(w.refusal))]...)
	}
	return w.ResponseWriter.Write(p)
}
