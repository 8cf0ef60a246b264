package format

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The names of the providers that this specification gives (SPEC.md, Section 3.3). A name without a dot is for it to
// give; anybody else's contains one.
const (
	ProviderKMS        = "kms"        // a CMK of Alibaba Cloud KMS
	ProviderRaw        = "raw"        // a local 32-byte key
	ProviderPassphrase = "passphrase" // argon2id
	ProviderHPKE       = "hpke"       // public keys
	ProviderBranch     = "branch"     // per-tenant keys, themselves wrapped
)

const (
	// LocalWrapSize is the length in bytes of a ciphertext of the providers raw and branch: salt, commitment, and the
	// sealed data key.
	LocalWrapSize = 32 + 32 + 32 + 16
	// PassphraseWrapSize is that of the provider passphrase, which has the costs and salt of argon2id before it.
	PassphraseWrapSize = 4 + 1 + 1 + 16 + LocalWrapSize
)

// A WrappedKey is a data key encrypted under a key of a provider.
type WrappedKey struct {
	Provider   string // 1..32 bytes of a-z, 0-9, dot and hyphen
	KeyID      string // 1..512 bytes of printable ASCII
	Ciphertext []byte // 1..4096 bytes; 112 for raw and branch, 134 for passphrase
}

// A Record holds the wrapped keys of one data key, 1 to 16, strictly ascending by (Provider, KeyID) compared as bytes
// (SPEC.md, Section 3.3). At most one entry is of the provider passphrase.
type Record []WrappedKey

// MergeRecords returns a new record with the entries of all the records given, sorted. Of two entries with the same
// provider and key id the one of the later record stays. Records may be unsorted, their ciphertexts are shared, and
// nothing else is checked: Marshal does that.
func MergeRecords(records ...Record) Record {
	all := slices.Concat(records...)
	slices.Reverse(all) // so that the stable sort puts the latest of equal entries first
	slices.SortStableFunc(all, compareKeys)
	return slices.CompactFunc(all, func(a, b WrappedKey) bool { return compareKeys(a, b) == 0 })
}

// Clone returns a copy of r that shares no ciphertext with it.
func (r Record) Clone() Record {
	c := slices.Clone(r)
	for i := range c {
		c[i].Ciphertext = bytes.Clone(c[i].Ciphertext)
	}
	return c
}

// Equal reports whether both records have the same entries in the same order. It does so at once if they share their memory.
func (r Record) Equal(o Record) bool {
	if len(r) != len(o) {
		return false
	}
	if len(r) == 0 || &r[0] == &o[0] {
		return true
	}
	for i := range r {
		a, b := &r[i], &o[i]
		if a.Provider != b.Provider || a.KeyID != b.KeyID || !bytes.Equal(a.Ciphertext, b.Ciphertext) {
			return false
		}
	}
	return true
}

func compareKeys(a, b WrappedKey) int {
	return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.KeyID, b.KeyID))
}

// Size returns the length of the record's encoding in bytes.
func (r Record) Size() int {
	n := 1
	for _, w := range r {
		n += 1 + len(w.Provider) + 2 + len(w.KeyID) + 2 + len(w.Ciphertext)
	}
	return n
}

// Marshal appends the encoding of r to dst. It returns an error matching [ErrInvalid], and no slice, if r is not as
// the comments on [Record] and [WrappedKey] say, or longer than [MaxRecordSize]. It neither keeps nor modifies r.
func (r Record) Marshal(dst []byte) ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	dst = append(slices.Grow(dst, r.Size()), byte(len(r)))
	for _, w := range r {
		dst = append(append(dst, byte(len(w.Provider))), w.Provider...)
		dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(w.KeyID))), w.KeyID...)
		dst = append(binary.BigEndian.AppendUint16(dst, uint16(len(w.Ciphertext))), w.Ciphertext...)
	}
	return dst, nil
}

// Check returns an error matching [ErrInvalid] if r is not as the comments on [Record] and [WrappedKey] say, or longer
// than [MaxRecordSize]; nil if Marshal would take it.
func (r Record) Check() error {
	if len(r) == 0 || len(r) > MaxWrappedKeys {
		return invalid("record", "%d wrapped keys, want 1 to %d", len(r), MaxWrappedKeys)
	}
	for i := range r {
		cause := r[i].check()
		if cause == nil && i > 0 {
			cause = checkOrder(&r[i-1], &r[i])
		}
		if cause != nil {
			return invalid("record", "wrapped key %d: %v", i, cause)
		}
	}
	if n := r.Size(); n > MaxRecordSize {
		return invalid("record", "%d bytes, limit %d", n, MaxRecordSize)
	}
	return nil
}

func (w *WrappedKey) check() error {
	return cmp.Or(checkProvider([]byte(w.Provider)), checkKeyID([]byte(w.KeyID)), checkCiphertext(w.Provider, len(w.Ciphertext)))
}

