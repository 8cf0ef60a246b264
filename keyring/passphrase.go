package keyring

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// MaxPassphraseSize is the longest passphrase in bytes. It is far more than anybody types, and keeps a file that was given
// by mistake from being taken for one.
const MaxPassphraseSize = 1024

// Passphrase is the [KeyProvider] of a passphrase, for people without a key service. It calls nobody. Whoever knows the
// passphrase can read and write, and whoever has a message can try passphrases on it, without being seen: a message under
// a passphrase is as safe as the passphrase is hard to guess. Argon2id (RFC 9106) makes a guess expensive and no bad
// passphrase good; five words drawn by lot are.
//
// A wrapped key is 134 bytes: cost and salt of Argon2id, and the data key wrapped under what Argon2id makes of these and
// the passphrase, as [RawAES] wraps it (SPEC.md, Section 4.3). A message has at most one such entry.
//
// A provider draws one salt for all that it writes, so it spends the cost once, at the first message, and once for each
// salt that it reads; it keeps 64. Messages that share a salt are no easier to guess for: who has guessed one passphrase
// of one message has that of all, salt or not.
//
// Whoever can write the bytes can name any cost. What a reader spends is bounded by the ceilings of [PassphraseOptions],
// looked at before anything is allocated, and by one message's worth of memory for all derivations at once: the others
// wait. A made-up message still costs its reader one derivation, with the default ceilings up to 1 GiB and some seconds;
// a server lowers them to what its own messages have.
//
// It is safe for concurrent use. Package fmt shows nothing of the passphrase. The zero value is not usable.
type Passphrase struct {
	names     localWrap
	most      cost
	writes    stretch
	stretcher func() *stretcher // a func, because fmt prints no more than its address
}

var (
	_ KeyProvider = (*Passphrase)(nil)
	_ Wrapper     = (*Passphrase)(nil)
)

// PassphraseOptions are the options of [NewPassphrase]. Nil means all defaults, as does every zero field.
type PassphraseOptions struct {
	// MemoryKiB, Passes and Lanes are the cost of new wrapped keys: memory in KiB, how often it is gone over, and how many
	// cores share the work. Default 65536 (64 MiB), 3 and 4, the second choice of RFC 9106, Section 4, or the ceiling if
	// that is less; about 0.1 s. At least 8192 KiB, and MemoryKiB * Passes at least 36864, below which guessing is too
	// cheap; at most the ceilings. Others are [ErrCost].
	MemoryKiB, Passes, Lanes int

	// MaxMemoryKiB, MaxPasses and MaxLanes are the ceilings for reading: a message that asks for more is refused with
	// [ErrCost], and all derivations at once take at most MaxMemoryKiB, until the runtime has collected their memory
	// about twice that. Default 1048576 (1 GiB), 8 and 8; at most 4194304 (4 GiB), 255 and 255. Others are [ErrCost].
	MaxMemoryKiB, MaxPasses, MaxLanes int
}

// The least cost of new wrapped keys: what the least memory and the least work among the settings that OWASP's Password
// Storage Cheat Sheet has for Argon2id come to. They are variables so that tests of this package need not pay it.
var leastMemoryKiB, leastWork = 8 << 10, 36 << 10

const maxArgonMemoryKiB = 4 << 20

// NewPassphrase returns the provider of a passphrase. keyID names the passphrase in messages, 1 to 512 characters of
// printable ASCII; it is shown to whoever sees a message, and another one is format.ErrInvalid. passphrase is 1 to
// [MaxPassphraseSize] bytes of UTF-8, taken as they are: it is not trimmed, and composed and decomposed letters differ;
// another one is [ErrPassphrase]. It is copied, and the caller clears his own. opts may be nil. It derives nothing yet.
func NewPassphrase(keyID string, passphrase []byte, opts *PassphraseOptions) (*Passphrase, error) {
	names, err := newLocalWrap(format.ProviderPassphrase, keyID, format.PassphraseWrapSize)
	if err != nil {
		return nil, err
	}
	if n := len(passphrase); n == 0 || n > MaxPassphraseSize || !utf8.Valid(passphrase) {
		return nil, fmt.Errorf("keyring: passphrase of %d bytes, want 1 to %d of UTF-8: %w", n, MaxPassphraseSize, ErrPassphrase)
	}
	if opts == nil {
		opts = &PassphraseOptions{}
	}
	p := &Passphrase{names: names}
	if p.most, err = newCost(opts.MaxMemoryKiB, opts.MaxPasses, opts.MaxLanes, cost{1 << 20, 8, 8}); err == nil {
		err = p.most.check(p.most)
	}
	if err != nil {
		return nil, fmt.Errorf("keyring: passphrase: ceilings: %w", err)
	}
	def := cost{min(64<<10, p.most.memoryKiB), min(3, p.most.passes), min(4, p.most.lanes)}
	if p.writes.cost, err = newCost(opts.MemoryKiB, opts.Passes, opts.Lanes, def); err == nil {
		err = p.writes.cost.check(p.most)
	}
	if c := p.writes.cost; err == nil && (int(c.memoryKiB) < leastMemoryKiB || int64(c.memoryKiB)*int64(c.passes) < int64(leastWork)) {
		err = fmt.Errorf("%v: want %d KiB, and %d KiB times passes, or more: %w", c, leastMemoryKiB, leastWork, ErrCost)
	}
	if err != nil {
		return nil, fmt.Errorf("keyring: passphrase: %w", err)
	}
	rand.Read(p.writes.salt[:])
	s, err := newStretcher(passphrase, p.most.memoryKiB)
	if err != nil {
		return nil, err
	}
	p.stretcher = func() *stretcher { return s }
	return p, nil
}

