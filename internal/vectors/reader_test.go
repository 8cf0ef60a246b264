package vectors_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/internal/vectors"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// Every vector says the truth: a reader written here straight from SPEC.md, Section 5, slow and in memory, has the
// outcome, the calls and the plaintext that its head says. It shares nothing with the generator, and only the parsers,
// derivations and providers with package envelope.
func TestVectors(t *testing.T) {
	all, err := vectors.ReadAll("../../format/testdata/vectors")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[vectors.Outcome]bool{}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			r := &reader{v: v, kms: vectors.NewKMS(v)}
			err := r.read()
			got, ok := outcome(err)
			if !ok || got != v.Expect {
				t.Errorf("outcome %s (%v), want %s", got, err, v.Expect)
			}
			if r.parsed != v.Parses {
				t.Errorf("parsed: %v, want %v", r.parsed, v.Parses)
			}
			if r.calls != v.Calls || r.kms.Decrypts() != v.KMSCalls {
				t.Errorf("%d calls, %d of KMS, want %d, %d", r.calls, r.kms.Decrypts(), v.Calls, v.KMSCalls)
			}
			if int64(len(r.released)) != v.Released || sha256.Sum256(r.released) != v.Payload {
				t.Errorf("released %d bytes, %x, want %d, %x", len(r.released), sha256.Sum256(r.released), v.Released, v.Payload)
			}
			if r.calls > 0 && !bytes.Equal(r.dataKey, v.DataKey) {
				t.Errorf("opened with data key %x, want %x", r.dataKey, v.DataKey)
			}
			seen[v.Expect] = true
			if len(v.DataKey) == 0 {
				return
			}
			// A reader that stands without a provider has the same outcome from the data key.
			alone := &reader{v: v, alone: true}
			if got, _ := outcome(alone.read()); got != v.Expect || !bytes.Equal(alone.released, r.released) {
				t.Errorf("with the data key alone: outcome %s, released %d bytes, want %s, %d", got, len(alone.released), v.Expect, len(r.released))
			}
		})
	}
	for _, o := range []vectors.Outcome{vectors.Success, vectors.ParseFault, vectors.Authentication, vectors.NoMatch} {
		if !seen[o] {
			t.Errorf("no vector expects %s", o)
		}
	}
}

// outcome names an error. The order matters where an error matches two.
func outcome(err error) (vectors.Outcome, bool) {
	var pe *format.ParseError
	auth, ended := errors.Is(err, keyring.ErrAuthentication), errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case err == nil:
		return vectors.Success, true
	case errors.Is(err, format.ErrNotMessage):
		return vectors.NotMessage, true
	case errors.Is(err, format.ErrUnsupportedVersion):
		return vectors.UnsupportedVersion, true
	case errors.Is(err, format.ErrUnsupportedSuite):
		return vectors.UnsupportedSuite, true
	case errors.Is(err, format.ErrUnsupportedKind):
		return vectors.UnsupportedKind, true
	case errors.As(err, &pe) && ended:
		return vectors.Truncated, true
	case errors.As(err, &pe):
		return vectors.ParseFault, true
	case errors.Is(err, format.ErrSize):
		return vectors.SizeFault, true
	case errors.Is(err, keyring.ErrInvalidDataKey):
		return vectors.InvalidDataKey, true
	case errors.Is(err, keyring.ErrCost):
		return vectors.Cost, true
	case errors.Is(err, fs.ErrNotExist):
		return vectors.NoKeyFile, true
	case errors.Is(err, keyring.ErrNoMatch):
		return vectors.NoMatch, true
	case auth && ended:
		return vectors.AuthenticationAtEnd, true
	case auth:
		return vectors.Authentication, true
	}
	return "", false
}

var errChunkAtEnd = fmt.Errorf("%w: %w", keyring.ErrAuthentication, io.ErrUnexpectedEOF)

type reader struct {
	v        *vectors.Vector
	kms      *vectors.KMS
	alone    bool // has no provider, but the data key
	parsed   bool
	calls    int
	dataKey  []byte
	released []byte
}

