package kmsclient

import (
	"context"
	"log/slog"
	"time"
)

// A CallInfo is what a hook is told of a call. It holds nothing of what was encrypted or decrypted, and no encryption
// context.
type CallInfo struct {
	Op string // the operation, as the service names it
	// KeyID is the key id or alias of the request, that of the destination for ReEncrypt; for Decrypt, which names no key,
	// that of the key that answered, "" if it failed. At most 512 bytes.
	KeyID      string
	Region     string
	Start      time.Time
	Duration   time.Duration // of all attempts and the waits between them
	Attempts   int           // requests that were sent
	Code       string        // as in Error; "" if the call succeeded
	StatusCode int           // as in Error; 0 if the call succeeded
	RequestID  string        // of the last answer, "" if there was none
}

// LogHook returns a hook for [Options] that logs every call: at slog.LevelDebug if it succeeded, else at slog.LevelWarn.
func LogHook(l *slog.Logger) func(context.Context, CallInfo) {
	return func(ctx context.Context, i CallInfo) {
		level := slog.LevelDebug
		if i.Code != "" {
			level = slog.LevelWarn
		}
		if !l.Enabled(ctx, level) {
			return
		}
		attrs := []slog.Attr{
			slog.String("op", i.Op), slog.String("key", i.KeyID), slog.String("region", i.Region),
			slog.Int("attempts", i.Attempts), slog.Duration("duration", i.Duration), slog.String("request", i.RequestID),
		}
		if i.Code != "" {
			attrs = append(attrs, slog.String("code", i.Code), slog.Int("status", i.StatusCode))
		}
		l.LogAttrs(ctx, level, "kms call", attrs...)
	}
}
