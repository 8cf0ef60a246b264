package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// An auditLog has a record of each call, one line of JSON each. It is safe for concurrent use.
type auditLog struct {
	log *slog.Logger // of what goes wrong

	mu   sync.Mutex // guards what follows
	w    io.Writer
	torn bool // the last line is not whole
}

// record appends a record. It is called by the server and cannot refuse the call.
func (a *auditLog) record(e refkms.Event) {
	line, err := json.Marshal(e)
	if err != nil {
		a.log.Error("audit record lost", "eventId", e.EventID, "error", err)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	line = append(line, '\n')
	if a.torn {
		line = append([]byte{'\n'}, line...) // what is left of the last one keeps a line for itself
	}
	n, err := a.w.Write(line) // in one call, so that no line of another process comes between
	if n > 0 {
		a.torn = n < len(line)
	}
	if err != nil {
		a.log.Error("audit record lost", "eventId", e.EventID, "error", err)
	}
}

// openAudit opens a file to append records to, and makes it if there is none. Nobody but its owner may read it.
func openAudit(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	// The mode of what is no regular file, a pipe or a terminal, does not say who reads. Windows has no modes.
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		err = fmt.Errorf("%s: mode %v, want one for its owner alone, as chmod 600 makes it", path, info.Mode().Perm())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// endsTorn reports whether a file ends within a line, as a full disk or a crash may have left it.
func endsTorn(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false // it may be written to and not read
	}
	defer f.Close()
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}
