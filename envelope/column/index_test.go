package column_test

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

var (
	phoneIndex = format.Reference{0x1d, 0xe0}
	indexed    = envelope.Context{"table": "users", "index": "phone"}
)

func sum(t *testing.T, x *column.Index, value string) string {
	t.Helper()
	b, err := x.Sum(nil, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestIndex(t *testing.T) {
	for _, s := range []format.Suite{format.AES256GCM, format.SM4GCM} {
		t.Run(s.String(), func(t *testing.T) {
			p, store := newProvider(t), newTable()
			made, err := column.NewIndex(t.Context(), p, store, phoneIndex, indexed, &column.IndexOptions{Suite: s})
			if err != nil {
				t.Fatal(err)
			}
			defer made.Close()
			opened, err := column.OpenIndex(t.Context(), p, store, phoneIndex, indexed, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			seen := map[string]string{}
			for _, value := range []string{"", "a", "b", "aa", "13800138000", "13800138001", strings.Repeat("x", column.MaxValue)} {
				got := sum(t, made, value)
				if len(got) != 16 {
					t.Errorf("an index of %d bytes, want 16", len(got))
				}
				if sum(t, opened, value) != got || sum(t, made, value) != got {
					t.Errorf("the index of %d bytes is not always the same", len(value))
				}
				if was, ok := seen[got]; ok {
					t.Errorf("%.20q and %.20q have one index", was, value)
				}
				seen[got] = value
			}
			// Calls are those of making and opening; Sum makes none.
			if g, d := p.counts(); g != 1 || d != 1 || store.gets != 1 {
				t.Errorf("%d generated, %d opened, %d read, want 1 of each", g, d, store.gets)
			}
			long, err := column.OpenIndex(t.Context(), p, store, phoneIndex, indexed, &column.IndexOptions{Size: 32})
			if err != nil {
				t.Fatal(err)
			}
			defer long.Close()
			if !strings.HasPrefix(sum(t, long, "a"), sum(t, made, "a")) {
				t.Error("a shorter index is not the beginning of a longer one")
			}
		})
	}
}

// Two indexes have nothing in common, though the value be the same: nobody can join tables by them.
func TestIndexesDiffer(t *testing.T) {
	p, store := newProvider(t), newTable()
	a, err := column.NewIndex(t.Context(), p, store, format.Reference{1}, indexed, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := column.NewIndex(t.Context(), p, store, format.Reference{2}, indexed, nil)
	if err != nil {
		t.Fatal(err)
	}
	if sum(t, a, "13800138000") == sum(t, b, "13800138000") {
		t.Error("two indexes of one value are equal")
	}
}

func TestIndexAppends(t *testing.T) {
	x, err := column.NewIndex(t.Context(), newProvider(t), newTable(), phoneIndex, indexed, nil)
	if err != nil {
		t.Fatal(err)
	}
	buf := bytes.Repeat([]byte{0xaa}, 40)
	got, err := x.Sum(buf[:4:30], []byte("a"))
	if err != nil || len(got) != 20 || &got[0] != &buf[0] || string(got[4:]) != sum(t, x, "a") {
		t.Errorf("Sum = %x, %v", got, err)
	}
	if !bytes.Equal(buf[20:], bytes.Repeat([]byte{0xaa}, 20)) {
		t.Error("Sum wrote behind its end")
	}
	if got, err := x.Sum(nil, make([]byte, column.MaxValue+1)); !errors.Is(err, column.ErrTooLarge) || got != nil {
		t.Errorf("Sum = %x, %v, want ErrTooLarge", got, err)
	}
}

func TestIndexClose(t *testing.T) {
	p := newProvider(t)
	// Before a cache, an index still has a data key of its own, and gives it back once.
	cache, err := keyring.NewCaching(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	x, err := column.NewIndex(t.Context(), cache, newTable(), phoneIndex, indexed, nil)
	if err != nil {
		t.Fatal(err)
	}
	table := newTable()
	other, err := column.NewIndex(t.Context(), cache, table, phoneIndex, indexed, nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := x.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// The data key may be anybody's: closed is closed all the same.
	opened, err := column.OpenIndex(t.Context(), cache, table, phoneIndex, indexed, nil)
	if err != nil {
		t.Fatal(err)
	}
	opened.Close()
	if got, err := opened.Sum(nil, nil); !errors.Is(err, column.ErrClosed) || got != nil {
		t.Errorf("Sum under a key that the cache holds = %x, %v, want ErrClosed", got, err)
	}
	sum(t, other, "a")
	cache.Close()
	sum(t, other, "a")
	other.Close()
	if got, err := other.Sum(nil, nil); !errors.Is(err, column.ErrClosed) || got != nil {
		t.Errorf("Sum = %x, %v, want ErrClosed", got, err)
	}
	if g, _ := p.counts(); g != 2 || p.wiped() != 3 {
		t.Errorf("%d data keys, %d wiped, want 2, and 3 with the one that was opened", g, p.wiped())
	}
}

func TestIndexErrors(t *testing.T) {
	p, store := newProvider(t), newTable()
	if _, err := column.OpenIndex(t.Context(), p, store, phoneIndex, indexed, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenIndex before NewIndex: %v, want fs.ErrNotExist", err)
	}
	if _, err := column.NewIndex(t.Context(), p, store, phoneIndex, indexed, nil); err != nil {
		t.Fatal(err)
	}
	kept := bytes.Clone(store.files[phoneIndex])
	if _, err := column.NewIndex(t.Context(), p, store, phoneIndex, indexed, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("NewIndex again: %v, want fs.ErrExist", err)
	}
	if !bytes.Equal(store.files[phoneIndex], kept) {
		t.Error("NewIndex again replaced the key file")
	}
	if p.wiped() != 1 {
		t.Error("the data key that was not stored was not wiped")
	}
	for _, tt := range []struct {
		name string
		p    keyring.KeyProvider
		s    envelope.KeyStore
		ec   envelope.Context
		opts *column.IndexOptions
		want error // nil: only that there is one
	}{
		{"another column", p, store, users, nil, envelope.ErrAuthentication},
		{"no column", p, store, nil, nil, envelope.ErrMissingPair},
		{"no provider", nil, store, indexed, nil, nil},
		{"no store", p, nil, indexed, nil, nil},
		{"no suite", p, store, indexed, &column.IndexOptions{Suite: 9}, format.ErrUnsupportedSuite},
		{"size below 1", p, store, indexed, &column.IndexOptions{Size: -1}, nil},
		{"size above 32", p, store, indexed, &column.IndexOptions{Size: 33}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for what, err := range map[string]error{
				"NewIndex":  second(column.NewIndex(t.Context(), tt.p, tt.s, format.Reference{9}, tt.ec, tt.opts)),
				"OpenIndex": second(column.OpenIndex(t.Context(), tt.p, tt.s, phoneIndex, tt.ec, tt.opts)),
			} {
				if what == "NewIndex" && tt.name == "another column" {
					continue
				}
				if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.HasPrefix(err.Error(), "column: ") {
					t.Errorf("%s = %v, want %v", what, err, tt.want)
				}
			}
		})
	}
	store.putErr = errors.New("disk full")
	if _, err := column.NewIndex(t.Context(), p, store, format.Reference{7}, indexed, nil); !errors.Is(err, store.putErr) {
		t.Errorf("NewIndex = %v, want %v", err, store.putErr)
	}
}

func second[T any](_ T, err error) error { return err }

// Rewrapping its key file leaves an index as it is.
func TestIndexOutlivesRewrap(t *testing.T) {
	p, store := newProvider(t), newTable()
	x, err := column.NewIndex(t.Context(), p, store, phoneIndex, indexed, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(store.files[phoneIndex])
	client, err := envelope.New(p.KeyProvider, &envelope.Options{KeyStore: store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.RewrapKey(t.Context(), phoneIndex, indexed, nil); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(before, store.files[phoneIndex]) {
		t.Fatal("the key file was not renewed")
	}
	again, err := column.OpenIndex(t.Context(), p, store, phoneIndex, indexed, nil)
	if err != nil {
		t.Fatal(err)
	}
	if sum(t, again, "a") != sum(t, x, "a") {
		t.Error("the index changed")
	}
}