var (
	errProvider    = errors.New("provider has a byte outside of a-z, 0-9, dot and hyphen")
	errKeyID       = errors.New("key id has a byte that is not printable ASCII")
	errEntryOrder  = errors.New("provider and key id are not above those of the one before")
	errPassphrases = errors.New("second entry of the provider " + ProviderPassphrase)
	errEntryCut    = errors.New("a length runs past the end of the record")
)

func checkLength(what string, n, limit int) error {
	if n == 0 || n > limit {
		return fmt.Errorf("%s of %d bytes, want 1 to %d", what, n, limit)
	}
	return nil
}

// checkProvider keeps text out that could deceive whoever reads a log.
func checkProvider(b []byte) error {
	if err := checkLength("provider", len(b), MaxProviderSize); err != nil {
		return err
	}
	for _, c := range b {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return errProvider
		}
	}
	return nil
}

func checkKeyID(b []byte) error {
	if err := checkLength("key id", len(b), MaxKeyIDSize); err != nil {
		return err
	}
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return errKeyID
		}
	}
	return nil
}

// checkCiphertext also holds local wraps to their one length: a sealed key of free length is what makes a ciphertext
// that opens under many passphrases.
func checkCiphertext(provider string, n int) error {
	want := 0
	switch provider {
	case ProviderRaw, ProviderBranch:
		want = LocalWrapSize
	case ProviderPassphrase:
		want = PassphraseWrapSize
	default:
		return checkLength("ciphertext", n, MaxCiphertextSize)
	}
	if n != want {
		return fmt.Errorf("ciphertext of %d bytes, the provider's have %d", n, want)
	}
	return nil
}

func checkOrder(last, next *WrappedKey) error {
	if compareKeys(*last, *next) >= 0 {
		return errEntryOrder
	}
	// Entries of one provider stand side by side, so the neighbour is the only one to compare with.
	if next.Provider == ProviderPassphrase && last.Provider == ProviderPassphrase {
		return errPassphrases
	}
	return nil
}

// ParseRecord parses b, all of it, as a record. The result shares no memory with b. Anything that Marshal would not
// have made is refused with a [*ParseError] that has Field "record" and the offset in b.
func ParseRecord(b []byte) (Record, error) {
	return parseRecord(nil, b, 0)
}

// parseRecord parses a record that lies at base in a larger structure. It reuses the entries of r: one that comes again
// costs no allocation. After an error r is spoilt.
func parseRecord(r Record, b []byte, base int) (Record, error) {
	if len(b) > MaxRecordSize {
		return nil, parseError("record", base, fmt.Errorf("%d bytes, limit %d", len(b), MaxRecordSize))
	}
	if len(b) == 0 {
		return nil, parseError("record", base, errors.New("empty"))
	}
	count := int(b[0])
	if count == 0 || count > MaxWrappedKeys {
		return nil, parseError("record", base, fmt.Errorf("%d wrapped keys, want 1 to %d", count, MaxWrappedKeys))
	}
	// Of what r held beyond its length nothing is known, so only the entries in sight are reused.
	if count <= len(r) {
		clear(r[count:])
		r = r[:count]
	} else {
		r = append(r, make(Record, count-len(r))...)
	}
	off := 1
	for i := range r {
		next, err := r[i].parse(b, off)
		if err == nil && i > 0 {
			err = checkOrder(&r[i-1], &r[i])
		}
		if err != nil {
			return nil, parseError("record", base+off, fmt.Errorf("wrapped key %d: %w", i, err))
		}
		off = next
	}
	if off != len(b) {
		return nil, parseError("record", base+off, fmt.Errorf("%d bytes after the last wrapped key", len(b)-off))
	}
	return r, nil
}

// parse sets w to the entry at off and returns where the next one begins. Strings and bytes that are the same already
// stay, so that the entry of a known key costs no allocation.
func (w *WrappedKey) parse(b []byte, off int) (next int, err error) {
	if len(b)-off < 1 || len(b)-off-1 < int(b[off]) {
		return 0, errEntryCut
	}
	provider := b[off+1 : off+1+int(b[off])]
	off += 1 + len(provider)
	keyID, off, ok := cutField(b, off)
	if !ok {
		return 0, errEntryCut
	}
	ciphertext, off, ok := cutField(b, off)
	if !ok {
		return 0, errEntryCut
	}
	if err := cmp.Or(checkProvider(provider), checkKeyID(keyID)); err != nil {
		return 0, err
	}
	if w.Provider != string(provider) {
		w.Provider = internProvider(provider)
	}
	if err := checkCiphertext(w.Provider, len(ciphertext)); err != nil {
		return 0, err
	}
	if w.KeyID != string(keyID) {
		w.KeyID = string(keyID)
	}
	if !bytes.Equal(w.Ciphertext, ciphertext) {
		w.Ciphertext = bytes.Clone(ciphertext)
	}
	return off, nil
}

// internProvider returns a string for b, without allocating one for the names that nearly every record has.
func internProvider(b []byte) string {
	for _, p := range [...]string{ProviderKMS, ProviderRaw, ProviderPassphrase, ProviderHPKE, ProviderBranch} {
		if string(b) == p {
			return p
		}
	}
	return string(b)
}
