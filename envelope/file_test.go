package envelope_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

func writeFile(t *testing.T, path string, content []byte, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

func fileIs(t *testing.T, path string, want []byte) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, %v, want %d bytes", filepath.Base(path), len(got), err, len(want))
	}
}

// namesAre checks that a directory holds these names and nothing else: no temporary file is left.
func namesAre(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("directory holds %v, want %v", got, want)
	}
}

func TestFiles(t *testing.T) {
	ec := envelope.Context{"name": "sales.csv"}
	c := newClient(t, newProvider(t), &envelope.Options{ChunkSize: chunk})
	when := time.Date(2021, 5, 6, 7, 8, 9, 0, time.UTC)
	for _, n := range sizes {
		dir := t.TempDir()
		src, enc, dec := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
		writeFile(t, src, text(n), 0o640|fs.ModeSetuid)
		if err := os.Chtimes(src, when, when); err != nil {
			t.Fatal(err)
		}
		var done, total int64
		opts := &envelope.FileOptions{KeepModTime: true, Progress: func(d, all int64) {
			if d < done || d > all {
				t.Errorf("progress from %d to %d of %d", done, d, all)
			}
			done, total = d, all
		}}
		done = 0
		if err := c.EncryptFile(t.Context(), enc, src, ec, opts); err != nil {
			t.Fatal(err)
		}
		if done != int64(n) || total != int64(n) {
			t.Errorf("progress of encryption ends at %d of %d, want %d", done, total, n)
		}
		done, total = 0, -1
		info, err := c.DecryptFile(t.Context(), dec, enc, ec, opts)
		if err != nil || info.KeyID != "test" {
			t.Fatalf("DecryptFile = %v, %v", info, err)
		}
		if done != int64(n) || total != int64(n) {
			t.Errorf("progress of decryption ends at %d of %d, want %d", done, total, n)
		}
		fileIs(t, dec, text(n))
		namesAre(t, dir, "a", "b", "c")
		for _, path := range []string{enc, dec} {
			info, err := os.Stat(path)
			if err != nil || info.Mode() != 0o640 || !info.ModTime().Equal(when) {
				t.Errorf("mode %v, time %v, %v, want 0640 and %v", info.Mode(), info.ModTime(), err, when)
			}
		}
	}
}

// Who wants so is the only one to read the destination, whoever can read the source.
func TestFileOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	src, enc, dec := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	c := newClient(t, newProvider(t), nil)
	for _, mode := range []fs.FileMode{0o644, 0o400} {
		writeFile(t, src, []byte("secret"), mode)
		opts := &envelope.FileOptions{OwnerOnly: true}
		if err := c.EncryptFile(t.Context(), enc, src, nil, opts); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(enc, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := c.DecryptFile(t.Context(), dec, enc, nil, opts); err != nil {
			t.Fatal(err)
		}
		fileIs(t, dec, []byte("secret"))
		if err := c.EncryptFile(t.Context(), enc, src, nil, opts); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{enc, dec} {
			if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
				t.Errorf("of a source of mode %v: %v, %v, want 0600", mode, info.Mode(), err)
			}
		}
		if err := os.Remove(src); err != nil {
			t.Fatal(err)
		}
	}
}

// By default the time of the destination is that of writing, and a destination is replaced.
func TestFileDefaults(t *testing.T) {
	dir := t.TempDir()
	src, enc := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	writeFile(t, src, []byte("new"), 0o600)
	writeFile(t, enc, []byte("old"), 0o644)
	long := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(src, long, long); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, newProvider(t), nil)
	if err := c.EncryptFile(t.Context(), enc, src, nil, nil); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(enc)
	if err != nil || info.ModTime().Equal(long) || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, time %v, %v", info.Mode(), info.ModTime(), err)
	}
	if _, err := c.DecryptFile(t.Context(), enc+".plain", enc, nil, nil); err != nil {
		t.Fatal(err)
	}
	fileIs(t, enc+".plain", []byte("new"))
}

