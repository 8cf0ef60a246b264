package column_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// A table is a KeyStore in memory that counts its calls.
type table struct {
	mu        sync.Mutex
	files     map[format.Reference][]byte
	gets      int
	putErr    error
	beforePut func()
}

var _ envelope.KeyStore = (*table)(nil)

func newTable() *table { return &table{files: map[format.Reference][]byte{}} }

func (s *table) Get(_ context.Context, ref format.Reference) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gets++
	b, ok := s.files[ref]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(b), nil
}

func (s *table) Put(_ context.Context, ref format.Reference, keyFile []byte) error {
	if s.beforePut != nil {
		s.beforePut()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.files[ref]; ok {
		return fs.ErrExist
	}
	if s.putErr == nil {
		s.files[ref] = bytes.Clone(keyFile)
	}
	return s.putErr
}

func (s *table) Swap(_ context.Context, ref format.Reference, old, new []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !bytes.Equal(s.files[ref], old) {
		return envelope.ErrChanged
	}
	s.files[ref] = bytes.Clone(new)
	return nil
}

func (s *table) references() (refs []format.Reference) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref := range s.files {
		refs = append(refs, ref)
	}
	return refs
}

// A counter counts the calls of a provider, and lets a test stand between.
type counter struct {
	keyring.KeyProvider
	mu                sync.Mutex
	generate, decrypt int
	keys              []*keyring.DataKey // all that were handed out
	before            func(ctx context.Context) error
	after             func(*keyring.DataKey) *keyring.DataKey
}

func (p *counter) GenerateDataKey(ctx context.Context, req *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	return p.call(ctx, &p.generate, func() (*keyring.DataKey, error) { return p.KeyProvider.GenerateDataKey(ctx, req) })
}

func (p *counter) Decrypt(ctx context.Context, req *keyring.DecryptRequest) (*keyring.DataKey, error) {
	return p.call(ctx, &p.decrypt, func() (*keyring.DataKey, error) { return p.KeyProvider.Decrypt(ctx, req) })
}

func (p *counter) call(ctx context.Context, n *int, ask func() (*keyring.DataKey, error)) (*keyring.DataKey, error) {
	p.mu.Lock()
	*n++
	before := p.before
	p.mu.Unlock()
	if before != nil {
		if err := before(ctx); err != nil {
			return nil, err
		}
	}
	key, err := ask()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, key)
	if p.after != nil {
		key = p.after(key)
	}
	return key, nil
}

func (p *counter) counts() (generate, decrypt int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.generate, p.decrypt
}

// wiped reports how many of the keys that were handed out are destroyed.
func (p *counter) wiped() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.keys {
		if errors.Is(k.Expand(make([]byte, 1), nil), keyring.ErrDestroyed) {
			n++
		}
	}
	return n
}