func (r *reader) read() error {
	switch r.v.Structure {
	case vectors.KeyFile:
		return r.readKeyFile()
	case vectors.Cell:
		return r.readCell()
	case vectors.Armor:
		message, err := format.Dearmor(r.v.Data)
		if err != nil {
			return err
		}
		return r.readMessage(message)
	}
	return r.readMessage(r.v.Data)
}

func (r *reader) readMessage(message []byte) error {
	var h format.Header
	n, err := h.Parse(message)
	if err != nil {
		return err
	}
	r.parsed = true
	if a := r.v.AcceptSuites; a != nil && !slices.Contains(a, uint16(h.Suite)) {
		return format.ErrUnsupportedSuite
	}
	body := message[n:]
	if r.v.HasSize {
		if _, err := h.PlaintextSize(r.v.Size); err != nil {
			return err
		}
		body = message[n:r.v.Size]
	}
	record := h.Record
	var key *keyring.DataKey
	var file *format.KeyFile
	if h.Kind == format.Detached {
		if file, err = r.keyFile(h.Reference); err != nil {
			return err
		}
		if file.Suite != h.Suite || !bytes.Equal(file.Stored, h.Stored) {
			return keyring.ErrAuthentication
		}
		record = file.Record
	}
	withheld, err := r.match(h.Stored, h.Withheld)
	if err != nil {
		return err
	}
	if key, err = r.open(h.Suite, h.Stored, record); err != nil {
		return err
	}
	if file != nil {
		if err := checkCommit(file, key); err != nil {
			return err
		}
	}
	head, err := h.AppendHead(nil)
	if err != nil {
		return err
	}
	s := suite.Lookup(uint16(h.Suite))
	tag, err := s.Tag(key, head, withheld)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(tag[:], h.Tag[:]) != 1 {
		return keyring.ErrAuthentication
	}
	sealer, err := s.Body(key, &tag)
	if err != nil {
		return err
	}
	return r.readBody(&sealer, h.ChunkSize, body)
}

func (r *reader) readBody(sealer *suite.Sealer, chunk int, body []byte) error {
	full := chunk + suite.TagSize
	for i := uint64(0); ; i++ {
		c, rest := body[:min(len(body), full)], body[min(len(body), full):]
		last := len(rest) == 0
		if last && i > 0 && len(c) == suite.TagSize {
			return errChunkAtEnd // an empty chunk behind a full one
		}
		var nonce [suite.NonceSize]byte
		sealer.Nonce(&nonce, i, last)
		plaintext, err := sealer.AEAD.Open(nil, nonce[:], c, nil)
		if err != nil && r.v.HasSize {
			// Random access opens the last chunk first, and nothing before it is open; no vector has another fault.
			r.released = nil
		}
		switch {
		case err != nil && last:
			return errChunkAtEnd
		case err != nil:
			return keyring.ErrAuthentication
		}
		r.released = append(r.released, plaintext...)
		if body = rest; last {
			return nil
		}
	}
}

func (r *reader) readKeyFile() error {
	var f format.KeyFile
	if err := f.Parse(r.v.Data); err != nil {
		return err
	}
	r.parsed = true
	if _, err := r.match(f.Stored, 0); err != nil {
		return err
	}
	_, err := r.openFile(&f)
	return err
}

func (r *reader) readCell() error {
	var c format.Cell
	if err := c.Parse(r.v.Data); err != nil {
		return err
	}
	r.parsed = true
	f, err := r.keyFile(c.Reference)
	if err != nil {
		return err
	}
	if f.Suite != c.Suite {
		return keyring.ErrAuthentication
	}
	withheld, err := r.match(f.Stored, -1)
	if err != nil {
		return err
	}
	key, err := r.openFile(f)
	if err != nil {
		return err
	}
	prefix, err := c.AppendPrefix(nil)
	if err != nil {
		return err
	}
	sealer, err := suite.Lookup(uint16(c.Suite)).Cell(new(suite.Scratch), key, &f.Commit, prefix, withheld)
	if err != nil {
		return err
	}
	var nonce [suite.NonceSize]byte
	sealer.Nonce(&nonce, 0, true)
	if r.released, err = sealer.AEAD.Open(nil, nonce[:], c.Sealed, nil); err != nil {
		return keyring.ErrAuthentication
	}
	return nil
}

