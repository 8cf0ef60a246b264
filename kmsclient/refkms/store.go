package refkms

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/boltstore"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// The causes for which a file is not opened, or fails. Besides them there are those of package os.
var (
	// ErrInUse is that of a file which another process has, or another Server of this one.
	ErrInUse = boltstore.ErrInUse
	// ErrWrongKey is that of a key or passphrase that is not the file's. Nothing has changed.
	ErrWrongKey = boltstore.ErrWrongKey
	// ErrNewerStore is that of a file which a newer version of this package has written to.
	ErrNewerStore = boltstore.ErrNewer
	// ErrNotStore is that of a file of another kind.
	ErrNotStore = boltstore.ErrNotStore
	// ErrWideMode is that of a file, of a server or of a key, which others than its owner may read or write.
	ErrWideMode = boltstore.ErrMode
	// ErrDamaged is that of a record which does not authenticate or decode, and of a file that makes no sense.
	ErrDamaged = boltstore.ErrDamaged
	// ErrNotWritten is that of a change which could not be written, because a disk is full among other reasons. Nothing of
	// it is kept.
	ErrNotWritten = boltstore.ErrNotWritten
	// ErrInDoubt is that of every change after a write of which nobody can say whether it is on disk. Close the server
	// and open it again, and look.
	ErrInDoubt = boltstore.ErrInDoubt
	// ErrClosed is that of every call of a server after its Close.
	ErrClosed = state.ErrClosed
)

// StoreOptions are the settings of the file of a [Server] that [Open] opens.
type StoreOptions struct {
	// Wait is how long another process that has the file is waited for, at most. Default 0: not at all.
	Wait time.Duration
	// SyncAudit has each call be answered when its record of the trail is on disk, also those that change nothing: they
	// then take as long as a sync, which those that run at the same time share. If the record cannot be written the call
	// fails, though what it did stays. By default records follow within a second, and a crash takes those of the last
	// second; while writing fails, the last 65536 at most wait.
	SyncAudit bool
	// InsecureAllowWideMode takes a file, of the server and of its key, that others than its owner may read or write.
	// Whoever reads both has all keys. By default such files are refused with ErrWideMode, where the system has modes.
	InsecureAllowWideMode bool

	noSync bool // for tests
}

// A file is what a server in a file has besides others.
type file struct {
	*boltstore.Store
	options   StoreOptions
	advancing sync.Mutex // held by advance
}

// advance moves a clock ahead once the file has it.
func (f *file) advance(c *clock.Clock, d time.Duration) error {
	f.advancing.Lock()
	defer f.advancing.Unlock()
	ahead := c.Ahead() + d
	if ahead < d {
		return clock.ErrTooFar
	}
	if err := f.SetAhead(ahead); err != nil {
		return err
	}
	return c.Advance(d)
}

// Open returns a Server whose state lies in the file at path, or makes the file, readable by its owner alone, if there is
// none; nil options are the defaults. What was made in an earlier process is there again: keys and what they encrypted,
// secrets, users and their access keys. The root key must be the one that the file was made with, or that
// [Server.SetRootKey] has set since. The file is of one process at a time, until [Server.Close].
//
// A call that changes something is answered when the change is on disk, as far as fsync reaches; calls that run at the
// same time share a sync. If writing fails, the call fails with an error that matches [ErrNotWritten] and
// [kmsapi.ErrUnavailable], what it would have changed stays as it was, and calls that change nothing go on: until something
// falls due, a rotation or the end of a window, which comes before any call and has to be written.
//
// Options are of the process, not of the file: a default region, quotas and so on may be others the next time. An access
// key that they name is made if the account has it not; where they name none, one that the account has is used.
//
// Open fails with the errors above, and changes nothing then, with one exception: a file of an older version is made one
// of this.
func Open(path string, root RootKey, opts *Options) (*Server, error) {
	o, err := opts.settle()
	if err != nil {
		return nil, err
	}
	if root.lock == nil {
		return nil, errNoRootKey
	}
	var so StoreOptions
	if o.Store != nil {
		so = *o.Store
	}
	f, err := boltstore.Open(path, root.lock(&so), boltstore.Options{
		Wait: so.Wait, AllowWide: so.InsecureAllowWideMode, MaxEvents: o.MaxEvents, SyncAudit: so.SyncAudit, NoSync: so.noSync})
	if err != nil {
		return nil, fmt.Errorf("refkms: open: %w", err)
	}
	s, err := newServer(&o, f, f.Log())
	if err == nil {
		err = s.own(f, so)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// own makes the server one in a file: its clock goes on from where it was.
func (s *Server) own(f *boltstore.Store, opts StoreOptions) error {
	ahead, err := f.Ahead()
	if err != nil {
		return fmt.Errorf("refkms: open: %w", err)
	}
	if err := s.clock.Advance(ahead); err != nil {
		return fmt.Errorf("refkms: open: %w", err)
	}
	s.file = &file{Store: f, options: opts}
	return nil
}

var errNoRootKey = errors.New("refkms: the zero RootKey opens nothing")

// errInMemory is the error of what only a server in a file can do.
var errInMemory = fmt.Errorf("refkms: a server in memory has no file: %w", errors.ErrUnsupported)

// Close ends the server: later calls fail with [ErrClosed], and the file may be opened by others. What a call that runs
// meanwhile has changed is kept or not, whole; a call that is answered was recorded, and one that comes too late for its
// record fails with ErrClosed even if its change is kept. Have calls end before, as [net/http.Server.Shutdown] does, for
// none to fail. Close waits for a [Server.Backup] that runs. Closing a server twice, or one in memory, does nothing.
func (s *Server) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// Backup writes the server's file as it is at one moment, while calls go on. What it writes is sealed as the file is and
// opens with the same root key: store it under a name, with mode 0600, and [Open] it, or let [Restore] do so. A server
// in memory returns an error that matches errors.ErrUnsupported.
func (s *Server) Backup(w io.Writer) error {
	if s.file == nil {
		return errInMemory
	}
	return s.file.Backup(w)
}

// Restore makes the file at path, where there must be none, of what [Server.Backup] wrote, after checking all of it. The
// file appears whole or not at all; if there is one already, the error matches fs.ErrExist.
func Restore(path string, backup io.Reader, root RootKey) error {
	if root.lock == nil {
		return errNoRootKey
	}
	return boltstore.Restore(path, backup, root.lock(new(StoreOptions)))
}

// Check reads the whole file: whether each record authenticates and decodes, and whether its pages fit together. Calls
// go on meanwhile; those that change something wait during the second part. What it finds matches [ErrDamaged]. A server
// in memory has nothing to check.
func (s *Server) Check() error {
	if s.file == nil {
		return nil
	}
	return s.file.Check()
}

// SetRootKey has the server's file be opened by another root key from then on: the next Open needs it. What seals the
// records stays the same and is only sealed anew itself, so the cost does not grow with the file, and copies that were
// made before, and remains in the file, still open with the old one: after a passphrase became known, make a new server.
// A file of [RootKeyFile] is made if it is not there. A server in memory returns an error that matches
// errors.ErrUnsupported.
func (s *Server) SetRootKey(root RootKey) error {
	switch {
	case s.file == nil:
		return errInMemory
	case root.lock == nil:
		return errNoRootKey
	}
	return s.file.SetLock(root.lock(&s.file.options))
}