func newProvider(t testing.TB) *counter {
	t.Helper()
	p, err := keyring.NewRawAES("test", bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &counter{KeyProvider: p}
}

var (
	users = envelope.Context{"table": "users", "column": "phone"}
	row9  = envelope.Context{"id": "9"}
)

func newCells(t testing.TB, p keyring.KeyProvider, s envelope.KeyStore, opts *column.Options) *column.Cells {
	t.Helper()
	c, err := column.New(p, s, users, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func seal(t testing.TB, c *column.Cells, value string, row envelope.Context) []byte {
	t.Helper()
	cell, err := c.Seal(t.Context(), nil, []byte(value), row)
	if err != nil {
		t.Fatal(err)
	}
	return cell
}

func TestRoundTrip(t *testing.T) {
	for _, s := range []format.Suite{format.AES256GCM, format.SM4GCM} {
		t.Run(s.String(), func(t *testing.T) {
			p, store := newProvider(t), newTable()
			c := newCells(t, p, store, &column.Options{Suite: s})
			// The other suite reads them as well: what was written stays readable when the option changes.
			reader := newCells(t, p, store, nil)
			for _, n := range []int{0, 1, 15, 16, 17, 100, 4096, column.MaxValue} {
				value := bytes.Repeat([]byte{0xab}, n)
				cell, err := c.Seal(t.Context(), nil, value, row9)
				if err != nil {
					t.Fatalf("Seal(%d bytes): %v", n, err)
				}
				if len(cell) != n+49 {
					t.Errorf("a cell of %d bytes has %d, want 49 more", n, len(cell))
				}
				for name, c := range map[string]*column.Cells{"writer": c, "reader": reader} {
					got, err := c.Open(t.Context(), nil, cell, row9)
					if err != nil || !bytes.Equal(got, value) {
						t.Errorf("Open(%d bytes) by the %s: %d bytes, %v", n, name, len(got), err)
					}
				}
			}
			if g, d := p.counts(); g != 1 || d != 2 || len(store.files) != 1 {
				t.Errorf("%d data keys generated, %d opened, %d key files, want 1, 2, 1", g, d, len(store.files))
			}
		})
	}
}

// Cells of equal values have nothing in common but the form and the reference.
func TestCellsDiffer(t *testing.T) {
	c := newCells(t, newProvider(t), newTable(), nil)
	a, b := seal(t, c, "same", row9), seal(t, c, "same", row9)
	if !bytes.Equal(a[:17], b[:17]) || bytes.Equal(a[17:33], b[17:33]) || bytes.Equal(a[33:37], b[33:37]) {
		t.Errorf("cells %x and %x", a, b)
	}
}

func TestAppend(t *testing.T) {
	c := newCells(t, newProvider(t), newTable(), nil)
	value := []byte("13800138000")
	buf := bytes.Repeat([]byte{0xaa}, 200)
	cell, err := c.Seal(t.Context(), buf[:5:150], value, row9)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(cell[:5], bytes.Repeat([]byte{0xaa}, 5)) || len(cell) != 5+len(value)+49 || &cell[0] != &buf[0] {
		t.Errorf("Seal appended to %x", cell)
	}
	if !bytes.Equal(buf[150:], bytes.Repeat([]byte{0xaa}, 50)) || string(value) != "13800138000" {
		t.Error("Seal wrote behind the capacity or into the value")
	}
	kept := bytes.Clone(cell)
	got, err := c.Open(t.Context(), []byte("tel:"), cell[5:], row9)
	if err != nil || string(got) != "tel:13800138000" {
		t.Errorf("Open = %q, %v", got, err)
	}
	if !bytes.Equal(cell, kept) {
		t.Error("Open changed the cell")
	}
	// A failed Open leaves nothing of a value behind.
	room := make([]byte, 0, 64)
	cell[len(cell)-1] ^= 1
	if got, err := c.Open(t.Context(), room, cell[5:], row9); !errors.Is(err, envelope.ErrAuthentication) || got != nil {
		t.Errorf("Open = %q, %v, want nothing", got, err)
	}
	if !bytes.Equal(room[:64], make([]byte, 64)) {
		t.Errorf("a failed Open left %x", room[:64])
	}
}

// A value that lies where the cell goes comes out right or panics, and is never sealed as something else.
func TestOverlap(t *testing.T) {
	c := newCells(t, newProvider(t), newTable(), nil)
	for off := range 120 {
		buf := bytes.Repeat([]byte("abcdefghij"), 20)
		value := buf[off : off+11]
		want := bytes.Clone(value)
		func() {
			defer func() { recover() }()
			cell, err := c.Seal(t.Context(), buf[:3], value, row9)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := c.Open(t.Context(), nil, cell[3:], row9); err != nil || !bytes.Equal(got, want) {
				t.Errorf("value at %d: Open = %q, %v, want %q", off, got, err, want)
			}
		}()
	}
}

// Every bit of a cell counts.
func TestTamper(t *testing.T) {
	store := newTable()
	c := newCells(t, newProvider(t), store, nil)
	cell := seal(t, c, "hello", row9)
	for i := range cell {
		for bit := range 8 {
			bad := bytes.Clone(cell)
			bad[i] ^= 1 << bit
			want := envelope.ErrAuthentication
			switch {
			case i == 0:
				want = format.ErrNotMessage
			case i > 0 && i <= 16:
				want = fs.ErrNotExist
			}
			if got, err := c.Open(t.Context(), nil, bad, row9); !errors.Is(err, want) || got != nil {
				t.Errorf("byte %d, bit %d: Open = %q, %v, want %v", i, bit, got, err, want)
			}
		}
	}
	for n := range cell {
		want := io.ErrUnexpectedEOF
		if n >= 49 {
			want = envelope.ErrAuthentication
		}
		if got, err := c.Open(t.Context(), nil, cell[:n], row9); !errors.Is(err, want) || got != nil {
			t.Errorf("%d bytes: Open = %q, %v, want %v", n, got, err, want)
		}
	}
	if _, err := c.Open(t.Context(), nil, append(bytes.Clone(cell), 0), row9); !errors.Is(err, envelope.ErrAuthentication) {
		t.Errorf("trailing byte: %v, want ErrAuthentication", err)
	}
}

// A cell opens in its row of its column and nowhere else, and a foreign column costs no call.
func TestPlace(t *testing.T) {
	p, store := newProvider(t), newTable()
	c := newCells(t, p, store, nil)
	cell := seal(t, c, "hello", envelope.Context{"id": "9", "part": ""})
	if _, err := c.Open(t.Context(), nil, cell, envelope.Context{"id": "9", "part": ""}); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]envelope.Context{
		"another value":  {"id": "10", "part": ""},
		"a pair missing": {"id": "9"},
		"a pair more":    {"id": "9", "part": "", "x": ""},
		"another name":   {"ID": "9", "part": ""},
	} {
		if got, err := c.Open(t.Context(), nil, cell, row); !errors.Is(err, envelope.ErrAuthentication) || got != nil {
			t.Errorf("%s: Open = %q, %v, want ErrAuthentication", name, got, err)
		}
	}
	_, before := p.counts()
	for name, ec := range map[string]envelope.Context{
		"another column":    {"table": "users", "column": "email"},
		"another tenant":    {"table": "users", "column": "phone", "tenant": "1"},
		"half of its pairs": {"table": "users"},
	} {
		other, err := column.New(p, store, ec, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := other.Open(t.Context(), nil, cell, envelope.Context{"id": "9", "part": ""}); !errors.Is(err, envelope.ErrAuthentication) || got != nil {
			t.Errorf("%s: Open = %q, %v, want ErrAuthentication", name, got, err)
		}
	}
	if _, after := p.counts(); after != before {
		t.Errorf("foreign columns made %d calls", after-before)
	}
}

// The key file of one cell under the name of another, or with the wrapped key of another, opens nothing.
func TestKeyFilesExchanged(t *testing.T) {
	p, store := newProvider(t), newTable()
	a := seal(t, newCells(t, p, store, nil), "hello", row9)
	b := seal(t, newCells(t, p, store, nil), "world", row9)
	refA, refB := format.Reference(a[1:17]), format.Reference(b[1:17])
	var fileA, fileB format.KeyFile
	if err := errors.Join(fileA.Parse(store.files[refA]), fileB.Parse(store.files[refB])); err != nil {
		t.Fatal(err)
	}
	record := fileA
	record.Record = fileB.Record
	withRecord, err := record.Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	original := maps.Clone(store.files)
	for name, file := range map[string][]byte{"file": original[refB], "record": withRecord} {
		store.files[refA] = file
		if got, err := newCells(t, p, store, nil).Open(t.Context(), nil, a, row9); !errors.Is(err, envelope.ErrAuthentication) || got != nil {
			t.Errorf("%s exchanged: Open = %q, %v, want ErrAuthentication", name, got, err)
		}
	}
	var parse *format.ParseError
	store.files[refA] = original[refA][:100]
	if _, err := newCells(t, p, store, nil).Open(t.Context(), nil, a, row9); !errors.As(err, &parse) || !strings.Contains(err.Error(), refA.String()) {
		t.Errorf("key file cut: %v, want a ParseError that names it", err)
	}
}

func TestNewErrors(t *testing.T) {
	p, store := newProvider(t), newTable()
	for _, tt := range []struct {
		name  string
		p     keyring.KeyProvider
		store envelope.KeyStore
		ec    envelope.Context
		opts  *column.Options
		want  error // nil: only that there is one, with the text
		text  string
	}{
		{"no provider", nil, store, users, nil, nil, "no key provider"},
		{"no store", p, nil, users, nil, nil, "no key store"},
		{"no column", p, store, nil, nil, envelope.ErrMissingPair, "nothing names the column"},
		{"reserved pair", p, store, envelope.Context{"xinfeng:x": ""}, nil, format.ErrInvalid, "xinfeng:"},
		{"suite", p, store, users, &column.Options{Suite: 3}, format.ErrUnsupportedSuite, "3"},
		{"MaxAge", p, store, users, &column.Options{MaxAge: -1}, nil, "MaxAge"},
		{"MaxAge of years", p, store, users, &column.Options{MaxAge: 9000 * 3600 * 1e9}, nil, "MaxAge"},
		{"MaxCells", p, store, users, &column.Options{MaxCells: -1}, nil, "MaxCells"},
		{"MaxCells above the format's", p, store, users, &column.Options{MaxCells: 1<<32 + 1}, nil, "MaxCells"},
		{"MaxBytes", p, store, users, &column.Options{MaxBytes: column.MaxValue - 1}, nil, "MaxBytes"},
		{"MaxOpen", p, store, users, &column.Options{MaxOpen: -1}, nil, "MaxOpen"},
		{"MaxOpenAge", p, store, users, &column.Options{MaxOpenAge: -1}, nil, "MaxOpenAge"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := column.New(tt.p, tt.store, tt.ec, tt.opts)
			if err == nil || c != nil || !strings.HasPrefix(err.Error(), "column: ") && !strings.HasPrefix(err.Error(), "format: ") || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("New = %v, %v, want %q", c, err, tt.text)
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("New = %v, want %v", err, tt.want)
			}
		})
	}
	// The largest values are allowed.
	if _, err := column.New(p, store, users, &column.Options{MaxCells: 1 << 32, MaxBytes: column.MaxValue}); err != nil {
		t.Error(err)
	}
}

func TestArgumentErrors(t *testing.T) {
	p, store := newProvider(t), newTable()
	c := newCells(t, p, store, nil)
	many := envelope.Context{}
	for i := range 256 {
		many[fmt.Sprint(i)] = ""
	}
	for _, tt := range []struct {
		name  string
		value int
		row   envelope.Context
		want  error
	}{
		{"too large", column.MaxValue + 1, row9, column.ErrTooLarge},
		{"no row", 1, nil, envelope.ErrMissingPair},
		{"empty row", 1, envelope.Context{}, envelope.ErrMissingPair},
		{"a pair of the column", 1, envelope.Context{"id": "9", "table": "users"}, format.ErrInvalid},
		{"256 pairs", 1, many, format.ErrInvalid},
		{"a name that is reserved", 1, envelope.Context{"xinfeng:": "secret-value"}, format.ErrInvalid},
		{"a value not UTF-8", 1, envelope.Context{"id": "secret-value\xff"}, format.ErrInvalid},
		{"a row too long", 1, envelope.Context{"id": strings.Repeat("x", 8192)}, format.ErrInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cell, err := c.Seal(t.Context(), nil, make([]byte, tt.value), tt.row)
			if !errors.Is(err, tt.want) || cell != nil {
				t.Errorf("Seal = %d bytes, %v, want %v", len(cell), err, tt.want)
			}
			if tt.want == column.ErrTooLarge {
				return
			}
			value, err := c.Open(t.Context(), nil, bytes.Repeat([]byte{0xf9}, 50), tt.row)
			if !errors.Is(err, tt.want) || value != nil {
				t.Errorf("Open = %q, %v, want %v", value, err, tt.want)
			}
			if strings.Contains(err.Error(), "secret-value") {
				t.Errorf("%q tells the value of a pair", err)
			}
		})
	}
	if g, d := p.counts(); g+d+store.gets != 0 {
		t.Errorf("%d calls for what is refused at once", g+d+store.gets)
	}
	// One less of each is sealed.
	delete(many, "0")
	if cell := seal(t, c, "x", many); len(cell) != 50 {
		t.Errorf("a cell of %d bytes", len(cell))
	}
}

