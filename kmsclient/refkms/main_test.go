package refkms_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// The environment of a process of the test binary that is not the first.
const (
	inFileEnv = "XINFENG_TEST_IN_FILE" // a directory: servers of tests lie in files in it
)

func TestMain(m *testing.M) { os.Exit(m.Run()) }

// inFile reports whether the tests run on servers in files.
func inFile() bool { return os.Getenv(inFileEnv) != "" }

var servers atomic.Int64

// newServer returns a server in memory, or in a file where the tests run on those.
func newServer(opts *refkms.Options) (*refkms.Server, error) {
	dir := os.Getenv(inFileEnv)
	if dir == "" {
		return refkms.New(opts)
	}
	var o refkms.Options
	if opts != nil {
		o = *opts
	}
	o.Store = new(refkms.StoreOptions)
	o.Store.NoSync()
	root, err := refkms.RootKeyBytes(make([]byte, refkms.RootKeySize))
	if err != nil {
		return nil, err
	}
	return refkms.Open(filepath.Join(dir, fmt.Sprint(servers.Add(1))), root, &o)
}

// settle has a server in a file write its trail, and forget what is too much, as it does within a second.
func settle(t *testing.T, s *refkms.Server) {
	t.Helper()
	if inFile() {
		if err := s.Backup(io.Discard); err != nil {
			t.Fatal(err)
		}
	}
}

// TestInFile runs the tests of this package once more, on servers in files.
func TestInFile(t *testing.T) {
	if inFile() {
		t.Skip("this is that run")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.skip=^(TestInFile|TestCrash.*|Example.*)$", "-test.count=1"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(cmd.Environ(), inFileEnv+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("on servers in files: %v\n%s", err, out)
	}
}
