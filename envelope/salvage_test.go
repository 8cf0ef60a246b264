package envelope_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
)

// A sparse is a destination that knows which bytes were written.
type sparse struct {
	t       testing.TB
	b       []byte
	written []bool
	writes  int
	fail    func(p []byte) (int, error) // if set and not nil, in place of a write
}

func (s *sparse) WriteAt(p []byte, off int64) (int, error) {
	s.writes++
	if s.fail != nil {
		if n, err := s.fail(p); n < len(p) || err != nil {
			return n, err
		}
	}
	if end := int(off) + len(p); end > len(s.b) {
		s.b = append(s.b, make([]byte, end-len(s.b))...)
		s.written = append(s.written, make([]bool, end-len(s.written))...)
	}
	for i := range p {
		if s.written[int(off)+i] {
			s.t.Errorf("byte %d is written twice", int(off)+i)
		}
		s.b[int(off)+i], s.written[int(off)+i] = p[i], true
	}
	return len(p), nil
}

// ranges are those that were written.
func (s *sparse) ranges() (r []envelope.Range) {
	for i, w := range s.written {
		switch {
		case !w:
		case i > 0 && s.written[i-1]:
			r[len(r)-1].Len++
		default:
			r = append(r, envelope.Range{Off: int64(i), Len: 1})
		}
	}
	return r
}

// A victim is a message and what is known of it.
type victim struct {
	client    *envelope.Client
	plaintext []byte
	message   []byte
	header    int // bytes
	ec        envelope.Context
}

func newVictim(t testing.TB, n int, opts envelope.Options) victim {
	t.Helper()
	opts.ChunkSize = chunk
	v := victim{client: newClient(t, newRaw(t), &opts), plaintext: text(n), ec: envelope.Context{"tenant": "42"}}
	v.message = encrypt(t, v.client, v.plaintext, v.ec)
	var h format.Header
	var err error
	if v.header, err = h.Parse(v.message); err != nil {
		t.Fatal(err)
	}
	return v
}

// left is what an attentive reader of damaged finds: the chunks that are as they were, where they were. The last one ends the
// message; a short one is known only where the input ends.
func (v victim) left(damaged []byte) (ranges []envelope.Range, size int64) {
	const full = chunk + 16
	off := 0
	for at := v.header; at < len(v.message); at += full {
		end := min(at+full, len(v.message))
		n := end - at - 16
		last := end == len(v.message)
		if end <= len(damaged) && bytes.Equal(damaged[at:end], v.message[at:end]) && (n == chunk || end == len(damaged)) {
			if k := len(ranges) - 1; k >= 0 && ranges[k].Off+ranges[k].Len == int64(off) {
				ranges[k].Len += int64(n)
			} else if n > 0 {
				ranges = append(ranges, envelope.Range{Off: int64(off), Len: int64(n)})
			}
			if last {
				return ranges, int64(len(v.plaintext))
			}
		}
		off += n
	}
	return ranges, -1
}

// check salvages what is damaged, and compares.
func (v victim) check(t *testing.T, name string, damaged []byte) {
	t.Helper()
	dst := &sparse{t: t}
	got, err := v.client.Salvage(t.Context(), dst, bytes.NewReader(damaged), int64(len(damaged)), v.ec)
	if err != nil || got.SourceErr != nil {
		t.Errorf("%s: Salvage = %v, of the source %v", name, err, got.SourceErr)
		return
	}
	ranges, size := v.left(damaged)
	if !slices.Equal(got.Ranges, ranges) || got.Size != size {
		t.Errorf("%s: Salvage = %v, size %d, want %v, %d", name, got.Ranges, got.Size, ranges, size)
	}
	if !slices.Equal(dst.ranges(), got.Ranges) {
		t.Errorf("%s: written were %v, listed %v", name, dst.ranges(), got.Ranges)
	}
	for _, r := range got.Ranges {
		if !bytes.Equal(dst.b[r.Off:r.Off+r.Len], v.plaintext[r.Off:r.Off+r.Len]) {
			t.Errorf("%s: %v holds other bytes than were encrypted", name, r)
		}
	}
	if whole := size >= 0 && (size == 0 || slices.Equal(ranges, []envelope.Range{{Off: 0, Len: size}})); got.Complete() != whole {
		t.Errorf("%s: Complete = %v, want %v", name, got.Complete(), whole)
	}
	if got.Info.Provider != "raw" || got.Info.KeyID != "test" {
		t.Errorf("%s: Info = %+v", name, got.Info)
	}
}