// Rows of another shape than the first, and faults of rows of the same shape, are what they were before.
func TestShapes(t *testing.T) {
	p, store := newProvider(t), newTable()
	rows := []envelope.Context{{"id": "9"}, {"id": "9", "part": "1"}, {"part": "9"}, {"a": "", "b": "", "c": ""}, {"id": strings.Repeat("x", 8186)}}
	for _, first := range rows {
		c := newCells(t, p, store, nil)
		for _, row := range append([]envelope.Context{first}, rows...) {
			cell := seal(t, c, "hello", row)
			for _, other := range rows {
				got, err := newCells(t, p, store, nil).Open(t.Context(), nil, cell, other)
				if same := maps.Equal(row, other); same && (err != nil || string(got) != "hello") || !same && !errors.Is(err, envelope.ErrAuthentication) {
					t.Errorf("sealed in %.20v, opened in %.20v: %q, %v", row, other, got, err)
				}
			}
		}
		for _, bad := range []envelope.Context{{"id": "\xff"}, {"id": strings.Repeat("x", 8187)}, {"part": "\xff"}, {"table": ""}} {
			if _, err := c.Seal(t.Context(), nil, nil, bad); !errors.Is(err, format.ErrInvalid) {
				t.Errorf("Seal in %.20v after %.20v: %v, want ErrInvalid", bad, first, err)
			}
		}
	}
}

