package boltstore

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
	"golang.org/x/crypto/argon2"
)

// KeySize is the size of a key that locks a file, in bytes.
const KeySize = keySize

// A Lock closes the root key of a file: a key, or a passphrase.
type Lock interface {
	// kind says in the file what it is closed with.
	kind() byte
	// prepare sets what a new key is derived with; create says that the file is new, too.
	prepare(p *params, create bool) error
	// derive returns the key-encryption key.
	derive(p *params) ([]byte, error)
}

// The kinds of locks.
const (
	kindKey        = 1
	kindPassphrase = 2
)

// params are what a key-encryption key is derived with, beside the key or passphrase.
type params struct {
	kind   byte
	memory uint32 // KiB, of argon2id; like the next two 0 for keys
	passes uint32
	lanes  uint8
	salt   [saltSize]byte
}

// The root key is closed as
//
//	kind (1 byte) || memory (4) || passes (4) || lanes (1) || salt (32) || nonce (12) || AES-256-GCM of the root key (48)
//
// with what is before the nonce as associated data. The key-encryption key is HKDF-SHA-256 (key, salt, "xinfeng refkms
// lock") or argon2id (passphrase, salt), each of 32 bytes. Whoever changes the lock makes a new salt, so each such key
// seals once.
const (
	paramsSize = 1 + 4 + 4 + 1 + saltSize
	nonceSize  = 12
	lockedSize = paramsSize + nonceSize + keySize + tagSize
)

// Bounds of argon2id, checked before anything is allocated. RFC 9106, Section 4 recommends 64 MiB, 3 passes and 4 lanes
// where memory is scarce: that is where calibration begins. It ends at a quarter of a second, or at maxNewMemory, so
// that a file moves to a machine with less.
const (
	minMemory    = 64 << 10 // KiB
	maxNewMemory = 512 << 10
	maxMemory    = 2 << 20
	minPasses    = 1
	newPasses    = 3
	maxPasses    = 16
	newLanes     = 4
	maxLanes     = 64
	target       = 250 * time.Millisecond
)

func (p *params) append(b []byte) []byte {
	b = append(b, p.kind)
	b = binary.BigEndian.AppendUint32(b, p.memory)
	b = binary.BigEndian.AppendUint32(b, p.passes)
	return append(append(b, p.lanes), p.salt[:]...)
}

// closeRoot returns a root key, closed.
func closeRoot(root []byte, l Lock, create bool) ([]byte, error) {
	p := params{kind: l.kind()}
	rand.Read(p.salt[:])
	if err := l.prepare(&p, create); err != nil {
		return nil, err
	}
	key, err := l.derive(&p)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	b := p.append(nil)
	nonce := make([]byte, nonceSize)
	rand.Read(nonce)
	return newGCM(key).Seal(append(b, nonce...), nonce, root, b), nil
}

// openRoot returns the root key that is closed in b.
func openRoot(b []byte, l Lock) ([]byte, error) {
	if len(b) != lockedSize {
		return nil, fmt.Errorf("%w: a root key of %d bytes, want %d", ErrDamaged, len(b), lockedSize)
	}
	p := params{kind: b[0], memory: binary.BigEndian.Uint32(b[1:]), passes: binary.BigEndian.Uint32(b[5:]), lanes: b[9]}
	copy(p.salt[:], b[10:])
	switch {
	case p.kind != kindKey && p.kind != kindPassphrase:
		return nil, fmt.Errorf("%w: a lock of kind %d", ErrDamaged, p.kind)
	case p.kind != l.kind():
		return nil, fmt.Errorf("%w: it is closed with a %s", ErrWrongKey, [...]string{kindKey: "key", kindPassphrase: "passphrase"}[p.kind])
	case p.kind == kindPassphrase && (p.memory < minMemory || p.memory > maxMemory || p.passes < minPasses || p.passes > maxPasses ||
		p.lanes < 1 || p.lanes > maxLanes):
		return nil, fmt.Errorf("%w: argon2id with %d KiB, %d passes, %d lanes", ErrDamaged, p.memory, p.passes, p.lanes)
	}
	key, err := l.derive(&p)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	root, err := newGCM(key).Open(nil, b[paramsSize:paramsSize+nonceSize], b[paramsSize+nonceSize:], b[:paramsSize])
	if err != nil {
		return nil, ErrWrongKey
	}
	return root, nil
}

