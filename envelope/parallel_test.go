package envelope_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// long is a plaintext that is worth several cores in every way to write and to read it.
const long = 9<<20 + 777

// goroutine returns the name of the goroutine that calls it.
func goroutine() string {
	b := make([]byte, 64)
	name, _, _ := strings.Cut(string(b[:runtime.Stack(b, false)]), " [")
	return name
}

// Whatever the number of cores, long messages are the same to every reader.
func TestParallelism(t *testing.T) {
	ec := envelope.Context{"name": "backup"}
	want := text(long)
	for _, s := range []format.Suite{format.AES256GCM, format.SM4GCM} {
		if s == format.SM4GCM && testing.Short() {
			continue
		}
		for _, cores := range []int{1, 2, 5} {
			c := newClient(t, newProvider(t), &envelope.Options{Suite: s, Parallelism: cores})
			messages := map[string][]byte{"Encrypt": encrypt(t, c, want, ec)}
			var buf bytes.Buffer
			w, err := c.NewWriter(t.Context(), &buf, ec)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.ReadFrom(bytes.NewReader(want[:5<<20])); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(want[5<<20:]); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			messages["NewWriter"] = buf.Bytes()
			for how, m := range messages {
				name := fmt.Sprintf("%v, %d cores, %s", s, cores, how)
				if got, err := c.Decrypt(t.Context(), m, ec); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: Decrypt = %d bytes, %v", name, len(got), err)
				}
				r, err := c.NewReader(t.Context(), bytes.NewReader(m), ec)
				if err != nil {
					t.Fatal(err)
				}
				var got bytes.Buffer
				if _, err := io.Copy(&got, r); err != nil || !bytes.Equal(got.Bytes(), want) {
					t.Errorf("%s: Copy = %d bytes, %v", name, got.Len(), err)
				}
				ra, err := c.NewReaderAt(t.Context(), bytes.NewReader(m), int64(len(m)), ec)
				if err != nil {
					t.Fatal(err)
				}
				p := make([]byte, long-3)
				if _, err := ra.ReadAt(p, 3); err != nil || !bytes.Equal(p, want[3:]) {
					t.Errorf("%s: ReadAt = %v", name, err)
				}
				if _, err := c.Verify(t.Context(), bytes.NewReader(m), ec); err != nil {
					t.Errorf("%s: Verify = %v", name, err)
				}
				bad := bytes.Clone(m)
				bad[len(bad)/2] ^= 1
				for how, open := range map[string]func() error{
					"Decrypt": func() error { _, err := c.Decrypt(t.Context(), bad, ec); return err },
					"Verify":  func() error { _, err := c.Verify(t.Context(), bytes.NewReader(bad), ec); return err },
				} {
					if err := open(); !errors.Is(err, envelope.ErrAuthentication) {
						t.Errorf("%s: %s of a damaged message = %v, want %v", name, how, err, envelope.ErrAuthentication)
					}
				}
			}
		}
	}
}

// A caller's slice with room for the result is written by all cores, and nothing behind the result.
func TestParallelAppend(t *testing.T) {
	c := newClient(t, newProvider(t), &envelope.Options{Parallelism: 3})
	want := text(long)
	room := bytes.Repeat([]byte{0xaa}, long+1<<20)
	m, err := c.AppendEncrypt(t.Context(), room[:0], want, nil)
	if err != nil || &m[0] != &room[0] || bytes.Count(room[len(m):], []byte{0xaa}) != len(room)-len(m) {
		t.Errorf("AppendEncrypt = %d bytes, %v, not into the room or behind the result", len(m), err)
	}
	plainRoom := bytes.Repeat([]byte{0xaa}, long+100)
	got, _, err := c.AppendDecrypt(t.Context(), plainRoom[:0], m, nil)
	if err != nil || &got[0] != &plainRoom[0] || !bytes.Equal(got, want) || bytes.Count(plainRoom[long:], []byte{0xaa}) != 100 {
		t.Errorf("AppendDecrypt = %d bytes, %v, not into the room or behind the result", len(got), err)
	}
}

// Progress is told on the goroutine of the caller, in order, though others read and write.
func TestProgressGoroutine(t *testing.T) {
	dir := t.TempDir()
	src, enc, dec := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	writeFile(t, src, text(long), 0o600)
	c := newClient(t, newProvider(t), &envelope.Options{Parallelism: 4})
	me := goroutine()
	var told []int64
	opts := &envelope.FileOptions{Progress: func(done, total int64) {
		if g := goroutine(); g != me {
			t.Errorf("progress on %s, want %s", g, me)
		}
		if total != long {
			t.Errorf("progress of %d bytes, want %d", total, long)
		}
		told = append(told, done)
	}}
	for name, call := range map[string]func() error{
		"EncryptFile": func() error { return c.EncryptFile(t.Context(), enc, src, nil, opts) },
		"DecryptFile": func() error {
			if err := c.EncryptFile(t.Context(), enc, src, nil, nil); err != nil {
				return err
			}
			_, err := c.DecryptFile(t.Context(), dec, enc, nil, opts)
			return err
		},
	} {
		told = nil
		if err := call(); err != nil {
			t.Errorf("%s = %v", name, err)
		}
		if len(told) < 3 || told[len(told)-1] != long || !slices.IsSorted(told) || len(slices.Compact(told)) != len(told) {
			t.Errorf("%s: progress %v, want rising numbers to %d", name, told, long)
		}
	}
	fileIs(t, dec, text(long))
}

// A context that ends while several cores are at work ends the call between two batches, and leaves nothing.
func TestFileCancelledTogether(t *testing.T) {
	dir := t.TempDir()
	src, enc, dst := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	writeFile(t, src, text(long), 0o600)
	c := newClient(t, newProvider(t), &envelope.Options{Parallelism: 4})
	if err := c.EncryptFile(t.Context(), enc, src, nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, after := range []int64{0, 2 << 20, 4 << 20, 8 << 20} {
		for name, call := range map[string]func(ctx context.Context, opts *envelope.FileOptions) error{
			"EncryptFile": func(ctx context.Context, opts *envelope.FileOptions) error {
				return c.EncryptFile(ctx, dst, src, nil, opts)
			},
			"DecryptFile": func(ctx context.Context, opts *envelope.FileOptions) error {
				_, err := c.DecryptFile(ctx, dst, enc, nil, opts)
				return err
			},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			err := call(ctx, &envelope.FileOptions{Progress: func(done, _ int64) {
				if done >= after {
					cancel()
				}
			}})
			cancel()
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s cancelled after %d bytes = %v, want %v", name, after, err, context.Canceled)
			}
			namesAre(t, dir, "a", "b")
		}
	}
}

// Many files at once share the pools and disturb each other in nothing.
func TestFilesTogether(t *testing.T) {
	dir := t.TempDir()
	c := newClient(t, newProvider(t), &envelope.Options{Parallelism: 2})
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			name := filepath.Join(dir, fmt.Sprint(i))
			want := text(3<<20 + i*suite.MinChunkSize)
			if err := os.WriteFile(name, want, 0o600); err != nil {
				t.Error(err)
				return
			}
			if err := c.EncryptFile(t.Context(), name+".x", name, nil, nil); err != nil {
				t.Error(err)
				return
			}
			if _, err := c.DecryptFile(t.Context(), name+".y", name+".x", nil, nil); err != nil {
				t.Error(err)
				return
			}
			fileIs(t, name+".y", want)
		})
	}
	wg.Wait()
}