var salvageSizes = []int{0, 1, chunk - 1, chunk, chunk + 1, 2*chunk - 1, 2 * chunk, 2*chunk + 1, 5*chunk + 100, 5 * chunk}

// Damage of every chunk, of every two, and at every boundary and beside it.
func TestSalvage(t *testing.T) {
	for _, suite := range []format.Suite{format.AES256GCM, format.SM4GCM} {
		for _, n := range salvageSizes {
			v := newVictim(t, n, envelope.Options{Suite: suite})
			name := func(what string, args ...any) string {
				return fmt.Sprintf("%v, %d bytes, %s", suite, n, fmt.Sprintf(what, args...))
			}
			v.check(t, name("whole"), v.message)

			const full = chunk + 16
			var edges []int
			for at := v.header; at < len(v.message); at += full {
				end := min(at+full, len(v.message))
				edges = append(edges, at, at+1, (at+end)/2, end-1)
			}
			for i, a := range edges {
				damaged := bytes.Clone(v.message)
				damaged[a] ^= 0x80
				v.check(t, name("byte %d flipped", a), damaged)
				for _, b := range edges[i+1:] {
					twice := bytes.Clone(damaged)
					twice[b] ^= 1
					v.check(t, name("bytes %d and %d flipped", a, b), twice)
				}
				v.check(t, name("zeros from %d on", a), append(bytes.Clone(v.message[:a]), make([]byte, len(v.message)-a)...))
			}
			for at := v.header; at <= len(v.message)+full; at += full {
				for _, cut := range []int{at - 17, at - 16, at - 1, at, at + 1, at + 15, at + 16, at + 17} {
					if cut >= v.header && cut <= len(v.message) {
						v.check(t, name("cut to %d", cut), v.message[:cut])
					}
				}
			}
			for _, more := range []int{1, 15, 16, 17, chunk, full, full + 1, 3 * full} {
				v.check(t, name("%d bytes behind it", more), append(bytes.Clone(v.message), make([]byte, more)...))
				v.check(t, name("%d of its own bytes behind it", more), append(bytes.Clone(v.message), v.message[max(v.header, len(v.message)-more):]...))
			}
		}
	}
}

// What is authentic elsewhere is not authentic here: chunks swapped, repeated, of another message under the same data key.
func TestSalvageMovedChunks(t *testing.T) {
	const full = chunk + 16
	v := newVictim(t, 5*chunk+100, envelope.Options{})
	other := newVictim(t, 5*chunk+100, envelope.Options{})
	at := func(b []byte, i int) []byte { return b[v.header+i*full:][:full] }
	damaged := bytes.Clone(v.message)
	copy(at(damaged, 1), at(v.message, 2))
	copy(at(damaged, 2), at(v.message, 1))
	v.check(t, "chunks swapped", damaged)
	copy(at(damaged, 3), at(v.message, 0))
	v.check(t, "a chunk repeated", damaged)
	copy(at(damaged, 0), at(other.message, 0))
	v.check(t, "a chunk of another message", damaged)
	v.check(t, "a chunk removed", slices.Delete(bytes.Clone(v.message), v.header+2*full, v.header+3*full))
	v.check(t, "a byte inserted", slices.Insert(bytes.Clone(v.message), v.header+2*full, 0))
}

// Many batches, with ranges that go from one into the next.
func TestSalvageBatches(t *testing.T) {
	const full = chunk + 16
	v := newVictim(t, 3<<20+5, envelope.Options{})
	v.check(t, "whole", v.message)
	damaged := bytes.Clone(v.message)
	for _, i := range []int{0, 100, 255, 256, 300, 700} {
		damaged[v.header+i*full] ^= 1
	}
	v.check(t, "six chunks", damaged)
	v.check(t, "six chunks and cut", damaged[:v.header+600*full])
	small := newVictim(t, 3<<20+5, envelope.Options{MaxBuffer: 1})
	damaged = bytes.Clone(small.message)
	damaged[small.header+300*full] ^= 1
	small.check(t, "a buffer of one chunk", damaged)
}