func TestNoRow(t *testing.T) {
	p, store := newProvider(t), newTable()
	c := newCells(t, p, store, &column.Options{InsecureAllowNoRow: true})
	cell := seal(t, c, "hello", nil)
	if got, err := c.Open(t.Context(), nil, cell, envelope.Context{}); err != nil || string(got) != "hello" {
		t.Errorf("Open = %q, %v", got, err)
	}
	if _, err := c.Open(t.Context(), nil, cell, row9); !errors.Is(err, envelope.ErrAuthentication) {
		t.Errorf("Open in a row: %v, want ErrAuthentication", err)
	}
}

// What callers do with their maps and options afterwards is theirs.
func TestArgumentsAreCopied(t *testing.T) {
	p, store := newProvider(t), newTable()
	ec, opts := maps.Clone(users), &column.Options{MaxCells: 1000}
	c, err := column.New(p, store, ec, opts)
	if err != nil {
		t.Fatal(err)
	}
	ec["column"], opts.MaxCells = "other", 1
	row := maps.Clone(row9)
	cell := seal(t, c, "hello", row)
	row["id"] = "10"
	seal(t, c, "hello", row)
	if got, err := newCells(t, p, store, nil).Open(t.Context(), nil, cell, row9); err != nil || string(got) != "hello" {
		t.Errorf("Open = %q, %v", got, err)
	}
	if g, _ := p.counts(); g != 1 {
		t.Errorf("%d data keys, want 1", g)
	}
}