func (r *reader) keyFile(ref format.Reference) (*format.KeyFile, error) {
	for _, b := range r.v.KeyFiles {
		f := new(format.KeyFile)
		if err := f.Parse(b); err != nil {
			return nil, err
		}
		if f.Reference == ref {
			return f, nil
		}
	}
	return nil, fmt.Errorf("key file %v: %w", ref, fs.ErrNotExist)
}

func (r *reader) openFile(f *format.KeyFile) (*keyring.DataKey, error) {
	key, err := r.open(f.Suite, f.Stored, f.Record)
	if err != nil {
		return nil, err
	}
	return key, checkCommit(f, key)
}

func checkCommit(f *format.KeyFile, key *keyring.DataKey) error {
	prefix, err := f.AppendPrefix(nil)
	if err != nil {
		return err
	}
	commit, err := suite.Lookup(uint16(f.Suite)).Commit(key, prefix)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(commit[:], f.Commit[:]) != 1 {
		return keyring.ErrAuthentication
	}
	return nil
}

// match is step 4: it compares the given context with the stored pairs and returns the withheld ones, which number
// count, or any number if count is -1.
func (r *reader) match(stored format.Pairs, count int) (withheld []byte, err error) {
	accepted := func(key string) bool {
		return slices.Contains(r.v.AcceptUnseen, key) || slices.Contains(r.v.AcceptUnseen, "*")
	}
	matched := map[string]bool{}
	for k, v := range stored.All() {
		given, ok := r.v.Given[string(k)]
		if ok && given != string(v) || !ok && !accepted(string(k)) {
			return nil, keyring.ErrAuthentication
		}
		matched[string(k)] = ok
	}
	withheld, err = format.AppendPairsFunc(nil, r.v.Given, func(k string) bool { return !matched[k] })
	if err == nil && count >= 0 && format.Pairs(withheld).Len() != count {
		err = keyring.ErrAuthentication
	}
	return withheld, err
}

func (r *reader) open(s format.Suite, stored format.Pairs, record format.Record) (*keyring.DataKey, error) {
	if r.alone {
		return keyring.NewDataKey(s, r.v.DataKey, record, 0)
	}
	if len(r.v.Providers) != 1 {
		return nil, fmt.Errorf("%d providers, want 1", len(r.v.Providers))
	}
	var provider keyring.KeyProvider
	var err error
	switch p := r.v.Providers[0]; p.Type {
	case "kms":
		provider, err = keyring.NewKMS(r.kms, p.KeyID, &keyring.KMSOptions{Opens: p.Opens})
	case "raw":
		var key []byte
		if key, err = hex.DecodeString(p.Key); err == nil {
			provider, err = keyring.NewRawAES(p.KeyID, key)
		}
	case "passphrase":
		provider, err = keyring.NewPassphrase(p.KeyID, []byte(p.Passphrase), &keyring.PassphraseOptions{
			MemoryKiB: p.MaxMemoryKiB, Passes: p.MaxPasses,
			MaxMemoryKiB: p.MaxMemoryKiB, MaxPasses: p.MaxPasses, MaxLanes: p.MaxLanes,
		})
	case "recipients":
		var keys []*keyring.PrivateKey
		for _, text := range p.PrivateKeys {
			var k *keyring.PrivateKey
			if k, err = keyring.ParsePrivateKey([]byte(text)); err != nil {
				return nil, err
			}
			keys = append(keys, k)
		}
		provider, err = keyring.NewRecipients(nil, keys)
	case "discovery":
		regions := map[string]kmsapi.API{}
		for _, region := range p.Regions {
			regions[region] = r.kms
		}
		provider, err = keyring.NewDiscovery(regions, p.Accounts)
	default:
		return nil, fmt.Errorf("no provider %s", p.Type)
	}
	if err != nil {
		return nil, err
	}
	r.calls++
	key, err := provider.Decrypt(context.Background(), &keyring.DecryptRequest{Suite: s, Context: stored, Record: record})
	if err != nil {
		return nil, err
	}
	return key, key.Lend(func(b []byte) error {
		r.dataKey = bytes.Clone(b)
		return nil
	})
}