// After any failure the destination is as it was and nothing lies beside it.
func TestFileFailures(t *testing.T) {
	ec := envelope.Context{"a": "b"}
	good := newClient(t, newProvider(t), &envelope.Options{ChunkSize: chunk})
	plaintext := text(3<<20 + 5)
	message := encrypt(t, good, plaintext, ec)
	cut := message[:len(message)-1]
	bad := bytes.Clone(message)
	bad[len(bad)-100] ^= 1

	outage := newProvider(t)
	outage.onGenerate = func(k *keyring.DataKey, err error) (*keyring.DataKey, error) { k.Destroy(); return nil, errOutage }
	outage.onDecrypt = outage.onGenerate

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	midway := func() (context.Context, *envelope.FileOptions) {
		ctx, cancel := context.WithCancel(t.Context())
		return ctx, &envelope.FileOptions{Progress: func(done, _ int64) { cancel() }}
	}
	plain := func() (context.Context, *envelope.FileOptions) { return t.Context(), nil }
	noReplace := func() (context.Context, *envelope.FileOptions) {
		return t.Context(), &envelope.FileOptions{NoReplace: true}
	}
	type call struct {
		name    string
		decrypt bool
		client  *envelope.Client
		source  []byte
		ec      envelope.Context
		with    func() (context.Context, *envelope.FileOptions)
		want    error
	}
	for _, tt := range []call{
		{"encrypt, outage", false, newClient(t, outage, nil), plaintext, ec, plain, errOutage},
		{"encrypt, bad context", false, good, plaintext, envelope.Context{"": ""}, plain, format.ErrInvalid},
		{"encrypt, cancelled before", false, good, plaintext, ec, func() (context.Context, *envelope.FileOptions) { return cancelled, nil }, context.Canceled},
		{"encrypt, cancelled midway", false, good, plaintext, ec, midway, context.Canceled},
		{"encrypt, destination exists", false, good, plaintext, ec, noReplace, fs.ErrExist},
		{"decrypt, outage", true, newClient(t, outage, nil), message, ec, plain, errOutage},
		{"decrypt, wrong context", true, good, message, nil, plain, envelope.ErrAuthentication},
		{"decrypt, cancelled before", true, good, message, ec, func() (context.Context, *envelope.FileOptions) { return cancelled, nil }, context.Canceled},
		{"decrypt, cancelled midway", true, good, message, ec, midway, context.Canceled},
		{"decrypt, damaged near the end", true, good, bad, ec, plain, envelope.ErrAuthentication},
		{"decrypt, cut", true, good, cut, ec, plain, envelope.ErrAuthentication},
		{"decrypt, no message", true, good, plaintext, ec, plain, format.ErrNotMessage},
		{"decrypt, empty file", true, good, nil, ec, plain, nil}, // a *format.ParseError, see below
		{"decrypt, destination exists", true, good, message, ec, noReplace, fs.ErrExist},
	} {
		for _, exists := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, exists=%v", tt.name, exists), func(t *testing.T) {
				if !exists && tt.want == fs.ErrExist {
					return // that is no failure
				}
				dir := t.TempDir()
				src, dst := filepath.Join(dir, "a"), filepath.Join(dir, "b")
				writeFile(t, src, tt.source, 0o600)
				want := []string{"a"}
				if exists {
					writeFile(t, dst, []byte("precious"), 0o600)
					want = append(want, "b")
				}
				ctx, opts := tt.with()
				var err error
				if tt.decrypt {
					_, err = tt.client.DecryptFile(ctx, dst, src, tt.ec, opts)
				} else {
					err = tt.client.EncryptFile(ctx, dst, src, tt.ec, opts)
				}
				var parse *format.ParseError
				if tt.want == nil && !errors.As(err, &parse) || tt.want != nil && !errors.Is(err, tt.want) {
					t.Errorf("error = %v, want %v", err, tt.want)
				}
				namesAre(t, dir, want...)
				if exists {
					fileIs(t, dst, []byte("precious"))
				}
				fileIs(t, src, tt.source)
			})
		}
	}
}

