package stream_test

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

const full = chunk + suite.TagSize // a full chunk as it is stored

// pieces cuts a body into its chunks as they are stored.
func pieces(body []byte) [][]byte { return slices.Collect(slices.Chunk(body, full)) }

// verdict says what must become of a body that was made from a good one: the number of chunks that are released, and
// whether the input ends at the one behind. A chunk is authentic only where it stood, and as last only if it was.
func verdict(good, bad []byte) (chunks int, ended bool) {
	g, b := pieces(good), pieces(bad)
	for i := range b {
		last := i == len(b)-1
		if i >= len(g) || !bytes.Equal(g[i], b[i]) || last != (i == len(g)-1) {
			return i, last
		}
	}
	return 0, true // nothing at all
}

// mustFail opens bad in every way, and reports whatever is not the failure of the given chunk or gives more than the
// plaintext of those before.
func mustFail(t *testing.T, what string, bad, plain []byte, w *suite.Sealer, at int, ended bool) {
	t.Helper()
	prefix := plain[:min(len(plain), at*chunk)]
	for _, o := range openers {
		got, err := o.open(bad, w, chunk)
		var ce *stream.ChunkError
		if !errors.As(err, &ce) || !errors.Is(err, suite.ErrAuthentication) {
			t.Errorf("%s: %s = %v, want %v", what, o.name, err, suite.ErrAuthentication)
			continue
		}
		switch o.name {
		case "ReadAt", "ReadAt-small":
			// It may find the damage at the end first, or in the length. What it gives is as true.
			if !bytes.HasPrefix(plain, got) {
				t.Errorf("%s: %s gave %d bytes that are not a prefix", what, o.name, len(got))
			}
			continue
		case "Open":
			if got != nil {
				t.Errorf("%s: %s gave %d bytes, want none", what, o.name, len(got))
			}
		default:
			if !bytes.Equal(got, prefix) {
				t.Errorf("%s: %s gave %d bytes, want the first %d", what, o.name, len(got), len(prefix))
			}
		}
		if ce.Chunk != int64(at) || errors.Is(err, io.ErrUnexpectedEOF) != ended {
			t.Errorf("%s: %s = %v (unexpected EOF: %v), want chunk %d (%v)",
				what, o.name, err, errors.Is(err, io.ErrUnexpectedEOF), at, ended)
		}
	}
}

// smallMessages are the sizes at which every byte is tried.
var smallMessages = []int{0, 1, chunk, chunk + 300, 2 * chunk}

// step is how many bytes lie between two that are tried: the race detector makes each try ten times as slow.
func step() int {
	if raceEnabled || testing.Short() {
		return 61
	}
	return 1
}

func TestEveryByteFlipped(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *suite.Sealer) {
		for _, n := range smallMessages {
			plain := text(n)
			good := stream.Seal(nil, plain, w, chunk, nil)
			bad := slices.Clone(good)
			for i := 0; i < len(good); i += step() {
				bad[i] ^= 1 << (i % 8)
				at, ended := verdict(good, bad)
				mustFail(t, fmt.Sprintf("%d bytes, byte %d flipped", n, i), bad, plain, w, at, ended)
				bad[i] = good[i]
			}
		}
	})
}

func TestEveryTruncation(t *testing.T) {
	eachSuite(t, func(t *testing.T, w *suite.Sealer) {
		for _, n := range smallMessages {
			plain := text(n)
			good := stream.Seal(nil, plain, w, chunk, nil)
			for i := 0; i < len(good); i += step() {
				at, _ := verdict(good, good[:i])
				mustFail(t, fmt.Sprintf("%d bytes, cut to %d of %d", n, i, len(good)), good[:i], plain, w, at, true)
			}
		}
	})
}

// TestEveryExchange: of a message of four chunks and a short one, every two exchanged, every one dropped, repeated,
// repeated elsewhere, and taken from other messages under the same data key.
func TestEveryExchange(t *testing.T) {
	for _, id := range suites {
		w := newSealer(t, id, 1)
		plain := text(4*chunk + 9)
		good := stream.Seal(nil, plain, w, chunk, nil)
		other := stream.Seal(nil, text(4*chunk+9), newSealer(t, id, 2), chunk, nil)
		try := func(what string, ps [][]byte) {
			t.Helper()
			bad := slices.Concat(ps...)
			if bytes.Equal(bad, good) {
				t.Fatalf("%s: nothing was changed", what)
			}
			at, ended := verdict(good, bad)
			mustFail(t, what, bad, plain, w, at, ended)
		}
		for i := range 5 {
			ps := pieces(good)
			try(fmt.Sprintf("%d dropped", i), slices.Delete(slices.Clone(ps), i, i+1))
			try(fmt.Sprintf("%d repeated", i), slices.Insert(slices.Clone(ps), i, ps[i]))
			try(fmt.Sprintf("%d from another message", i), slices.Replace(slices.Clone(ps), i, i+1, pieces(other)[i]))
			try(fmt.Sprintf("from %d another message", i), append(ps[:i:i], pieces(other)[i:]...))
			for j := range 5 {
				if i == j {
					continue
				}
				moved := slices.Clone(ps)
				moved[i] = ps[j]
				try(fmt.Sprintf("%d in place of %d", j, i), moved)
				if i < j {
					moved[j] = ps[i]
					try(fmt.Sprintf("%d and %d exchanged", i, j), moved)
				}
			}
		}
		try("twice", [][]byte{good, good})
		for _, n := range []int{1, suite.TagSize, full - 9 - suite.TagSize, full, 3 * full} {
			try(fmt.Sprintf("%d bytes behind", n), [][]byte{good, make([]byte, n)})
		}
	}
}