// Where the wrapped keys lie makes no difference; of two slots one is enough.
func TestSalvageKinds(t *testing.T) {
	store := envelope.KeyDir(t.TempDir())
	for _, kind := range []format.Kind{format.Attached, format.Slots, format.Detached} {
		v := newVictim(t, 3*chunk, envelope.Options{Keys: kind, KeyStore: store})
		damaged := bytes.Clone(v.message)
		damaged[v.header] ^= 1
		v.check(t, kind.String(), damaged)
	}
	v := newVictim(t, 3*chunk, envelope.Options{Keys: format.Slots})
	var h format.Header
	if _, err := h.Parse(v.message); err != nil {
		t.Fatal(err)
	}
	// Rewrapping in place wrote both; now the one in force is torn.
	second, err := h.AppendSlot(nil, 2, h.Record)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(v.message)
	copy(damaged[h.SlotOffset(1):], second)
	damaged[h.SlotOffset(1)+40] ^= 1
	damaged[v.header+chunk] ^= 1
	v.check(t, "a torn slot", damaged)
}

// Without its header a message is lost, and the error says what of it is wrong. Nobody is asked when context or shape are.
func TestSalvageHeader(t *testing.T) {
	v := newVictim(t, 3*chunk, envelope.Options{})
	var parse *format.ParseError
	for _, tt := range []struct {
		name  string
		edit  func(m []byte) []byte
		ec    envelope.Context
		want  error
		parse bool
		calls int
	}{
		{"empty", func(m []byte) []byte { return nil }, v.ec, io.ErrUnexpectedEOF, true, 0},
		{"cut in the header", func(m []byte) []byte { return m[:v.header-1] }, v.ec, io.ErrUnexpectedEOF, true, 0},
		{"magic", func(m []byte) []byte { m[0] ^= 1; return m }, v.ec, format.ErrNotMessage, true, 0},
		{"zeros", func(m []byte) []byte { clear(m[:v.header]); return m }, v.ec, format.ErrNotMessage, true, 0},
		{"version", func(m []byte) []byte { m[4] = 2; return m }, v.ec, format.ErrUnsupportedVersion, true, 0},
		{"salt", func(m []byte) []byte { m[12] ^= 1; return m }, v.ec, envelope.ErrAuthentication, false, 1},
		{"tag", func(m []byte) []byte { m[44+14] ^= 1; return m }, v.ec, envelope.ErrAuthentication, false, 1},
		{"wrapped key", func(m []byte) []byte { m[v.header-1] ^= 1; return m }, v.ec, envelope.ErrAuthentication, false, 1},
		{"another context", func(m []byte) []byte { return m }, envelope.Context{"tenant": "43"}, envelope.ErrAuthentication, false, 0},
		{"no context", func(m []byte) []byte { return m }, nil, envelope.ErrAuthentication, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newProvider(t)
			dst := &sparse{t: t}
			damaged := tt.edit(bytes.Clone(v.message))
			got, err := newClient(t, p, nil).Salvage(t.Context(), dst, bytes.NewReader(damaged), int64(len(damaged)), tt.ec)
			if !errors.Is(err, tt.want) || tt.parse != errors.As(err, &parse) {
				t.Errorf("Salvage = %v, want %v", err, tt.want)
			}
			if got.Ranges != nil || got.Size != -1 || got.Complete() || dst.writes > 0 || p.decrypt != tt.calls {
				t.Errorf("Salvage = %+v, %d writes, %d calls, want nothing and %d", got, dst.writes, p.decrypt, tt.calls)
			}
		})
	}
	if _, err := v.client.Salvage(t.Context(), &sparse{}, bytes.NewReader(v.message), -1, v.ec); !errors.Is(err, format.ErrSize) {
		t.Errorf("Salvage of -1 bytes = %v, want ErrSize", err)
	}
	if _, err := v.client.Salvage(t.Context(), nil, bytes.NewReader(v.message), 1, v.ec); err == nil {
		t.Error("Salvage to nothing succeeded")
	}
	if _, err := v.client.Salvage(t.Context(), &sparse{}, nil, 1, v.ec); err == nil {
		t.Error("Salvage of nothing succeeded")
	}
}