// A source that grows or shrinks while it is read is refused, and nothing is left. The progress callback is where a test
// can change it at a known moment.
func TestFileChangesWhileRead(t *testing.T) {
	c := newClient(t, newProvider(t), &envelope.Options{ChunkSize: chunk})
	plaintext := text(3 << 20)
	message := encrypt(t, c, plaintext, nil)
	for name, change := range map[string]func(t *testing.T, path string){
		"grows": func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.Write(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
		},
		"shrinks": func(t *testing.T, path string) {
			if err := os.Truncate(path, 2<<20+100); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, decrypt := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, decrypt=%v", name, decrypt), func(t *testing.T) {
				dir := t.TempDir()
				src, dst := filepath.Join(dir, "a"), filepath.Join(dir, "b")
				changed := false
				opts := &envelope.FileOptions{Progress: func(done, total int64) {
					if !changed {
						changed = true
						change(t, src)
					}
				}}
				var err error
				want := envelope.ErrSourceChanged
				if decrypt {
					writeFile(t, src, message, 0o600)
					want = envelope.ErrAuthentication
					_, err = c.DecryptFile(t.Context(), dst, src, nil, opts)
				} else {
					writeFile(t, src, plaintext, 0o600)
					err = c.EncryptFile(t.Context(), dst, src, nil, opts)
				}
				if !errors.Is(err, want) {
					t.Errorf("error = %v, want %v", err, want)
				}
				namesAre(t, dir, "a")
			})
		}
	}
}

// A file that is larger than any message may be is refused at once: nobody is asked for a key, and no disk is filled.
func TestEncryptFileTooLarge(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "a")
	writeFile(t, src, nil, 0o600)
	if os.Truncate(src, format.MaxPlaintext+1) != nil {
		// ext4 has no files of 64 TiB, memory has.
		if shm, err := os.MkdirTemp("/dev/shm", "xinfeng-test-"); err == nil {
			t.Cleanup(func() { os.RemoveAll(shm) })
			dir, src = shm, filepath.Join(shm, "a")
			writeFile(t, src, nil, 0o600)
		}
		if err := os.Truncate(src, format.MaxPlaintext+1); err != nil {
			t.Skipf("no file system here has files of 64 TiB: %v", err)
		}
	}
	p := newProvider(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // reading it would take days
	defer cancel()
	if err := newClient(t, p, nil).EncryptFile(ctx, filepath.Join(dir, "b"), src, nil, nil); !errors.Is(err, format.ErrSize) {
		t.Errorf("EncryptFile = %v, want format.ErrSize", err)
	}
	if p.generate != 0 {
		t.Error("the provider was asked")
	}
	namesAre(t, dir, "a")
}

// A message to whose file something was added, as a hole that costs nothing, is refused by its end: before space for what
// it seems to hold is taken from the disk, and not for want of that space.
func TestDecryptFileProvesItsSize(t *testing.T) {
	c := newClient(t, newProvider(t), &envelope.Options{ChunkSize: chunk})
	m := encrypt(t, c, text(3<<20), nil)
	for name, size := range map[string]int64{"1 TiB": 1 << 40, "a chunk more": int64(len(m)) + chunk + 16, "a chunk less": int64(len(m)) - chunk - 16} {
		dir := t.TempDir()
		src := filepath.Join(dir, "a")
		writeFile(t, src, m, 0o600)
		if err := os.Truncate(src, size); err != nil {
			t.Fatal(err)
		}
		opts := &envelope.FileOptions{Progress: func(done, total int64) {
			t.Errorf("%s: %d of %d bytes were decrypted", name, done, total)
		}}
		if _, err := c.DecryptFile(t.Context(), filepath.Join(dir, "b"), src, nil, opts); !errors.Is(err, envelope.ErrAuthentication) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: DecryptFile = %v, want ErrAuthentication and io.ErrUnexpectedEOF", name, err)
		}
		namesAre(t, dir, "a")
	}
}

func TestErrorsNameFiles(t *testing.T) {
	c := newClient(t, newProvider(t), nil)
	dir := t.TempDir()
	err := c.EncryptFile(t.Context(), filepath.Join(dir, "x"), dir, nil, nil)
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("EncryptFile of a directory = %v, which does not name it", err)
	}
}