// TestForged: bodies sealed by someone who knows the key and does not keep to the format.
func TestForged(t *testing.T) {
	type piece struct {
		index uint64
		last  bool
		plain []byte
	}
	a, b := text(2 * chunk)[:chunk], text(2 * chunk)[chunk:]
	for _, tt := range []struct {
		name   string
		pieces []piece
		at     int
		ended  bool
	}{
		{"body-0-bytes", nil, 0, true},
		{"empty-final-chunk-after-full", []piece{{0, false, a}, {1, true, nil}}, 1, true},
		{"two-empty-chunks", []piece{{0, false, nil}, {1, true, nil}}, 0, true},
		{"final-flag-on-inner-chunk", []piece{{0, true, a}, {1, true, b}}, 0, false},
		{"final-chunk-without-flag", []piece{{0, false, a}, {1, false, b[:9]}}, 1, true},
		{"only-chunk-without-flag", []piece{{0, false, a}}, 0, true},
		{"empty-message-without-flag", []piece{{0, false, nil}}, 0, true},
		{"counter-from-1", []piece{{1, false, a}, {2, true, b}}, 0, false},
		{"counter-stands-still", []piece{{0, false, a}, {0, true, b}}, 1, true},
		{"inner-chunk-short", []piece{{0, false, a[:chunk-1]}, {1, true, b}}, 0, false},
		{"chunk-too-long", []piece{{0, true, text(2 * chunk)[:chunk+1]}}, 0, false},
		{"trailing-message", []piece{{0, true, a}, {0, true, b}}, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachSuite(t, func(t *testing.T, w *suite.Sealer) {
				var body []byte
				var nonce [suite.NonceSize]byte
				for _, p := range tt.pieces {
					w.Nonce(&nonce, p.index, p.last)
					body = w.AEAD.Seal(body, nonce[:], p.plain, nil)
				}
				mustFail(t, tt.name, body, text(2*chunk), w, tt.at, tt.ended)
			})
		})
	}
	t.Run("nonce-without-mask", func(t *testing.T) {
		w := newSealer(t, suite.SM4GCM, 1)
		bare := &suite.Sealer{AEAD: w.AEAD}
		mustFail(t, "nonce-without-mask", stream.Seal(nil, a, bare, chunk, nil), a, w, 0, true)
	})
}

// TestChunkErrorText: the number of the chunk and no other detail.
func TestChunkErrorText(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	body := stream.Seal(nil, text(3*chunk), w, chunk, nil)
	body[full] ^= 1
	_, err := stream.Open(nil, body, w, chunk, nil)
	if want := "stream: chunk 1: not authentic"; err == nil || err.Error() != want {
		t.Errorf("Open(chunk 1 damaged) = %v, want %s", err, want)
	}
	_, err = stream.Open(nil, body[:full-1], w, chunk, nil)
	if want := "stream: chunk 0, where the input ends: not authentic"; err == nil || err.Error() != want {
		t.Errorf("Open(cut in chunk 0) = %v, want %s", err, want)
	}
}

// A leakyAEAD leaves 0x55 in the room behind dst where it should have plaintext that is not authentic, as a cipher does
// that decrypts while it authenticates and does not clean up. Those of this module do.
type leakyAEAD struct{ cipher.AEAD }

func (a leakyAEAD) Open(dst, nonce, ciphertext, more []byte) ([]byte, error) {
	out, err := a.AEAD.Open(dst, nonce, ciphertext, more)
	if n := len(ciphertext) - suite.TagSize; err != nil {
		copy(dst[len(dst):len(dst)+n], bytes.Repeat([]byte{0x55}, n))
	}
	return out, err
}

// TestLeakyCipher: what a cipher leaves of a chunk that fails does not reach the caller either.
func TestLeakyCipher(t *testing.T) {
	w := newSealer(t, suite.AES256GCM, 1)
	body := stream.Seal(nil, make([]byte, 3*chunk), w, chunk, nil)
	body[full] ^= 1
	w.AEAD = leakyAEAD{w.AEAD}
	ra := openAt(t, memFile(body), len(body), w)
	for _, tt := range []struct {
		name string
		do   func(p []byte) error
	}{
		{"Open", func(p []byte) error { _, err := stream.Open(p[:0], body, w, chunk, nil); return err }},
		{"Read", func(p []byte) error {
			_, err := io.ReadFull(stream.NewReader(bytes.NewReader(body), w, chunk, nil), p)
			return err
		}},
		{"ReadAt", func(p []byte) error { _, err := ra.ReadAt(p, 0); return err }},
	} {
		p := make([]byte, 3*chunk)
		if err := tt.do(p); !errors.Is(err, suite.ErrAuthentication) {
			t.Errorf("%s = %v, want %v", tt.name, err, suite.ErrAuthentication)
		}
		if bytes.IndexByte(p, 0x55) >= 0 {
			t.Errorf("%s left what the cipher left", tt.name)
		}
	}
}