// Salvage of a message is one Decrypt call, whatever is left of it.
func TestSalvageCalls(t *testing.T) {
	v := newVictim(t, 9*chunk, envelope.Options{})
	p := newProvider(t)
	damaged := bytes.Clone(v.message)
	for i := v.header; i < len(damaged); i += 100 {
		damaged[i] ^= 1
	}
	got, err := newClient(t, p, nil).Salvage(t.Context(), &sparse{t: t}, bytes.NewReader(damaged), int64(len(damaged)), v.ec)
	if err != nil || len(got.Ranges) > 0 || got.Size != -1 || p.decrypt != 1 {
		t.Errorf("Salvage = %+v, %v, %d calls, want nothing and one call", got, err, p.decrypt)
	}
}

// A badDisk does not read some of its bytes.
type badDisk struct {
	b   []byte
	bad func(from, to int) bool
}

var errBadBlock = errors.New("bad block")

func (d badDisk) ReadAt(p []byte, off int64) (int, error) {
	n, err := bytes.NewReader(d.b).ReadAt(p, off)
	if d.bad(int(off), int(off)+n) {
		return 0, errBadBlock
	}
	return n, err
}

// What the source cannot read is missing, and nothing else; the error is told.
func TestSalvageUnreadable(t *testing.T) {
	const full = chunk + 16
	v := newVictim(t, 2<<20+9, envelope.Options{})
	for _, bad := range [][]int{{0}, {1}, {255, 256}, {3, 5, 400, 512}} {
		damaged := bytes.Clone(v.message)
		for _, i := range bad {
			damaged[v.header+i*full] ^= 1
		}
		disk := badDisk{v.message, func(from, to int) bool {
			return slices.ContainsFunc(bad, func(i int) bool { return from <= v.header+i*full && v.header+i*full < to })
		}}
		dst := &sparse{t: t}
		got, err := v.client.Salvage(t.Context(), dst, disk, int64(len(v.message)), v.ec)
		ranges, size := v.left(damaged)
		if err != nil || !errors.Is(got.SourceErr, errBadBlock) || !slices.Equal(got.Ranges, ranges) || got.Size != size || !slices.Equal(dst.ranges(), ranges) {
			t.Errorf("chunks %v unreadable: Salvage = %v, %v, %d, %v, want %v, %d", bad, got.Ranges, got.SourceErr, got.Size, err, ranges, size)
		}
	}
	// A source that is shorter than was said ends where it ends, and costs no time by what was said.
	for _, size := range []int64{int64(len(v.message)) + 1, 1 << 40, math.MaxInt64} {
		got, err := v.client.Salvage(t.Context(), &sparse{t: t}, bytes.NewReader(v.message), size, v.ec)
		if err != nil || !got.Complete() || got.SourceErr != nil {
			t.Errorf("size %d: Salvage = %+v, %v, want all of it", size, got, err)
		}
	}
	// One that lies about its counts is not believed.
	got, err := v.client.Salvage(t.Context(), &sparse{t: t}, liar{v.message, v.header}, int64(len(v.message)), v.ec)
	if err != nil || len(got.Ranges) > 0 || got.SourceErr == nil {
		t.Errorf("Salvage of a source that lies = %+v, %v", got, err)
	}
}

// A liar says behind the header that it has read more than there was room for.
type liar struct {
	b      []byte
	header int
}

func (l liar) ReadAt(p []byte, off int64) (int, error) {
	n, err := bytes.NewReader(l.b).ReadAt(p, off)
	if off >= int64(l.header) {
		return len(p) + 1, nil
	}
	return n, err
}