// newCost returns the cost of three options, zero fields as in the default.
func newCost(memoryKiB, passes, lanes int, def cost) (cost, error) {
	for _, f := range []struct{ n, most int }{{memoryKiB, maxArgonMemoryKiB}, {passes, 255}, {lanes, 255}} {
		if f.n < 0 || f.n > f.most {
			return cost{}, fmt.Errorf("%d KiB of memory, %d passes, %d lanes: want 0 to %d, 255, 255: %w", memoryKiB, passes, lanes, maxArgonMemoryKiB, ErrCost)
		}
	}
	c := cost{uint32(memoryKiB), uint8(passes), uint8(lanes)}
	if c.memoryKiB == 0 {
		c.memoryKiB = def.memoryKiB
	}
	if c.passes == 0 {
		c.passes = def.passes
	}
	if c.lanes == 0 {
		c.lanes = def.lanes
	}
	return c, nil
}

// GenerateDataKey makes a data key from the system's random source. The first one, or Wrap, spends the cost of writing. A
// suite that the format does not have is format.ErrUnsupportedSuite, use after Close [ErrClosed].
func (p *Passphrase) GenerateDataKey(ctx context.Context, req *GenerateDataKeyRequest) (*DataKey, error) {
	return p.names.newKey(req.Suite, func(key []byte) (format.WrappedKey, error) {
		return p.seal(ctx, req.Suite, req.Context, key)
	})
}

// Decrypt opens the wrapped key with the provider's key id, at the cost that it names. Errors: [ErrNoMatch] if there is
// none; [ErrCost] if it asks for more than a ceiling, or for what Argon2id does not have; [ErrAuthentication] if it was
// made under another passphrase, for other pairs, or is damaged; [ErrClosed].
func (p *Passphrase) Decrypt(ctx context.Context, req *DecryptRequest) (*DataKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("keyring: passphrase: %w", err)
	}
	i, err := p.names.find(req.Record)
	if err != nil {
		return nil, err
	}
	algorithms, err := p.names.algorithms(req.Suite)
	if err != nil {
		return nil, err
	}
	s, c, ok := parseStretch(req.Record[i].Ciphertext)
	if !ok {
		return nil, p.names.notAuthentic()
	}
	if err := s.cost.check(p.most); err != nil {
		return nil, fmt.Errorf("keyring: %v: %w", p.names, err)
	}
	var key [suite.DataKeySize]byte
	defer clear(key[:])
	err = p.stretched(ctx, algorithms, s, func(x *suite.State) error {
		return p.names.open(&key, algorithms, x, req.Context, c)
	})
	if err != nil {
		return nil, err
	}
	return NewDataKey(req.Suite, key[:], req.Record, i)
}

// Wrap wraps the data key of the request. Without one it is [ErrNeedKey], with one that is destroyed [ErrDestroyed];
// otherwise cost and errors are those of GenerateDataKey.
func (p *Passphrase) Wrap(ctx context.Context, req *WrapRequest) (format.Record, error) {
	return p.names.wrapLent(req.Key, func(key []byte) (format.WrappedKey, error) {
		return p.seal(ctx, req.Suite, req.Context, key)
	})
}

func (p *Passphrase) seal(ctx context.Context, s format.Suite, pairs format.Pairs, key []byte) (format.WrappedKey, error) {
	w := format.WrappedKey{Provider: p.names.provider, KeyID: p.names.keyID}
	algorithms, err := p.names.algorithms(s)
	if err != nil {
		return w, err
	}
	c := p.writes.append(make([]byte, 0, format.PassphraseWrapSize))
	err = p.stretched(ctx, algorithms, p.writes, func(x *suite.State) error {
		w.Ciphertext, err = p.names.seal(c, algorithms, x, pairs, key)
		return err
	})
	return w, err
}

// stretched calls f with the state of the wrapping key of s, and keeps the key if f says that it is right.
func (p *Passphrase) stretched(ctx context.Context, a *suite.Suite, s stretch, f func(x *suite.State) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("keyring: passphrase: %w", err)
	}
	key, err := p.stretcher().key(ctx, s)
	if err != nil {
		return fmt.Errorf("keyring: passphrase: %w", err)
	}
	defer clear(key[:])
	x, err := a.Extract(key[:])
	if err != nil {
		return err // unreachable: the length is right
	}
	defer x.Clear()
	if err := f(x); err != nil {
		return err
	}
	p.stretcher().keep(s, &key)
	return nil
}

// Close wipes the passphrase and the keys made of it; the provider can do nothing any more. A derivation that runs keeps
// a copy until it has ended. As elsewhere, wiping is best effort: the memory of Argon2id, of which the passphrase cannot be
// told, is left to the runtime.
func (p *Passphrase) Close() error {
	p.stretcher().close()
	return nil
}

// Format prints the key id, whatever the verb.
func (p Passphrase) Format(f fmt.State, _ rune) { io.WriteString(f, p.String()) }

// String returns the provider's name and key id.
func (p Passphrase) String() string { return p.names.String() }

// LogValue returns the provider's name and key id.
func (p Passphrase) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText fails: a provider that holds a passphrase is not written down.
func (Passphrase) MarshalText() ([]byte, error) {
	return nil, errors.New("keyring: a passphrase is not marshalled")
}
