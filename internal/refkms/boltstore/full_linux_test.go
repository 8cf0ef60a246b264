package boltstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/boltstore"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
)

// limitFiles has the system write nothing behind size bytes of any file of this process, as if the disk were full there:
// writes fail, or are short.
func limitFiles(t *testing.T, size uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = min(size, limit.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
}

const unlimited = ^uint64(0)

const childEnv = "XINFENG_TEST_FULL_DISK"

// inChild has a test run in a process of its own, whose files may be limited: those of the test's own process are also
// what go test has it write. It reports whether this is that process.
func inChild(t *testing.T) bool {
	t.Helper()
	if os.Getenv(childEnv) != "" {
		signal.Ignore(syscall.SIGXFSZ) // a limit is told of by an error alone
		t.Cleanup(func() { limitFiles(t, unlimited) })
		return true
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(cmd.Environ(), childEnv+"=1")
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("PASS")) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// Where the disk is full an Update fails and leaves everything as it was; reads go on, and writes when there is room again.
func TestFullDisk(t *testing.T) {
	if !inChild(t) {
		return
	}
	path := filepath.Join(t.TempDir(), "store")
	s, err := boltstore.Open(path, key(t, 1), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	model := map[string]string{}
	write := func() error {
		draft := maps.Clone(model)
		err := s.Update(func(tx state.Tx) error {
			for range 1 + random.IntN(40) {
				name := fmt.Sprintf("alias/%d", random.IntN(2000))
				if random.IntN(4) == 0 {
					state.Aliases.Delete(tx, world, name)
					delete(draft, name)
					continue
				}
				draft[name] = strings.Repeat("k", random.IntN(500))
				state.Aliases.Put(tx, world, name, &state.Alias{Name: name, KeyID: draft[name]})
			}
			return nil
		})
		if err == nil {
			model = draft
		}
		return err
	}
	for range 100 {
		if err := write(); err != nil {
			t.Fatalf("Update = %v", err)
		}
	}
	failures, appended := 0, 0
	for i := range 300 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if limit := uint64(random.Int64N(info.Size() + 100<<10)); i%3 > 0 {
			limitFiles(t, limit)
		} else {
			limitFiles(t, unlimited)
		}
		if err := s.Log().Append(&trail.Record{Scope: world, Name: "Encrypt"}); err != nil {
			t.Fatalf("Append = %v", err)
		}
		appended++
		if err := write(); err != nil {
			failures++
			if !errors.Is(err, boltstore.ErrNotWritten) {
				t.Fatalf("Update = %v, want ErrNotWritten", err)
			}
		}
		if i%20 == 0 {
			if got := content(t, s); !maps.Equal(got, model) {
				t.Fatalf("step %d: the store holds %d records, want %d", i, len(got), len(model))
			}
			if n := records(s.Log(), world, 0); n != appended {
				t.Fatalf("step %d: the trail has %d records, want %d", i, n, appended)
			}
		}
	}
	limitFiles(t, unlimited)
	if failures < 50 {
		t.Errorf("%d of 200 writes beyond a limit failed: the test shows little", failures)
	}
	if err := write(); err != nil {
		t.Errorf("Update when there is room = %v", err)
	}
	if err := errors.Join(s.Check(), s.Close()); err != nil {
		t.Errorf("Check and Close = %v", err)
	}
	s = open(t, path)
	if got := content(t, s); !maps.Equal(got, model) {
		t.Errorf("opened again the store holds %d records, want %d", len(got), len(model))
	}
	if n := records(s.Log(), world, 0); n != appended {
		t.Errorf("opened again the trail has %d records, want %d", n, appended)
	}
	if err := s.Check(); err != nil {
		t.Errorf("Check = %v", err)
	}
}

// A record of the trail that has to be on disk, and cannot, fails the call, and is written when there is room.
func TestFullDiskSyncAudit(t *testing.T) {
	if !inChild(t) {
		return
	}
	path := filepath.Join(t.TempDir(), "store")
	s, err := boltstore.Open(path, key(t, 1), boltstore.Options{SyncAudit: true})
	if err != nil {
		t.Fatal(err)
	}
	limitFiles(t, 1)
	if err := s.Log().Append(&trail.Record{Scope: world}); !errors.Is(err, boltstore.ErrNotWritten) {
		t.Errorf("Append = %v, want ErrNotWritten", err)
	}
	limitFiles(t, unlimited)
	if err := s.Log().Append(&trail.Record{Scope: world}); err != nil {
		t.Errorf("Append = %v", err)
	}
	if n := records(s.Log(), world, 0); n != 2 {
		t.Errorf("the trail has %d records, want 2", n)
	}
	limitFiles(t, 1)
	s.Log().Append(&trail.Record{Scope: world})
	if err := s.Close(); !errors.Is(err, boltstore.ErrNotWritten) {
		t.Errorf("Close = %v, want ErrNotWritten", err)
	}
	if err := s.Log().Append(&trail.Record{Scope: world}); !errors.Is(err, state.ErrClosed) {
		t.Errorf("Append to a closed log = %v, want ErrClosed", err)
	}
}

// A file that cannot be made leaves nothing behind.
func TestFullDiskCreate(t *testing.T) {
	if !inChild(t) {
		return
	}
	dir := t.TempDir()
	limitFiles(t, 10000)
	if s, err := boltstore.Open(filepath.Join(dir, "store"), key(t, 1), boltstore.Options{}); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Open = %v, %v, want EFBIG", s, err)
	}
	limitFiles(t, 10) // bytes: no key fits
	if s, err := boltstore.Open(filepath.Join(dir, "store"), boltstore.KeyFile(filepath.Join(dir, "key"), false), boltstore.Options{}); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Open with a new key file = %v, %v, want EFBIG", s, err)
	}
	limitFiles(t, unlimited)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}