// An error of the destination or of the context ends it, and the list has what was written until then.
func TestSalvageEnds(t *testing.T) {
	v := newVictim(t, 3<<20, envelope.Options{})
	full := errors.New("disk full")
	for _, tt := range []struct {
		name string
		fail func(p []byte) (int, error)
		want error
	}{
		{"error", func([]byte) (int, error) { return 0, full }, full},
		{"short write", func(p []byte) (int, error) { return len(p) - 1, nil }, io.ErrShortWrite},
	} {
		dst := &sparse{t: t}
		dst.fail = func(p []byte) (int, error) {
			if dst.writes < 3 {
				return len(p), nil
			}
			return tt.fail(p)
		}
		got, err := v.client.Salvage(t.Context(), dst, bytes.NewReader(v.message), int64(len(v.message)), v.ec)
		if !errors.Is(err, tt.want) || !slices.Equal(got.Ranges, dst.ranges()) || len(got.Ranges) != 1 || got.Complete() {
			t.Errorf("%s: Salvage = %v, %v, written %v", tt.name, got.Ranges, err, dst.ranges())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	dst := &sparse{t: t, fail: func(p []byte) (int, error) { cancel(); return len(p), nil }}
	got, err := v.client.Salvage(ctx, dst, bytes.NewReader(v.message), int64(len(v.message)), v.ec)
	if !errors.Is(err, context.Canceled) || dst.writes != 1 || !slices.Equal(got.Ranges, dst.ranges()) {
		t.Errorf("Salvage, cancelled = %v, %v, %d writes", got.Ranges, err, dst.writes)
	}
	if _, err := v.client.Salvage(ctx, dst, bytes.NewReader(v.message), int64(len(v.message)), v.ec); !errors.Is(err, context.Canceled) {
		t.Errorf("Salvage under a context that is done = %v, want context.Canceled", err)
	}
}

func TestSalvageTooManyRanges(t *testing.T) {
	envelope.SetMaxRanges(t, 3)
	const full = chunk + 16
	v := newVictim(t, 9*chunk, envelope.Options{})
	damaged := bytes.Clone(v.message)
	for i := 1; i < 6; i += 2 {
		damaged[v.header+i*full] ^= 1
	}
	got, err := v.client.Salvage(t.Context(), &sparse{t: t}, bytes.NewReader(damaged), int64(len(damaged)), v.ec)
	want := []envelope.Range{{Off: 0, Len: chunk}, {Off: 2 * chunk, Len: chunk}, {Off: 4 * chunk, Len: chunk}}
	if !errors.Is(err, envelope.ErrTooManyRanges) || !slices.Equal(got.Ranges, want) {
		t.Errorf("Salvage of four ranges = %v, %v, want the first three and ErrTooManyRanges", got.Ranges, err)
	}
	damaged[v.header+5*full] ^= 1 // as it was
	if got, err := v.client.Salvage(t.Context(), &sparse{t: t}, bytes.NewReader(damaged), int64(len(damaged)), v.ec); err != nil || len(got.Ranges) != 3 {
		t.Errorf("Salvage of three ranges = %v, %v", got.Ranges, err)
	}
}

// FuzzSalvage damages a message at will: what is listed was written so by its writer, and all that was left is listed.
func FuzzSalvage(f *testing.F) {
	const full = chunk + 16
	var victims []victim
	for _, n := range salvageSizes {
		victims = append(victims, newVictim(f, n, envelope.Options{}))
	}
	f.Add(uint8(9), uint16(0), []byte{0, 0, 1}, []byte(nil))
	f.Add(uint8(8), uint16(3*full), []byte{0, 100, 1, 0x20, 3, 0xff}, []byte("more"))
	f.Add(uint8(7), uint16(full), []byte{}, make([]byte, full))
	f.Fuzz(func(t *testing.T, which uint8, cut uint16, flips, more []byte) {
		v := victims[int(which)%len(victims)]
		damaged := bytes.Clone(v.message[:max(v.header, len(v.message)-int(cut))])
		damaged = append(damaged, more...)
		// Each three bytes are an offset from the header and what to flip there.
		for ; len(flips) >= 3 && len(damaged) > v.header; flips = flips[3:] {
			at := (int(flips[0])<<8 | int(flips[1])) % (len(damaged) - v.header)
			damaged[v.header+at] ^= flips[2]
		}
		v.check(t, "damaged", damaged)
	})
}