// A secret is bytes that package fmt does not show.
type secret func() []byte

func newSecret(b []byte) secret {
	b = bytes.Clone(b)
	return func() []byte { return b }
}

type keyLock struct{ key secret }

// Key returns the lock of a key of KeySize random bytes, of which it keeps a copy.
func Key(key []byte) (Lock, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("boltstore: a key of %d bytes, want %d", len(key), KeySize)
	}
	return &keyLock{newSecret(key)}, nil
}

func (*keyLock) kind() byte                  { return kindKey }
func (*keyLock) prepare(*params, bool) error { return nil }

func (l *keyLock) derive(p *params) ([]byte, error) {
	return hkdf.Key(sha256.New, l.key(), p.salt[:], "xinfeng refkms lock", keySize)
}

type fileLock struct {
	path string
	wide bool
}

// KeyFile returns the lock of the key that a file consists of, KeySize bytes. The file is read when it is needed, and
// made, readable by its owner alone, when the file that it locks is. One that others may read is refused with ErrMode,
// unless wide says otherwise.
func KeyFile(path string, wide bool) Lock { return &fileLock{path, wide} }

func (*fileLock) kind() byte { return kindKey }

func (l *fileLock) prepare(_ *params, create bool) error {
	if !create {
		return nil
	}
	if _, err := os.Lstat(l.path); !errors.Is(err, fs.ErrNotExist) {
		return nil // derive says what is wrong with it, if anything is
	}
	f, err := atomicfile.Create(l.path)
	if err != nil {
		return fmt.Errorf("boltstore: key file: %w", err)
	}
	defer f.Discard()
	key := make([]byte, KeySize)
	rand.Read(key)
	defer clear(key)
	if _, err = f.Write(key); err == nil {
		err = f.Commit(atomicfile.Attributes{Mode: 0o600}, false)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("boltstore: key file: %w", err)
	}
	return nil
}

func (l *fileLock) derive(p *params) ([]byte, error) {
	info, err := os.Stat(l.path) // before it is opened: a pipe would wait for who writes to it
	if err == nil && !info.Mode().IsRegular() {
		return nil, errIrregular(l.path)
	}
	f, err := os.Open(l.path)
	if err != nil {
		return nil, fmt.Errorf("boltstore: key file: %w", err)
	}
	defer f.Close()
	if err := checkMode(f, l.wide); err != nil {
		return nil, err
	}
	key, err := io.ReadAll(io.LimitReader(f, KeySize+1))
	if err != nil {
		return nil, fmt.Errorf("boltstore: key file: %w", err)
	}
	defer clear(key)
	k, err := Key(key)
	if err != nil {
		return nil, fmt.Errorf("boltstore: key file %q: want %d bytes", l.path, KeySize)
	}
	return k.derive(p)
}

// checkMode refuses a file that is none, or that others than its owner may read or write.
func checkMode(f *os.File, wide bool) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("boltstore: %w", err)
	}
	if !info.Mode().IsRegular() {
		return errIrregular(f.Name())
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && !wide && runtime.GOOS != "windows" {
		return fmt.Errorf("%w: %q has mode %04o, want 0600", ErrMode, f.Name(), mode)
	}
	return nil
}

func errIrregular(path string) error {
	return fmt.Errorf("%w: %q is no regular file", ErrNotStore, path)
}

type passphraseLock struct{ passphrase secret }

// Passphrase returns the lock of a passphrase, of which it keeps a copy. It must not be empty.
func Passphrase(passphrase []byte) (Lock, error) {
	if len(passphrase) == 0 {
		return nil, errors.New("boltstore: an empty passphrase")
	}
	return &passphraseLock{newSecret(passphrase)}, nil
}

func (*passphraseLock) kind() byte { return kindPassphrase }

// prepare takes as much memory as fits into the time that unlocking a file may take, 64 MiB or more.
func (l *passphraseLock) prepare(p *params, _ bool) error {
	p.memory, p.passes, p.lanes = minMemory, newPasses, newLanes
	for p.memory < maxNewMemory {
		start := time.Now()
		if _, err := l.derive(p); err != nil {
			return err
		}
		if time.Since(start) > target/2 {
			break
		}
		p.memory *= 2
	}
	return nil
}

func (l *passphraseLock) derive(p *params) ([]byte, error) {
	return argon2.IDKey(l.passphrase(), p.salt[:], p.passes, p.memory, p.lanes, keySize), nil
}