// Nothing secret is in an error, and nothing at all is printed of a Cells or an Index.
func TestNothingIsPrinted(t *testing.T) {
	p, store := newProvider(t), newTable()
	c := newCells(t, p, store, nil)
	cell := seal(t, c, "top-secret", envelope.Context{"id": "secret-row"})
	if _, err := c.Open(t.Context(), nil, cell, envelope.Context{"id": "secret-row"}); err != nil {
		t.Fatal(err)
	}
	_, wrongRow := c.Open(t.Context(), nil, cell, envelope.Context{"id": "secret-9"})
	other, err := column.New(p, store, envelope.Context{"table": "secret-table"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, wrongColumn := other.Open(t.Context(), nil, cell, row9)
	x, err := column.NewIndex(t.Context(), p, store, format.Reference{1}, envelope.Context{"index": "secret-index"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkPrints(t, "secret", c, other, x, wrongRow, wrongColumn)
	if got := fmt.Sprint(c, x); got != "[cells of a column] [blind index]" {
		t.Errorf("printed as %q", got)
	}
}

// checkPrints checks that no verb prints secret of any of the values, neither as text nor as bytes, nor of what holds them: of
// an unexported field fmt calls no method, and under %s it follows the pointer.
func checkPrints(t *testing.T, secret string, values ...any) {
	t.Helper()
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb+" "+verb, v, struct{ hidden any }{v})
			for _, form := range []string{secret, fmt.Sprintf("%x", secret), strings.Trim(fmt.Sprint([]byte(secret)), "[]")} {
				if strings.Contains(text, form) {
					t.Errorf("%q has %q", text, form)
				}
			}
		}
	}
}
