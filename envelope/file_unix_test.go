//go:build unix

package envelope_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
)

func TestFileNames(t *testing.T) {
	c := newClient(t, newProvider(t), nil)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	writeFile(t, at("file"), []byte("x"), 0o600)
	writeFile(t, at("message"), encrypt(t, c, []byte("x"), nil), 0o600)
	for _, err := range []error{os.Mkdir(at("dir"), 0o700), os.Symlink("file", at("link")), os.Symlink("dir", at("dirlink")), os.Link(at("file"), at("hard")), syscall.Mkfifo(at("pipe"), 0o600), os.Symlink("pipe", at("pipelink"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		dst, src string
		want     error
	}{
		{"file", "file", envelope.ErrSameFile},
		{"link", "file", envelope.ErrSameFile},
		{"hard", "file", envelope.ErrSameFile},
		{"dir", "file", syscall.EISDIR},
		{"dirlink", "file", syscall.EISDIR},
		{"pipe", "file", fs.ErrInvalid}, // and stays what it is: /dev/null is such a name
		{"pipelink", "file", fs.ErrInvalid},
		{"new", "dir", syscall.EISDIR},
		{"new", "pipe", fs.ErrInvalid}, // does not wait for a writer
		{"new", "none", fs.ErrNotExist},
		{"none/new", "file", fs.ErrNotExist},
		{"new", "", fs.ErrNotExist},
	} {
		src := tt.src
		if src != "" {
			src = at(src)
		}
		if err := c.EncryptFile(t.Context(), at(tt.dst), src, nil, nil); !errors.Is(err, tt.want) {
			t.Errorf("EncryptFile(%s, %s) = %v, want %v", tt.dst, tt.src, err, tt.want)
		}
		if _, err := c.DecryptFile(t.Context(), at(tt.dst), src, nil, nil); !errors.Is(err, tt.want) {
			t.Errorf("DecryptFile(%s, %s) = %v, want %v", tt.dst, tt.src, err, tt.want)
		}
	}
	namesAre(t, dir, "dir", "dirlink", "file", "hard", "link", "message", "pipe", "pipelink")
	if info, err := os.Stat(at("pipe")); err != nil || info.Mode().IsRegular() {
		t.Errorf("the pipe is %v, %v", info.Mode(), err)
	}
	fileIs(t, at("file"), []byte("x"))

	// A link as source is followed, a link as destination is replaced and its target left alone.
	if err := os.Symlink("message", at("mlink")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DecryptFile(t.Context(), at("dst"), at("mlink"), nil, nil); err != nil {
		t.Error(err)
	}
	before, err := os.ReadFile(at("message"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.EncryptFile(t.Context(), at("mlink"), at("file"), nil, nil); err != nil {
		t.Error(err)
	}
	fileIs(t, at("message"), before)
	if info, err := os.Lstat(at("mlink")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("mlink is %v, %v, want a regular file", info.Mode(), err)
	}
}

// A disk that is full midway is told as such; the destination is as it was and nothing lies beside it. A limit on the
// size of files stands for the disk: the system refuses the write alike, but with EFBIG. It is the limit of a process, so
// the test has one of its own; go test writes files in this one.
func TestFullDisk(t *testing.T) {
	const child = "XINFENG_TEST_FULL_DISK"
	if os.Getenv(child) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$")
		cmd.Env = append(os.Environ(), child+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	c := newClient(t, newProvider(t), &envelope.Options{ChunkSize: chunk})
	dir := t.TempDir()
	src, msg, dst := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	plaintext := text(3 << 20)
	writeFile(t, src, plaintext, 0o600)
	writeFile(t, msg, encrypt(t, c, plaintext, nil), 0o600)
	writeFile(t, dst, []byte("precious"), 0o600)

	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{0, 10, 300, 1 << 20, 2<<20 + 5} {
		now := was
		setLimit(&now.Cur, limit)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &now); err != nil {
			t.Fatal(err)
		}
		encErr := c.EncryptFile(t.Context(), dst, src, nil, nil)
		_, decErr := c.DecryptFile(t.Context(), dst, msg, nil, nil)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(encErr, syscall.EFBIG) || !errors.Is(decErr, syscall.EFBIG) {
			t.Errorf("disk full after %d bytes: EncryptFile = %v, DecryptFile = %v, want EFBIG", limit, encErr, decErr)
		}
		namesAre(t, dir, "a", "b", "c")
		fileIs(t, dst, []byte("precious"))
	}
}

// setLimit sets a field of an Rlimit, which is signed on some systems and unsigned on others.
func setLimit[T int64 | uint64](field *T, limit int) { *field = T(limit) }
