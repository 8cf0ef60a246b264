package envelope

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
)

// ErrChanged: what is to be replaced is no more what it was when it was read. Somebody else has changed it; nothing was
// overwritten. Starting again is safe.
var ErrChanged = errors.New("changed meanwhile")

// A KeyStore keeps key files by reference (SPEC.md, Section 3): the wrapped keys of messages that carry only the
// reference, so that rewrapping replaces a few hundred bytes whatever the size of the data. [KeyDir] keeps them in a
// folder, the KeyTable of package column in a table of a database. Key files need no secrecy, but without them their messages
// are lost.
//
// Methods may be called concurrently, and neither keep nor modify the slices given to them. What Get returns belongs to
// the caller.
type KeyStore interface {
	// Get returns the key file of a reference, or an error that matches fs.ErrNotExist.
	Get(ctx context.Context, ref format.Reference) ([]byte, error)
	// Put stores a new key file, and returns when it is durable: the first byte of a message that names it is written
	// after that. A reference that exists already is an error that matches fs.ErrExist.
	Put(ctx context.Context, ref format.Reference, keyFile []byte) error
	// Swap replaces old by new, at once or not at all, and durably. If the key file is not old byte for byte, the error
	// matches [ErrChanged].
	Swap(ctx context.Context, ref format.Reference, old, new []byte) error
}

// A KeyDir is a [KeyStore] in a folder, which must exist: one file for each reference, 32 hexadecimal digits and ".xfk",
// readable by its owner only; Swap keeps permission bits that somebody has changed, and owner and group as far as the process
// may give files away. Several processes may share it; Swap needs the file locks of a Unix system, elsewhere its
// error matches errors.ErrUnsupported.
type KeyDir string

var _ KeyStore = KeyDir("")

func (d KeyDir) path(ref format.Reference) string {
	return filepath.Join(string(d), ref.String()+".xfk")
}

// Get reads a key file. One that is longer than any key file is format.ErrSize.
func (d KeyDir) Get(ctx context.Context, ref format.Reference) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("envelope: key file %v: %w", ref, err)
	}
	f, info, err := openRegular(d.path(ref))
	if err != nil {
		return nil, fmt.Errorf("envelope: key file: %w", err)
	}
	defer f.Close()
	if info.Size() > format.MaxKeyFileSize {
		return nil, fmt.Errorf("envelope: key file %v: %d bytes, limit %d: %w", ref, info.Size(), format.MaxKeyFileSize, format.ErrSize)
	}
	b, err := io.ReadAll(io.LimitReader(f, format.MaxKeyFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("envelope: key file: %w", err)
	}
	return b, nil
}

// Put writes a new key file.
func (d KeyDir) Put(ctx context.Context, ref format.Reference, keyFile []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("envelope: key file %v: %w", ref, err)
	}
	return d.write(ref, keyFile, nil)
}

// write writes a key file in place of old, with its permission bits, owner and group, or a new one if that is nil.
func (d KeyDir) write(ref format.Reference, keyFile []byte, old fs.FileInfo) error {
	f, err := atomicfile.Create(d.path(ref))
	if err != nil {
		return fmt.Errorf("envelope: key file: %w", err)
	}
	defer f.Discard()
	if _, err := f.Write(keyFile); err != nil {
		return fmt.Errorf("envelope: key file: %w", err)
	}
	a := atomicfile.Attributes{Mode: 0o600}
	if old != nil {
		a = atomicfile.Attributes{Mode: old.Mode(), Owner: old}
	}
	if err := f.Commit(a, old != nil); err != nil {
		return fmt.Errorf("envelope: key file: %w", err)
	}
	return nil
}

// Swap replaces a key file by renaming a new one over it, under a lock of the old.
func (d KeyDir) Swap(ctx context.Context, ref format.Reference, old, new []byte) error {
	f, info, err := openRegular(d.path(ref))
	if err != nil {
		return fmt.Errorf("envelope: key file: %w", err)
	}
	defer f.Close()
	unlock, err := atomicfile.Lock(ctx, f)
	if err != nil {
		return fmt.Errorf("envelope: key file: %w", err)
	}
	defer unlock()
	// Whoever held the lock before may have renamed a new file over this one: the bytes under the name count.
	now, err := d.Get(ctx, ref)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, old) || !isFile(d.path(ref), f) {
		return fmt.Errorf("envelope: key file %v: %w", ref, ErrChanged)
	}
	return d.write(ref, new, info)
}

// noKeyStore is the KeyStore of a client that has none.
type noKeyStore struct{}

var errNoKeyStore = fmt.Errorf("the client has no key store: %w", fs.ErrNotExist)

func (noKeyStore) Get(_ context.Context, ref format.Reference) ([]byte, error) {
	return nil, fmt.Errorf("envelope: key file %v: %w", ref, errNoKeyStore)
}
func (noKeyStore) Put(context.Context, format.Reference, []byte) error {
	return errNoKeyStore // unreachable: New and rewrapping refuse to write detached keys without a store
}
func (noKeyStore) Swap(_ context.Context, ref format.Reference, _, _ []byte) error {
	return fmt.Errorf("envelope: key file %v: %w", ref, errNoKeyStore)
}
