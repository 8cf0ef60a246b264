//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// built is the folder of the program as a user has it, built once for all tests that need it.
var built = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "xinfeng-test"); err != nil {
		return "", err
	}
	toRemove = dir
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "xinfeng"), ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
})

var toRemove string

func TestMain(m *testing.M) {
	code := m.Run()
	if toRemove != "" {
		os.RemoveAll(toRemove)
	}
	os.Exit(code)
}

// A user has the program, a home of their own, and a folder to work in.
type user struct {
	world
	bin string
}

func newUser(t *testing.T) *user {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	u := &user{world: world{t: t, dir: t.TempDir()}, bin: bin}
	if u.home, err = os.Getwd(); err != nil {
		t.Fatal(err)
	}
	config := t.TempDir()
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	for _, name := range []string{"XINFENG_KMS", "XINFENG_DIR", "XINFENG_KEY", "XINFENG_PASSPHRASE", "XINFENG_REGION", "XINFENG_ENDPOINT"} {
		t.Setenv(name, "")
	}
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("HOME", config)
	t.Chdir(u.dir)
	return u
}

// sh runs a line of shell and returns its exit code and all it says.
func (u *user) sh(line string) (int, string) {
	u.t.Helper()
	out, err := exec.CommandContext(u.t.Context(), "sh", "-c", line).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		u.t.Fatal(err)
	}
	code := 0
	if exit != nil {
		code = exit.ExitCode()
	}
	return code, string(out)
}

// must runs a line of shell, which must succeed.
func (u *user) must(line string) string {
	u.t.Helper()
	code, out := u.sh(line)
	if code != 0 {
		u.t.Fatalf("%s: exit %d\n%s", line, code, out)
	}
	return out
}

// temporaries returns the unfinished files below a folder.
func (u *user) temporaries(dir string) (found []string) {
	u.t.Helper()
	for _, name := range u.names(dir) {
		if isTemporary(name) {
			found = append(found, name)
		}
	}
	return found
}

// A hundred files, nested, empty, large, with names of every kind, both ways.
func TestBinaryTree(t *testing.T) {
	u := newUser(t)
	files := u.makeTree("in", 99)
	files["large"] = strings.Repeat("0123456789abcdef", 1<<20)
	u.write("in/large", files["large"])
	out := u.must("xinfeng encrypt --context tree=test -r in -d safe")
	if !strings.Contains(out, "100 files encrypted\n") || !strings.Contains(out, "xinfeng: made a key service in ") {
		t.Errorf("it says\n%s", out)
	}
	for _, name := range u.names("safe") {
		b := u.read(filepath.Join("safe", name))
		if !strings.HasPrefix(b, "\x8eXFE") || strings.Contains(b, "0123456789abcdef0123456789abcdef") {
			t.Errorf("%s is no message", name)
		}
	}
	u.must("xinfeng verify --context tree=test -r safe")
	u.must("xinfeng decrypt --context tree=test -r safe -d out")
	u.wantTree("out", files)
	if code, _ := u.sh("xinfeng verify -r safe"); code != exitNotAuthentic {
		t.Errorf("without context: exit %d, want %d", code, exitNotAuthentic)
	}
	u.must("xinfeng rewrap --context tree=test -r safe")
	// Through pipes, and in place.
	u.must("tar c in | xinfeng encrypt | xinfeng decrypt | tar x -C out")
	u.wantTree("out/in", files)
	u.must("xinfeng encrypt -r out/in && find out/in -type f ! -name '*.xf' -delete && xinfeng decrypt -r out/in && find out/in -name '*.xf' -delete")
	u.wantTree("out/in", files)
}

// start starts the program and returns it and what it says.
func (u *user) start(args ...string) (*exec.Cmd, *bufio.Reader) {
	u.t.Helper()
	cmd := exec.CommandContext(u.t.Context(), "xinfeng", args...)
	says, err := cmd.StderrPipe()
	if err != nil {
		u.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	return cmd, bufio.NewReaderSize(says, 16)
}

// manyFiles writes so many files that what is said of all of them does not fit into a pipe: who reads one line only has
// the program wait with the rest.
func (u *user) manyFiles() map[string]string {
	files := map[string]string{}
	for i := range 700 {
		name := fmt.Sprintf("%s-%03d", strings.Repeat("name", 20), i)
		files[name] = strings.Repeat("x", i)
		u.write(filepath.Join("in", name), files[name])
	}
	return files
}

// Interrupted midway it leaves no partial file, and the same command does the rest.
func TestBinaryInterrupted(t *testing.T) {
	u := newUser(t)
	files := u.manyFiles()
	u.must("xinfeng keys create --alias xinfeng")
	cmd, says := u.start("encrypt", "-r", "in", "-d", "safe")
	if line, err := says.ReadString('\n'); err != nil || !strings.Contains(line, " -> ") {
		t.Fatalf("it says %q, %v", line, err)
	}
	cmd.Process.Signal(os.Interrupt)
	rest, err := io.ReadAll(says)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !bytes.Contains(rest, []byte("not done\nthe same command again does the rest\nxinfeng: interrupted")) {
		t.Errorf("exit %d\n%s", code, rest)
	}
	done := u.names("safe")
	if len(done) == 0 || len(done) == len(files) || len(u.temporaries("safe")) > 0 {
		t.Errorf("%d of %d files, unfinished: %q", len(done), len(files), u.temporaries("safe"))
	}
	u.must("xinfeng verify -r safe")
	if out := u.must("xinfeng encrypt -r in -d safe"); !strings.Contains(out, fmt.Sprintf("%d files encrypted, %d there already", len(files)-len(done), len(done))) {
		t.Errorf("the second time it says\n%s", out)
	}
	u.must("xinfeng decrypt -r safe -d out")
	u.wantTree("out", files)
}

// Killed, it leaves nothing under a name that is not whole, and the same command does the rest.
func TestBinaryKilled(t *testing.T) {
	u := newUser(t)
	files := u.manyFiles()
	cmd, says := u.start("encrypt", "-r", "in", "-d", "safe")
	for range 3 { // one of the key service
		if _, err := says.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	done := len(u.names("safe")) - len(u.temporaries("safe"))
	if done == 0 || done == len(files) {
		t.Errorf("%d of %d files", done, len(files))
	}
	if out := u.must("xinfeng encrypt -r in -d safe"); !strings.Contains(out, fmt.Sprintf("%d files encrypted, %d there already", len(files)-done, done)) {
		t.Errorf("the second time it says\n%s", out)
	}
	u.must("xinfeng decrypt -r safe -d out")
	u.wantTree("out", files)
}

// Of a stream that is interrupted nothing is left, although the program waits for its input.
func TestBinaryInterruptedStream(t *testing.T) {
	u := newUser(t)
	u.must("xinfeng keys create --alias xinfeng")
	cmd := exec.CommandContext(t.Context(), "xinfeng", "encrypt", "--output", "message")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// More than it reads ahead: when all of it is written, it is at work.
	if _, err := in.Write(make([]byte, 8<<20)); err != nil {
		t.Fatal(err)
	}
	if n := len(u.temporaries(".")); n != 1 {
		t.Errorf("%d unfinished files while it works, want 1", n)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit %d, want %d", code, exitFailed)
	}
	u.wantNames(".")
}

// Where there is no room for a file, it fails and nothing of it is left; the others are done, and the same command does
// the rest when there is room.
func TestBinaryOutOfSpace(t *testing.T) {
	u := newUser(t)
	files := map[string]string{"a": "small", "b/large": strings.Repeat("x", 3<<20), "c": "small, too", "d/middle": strings.Repeat("y", 900_000)}
	for name, content := range files {
		u.write(filepath.Join("in", name), content)
	}
	u.must("xinfeng keys create --alias xinfeng")
	code, out := u.sh("ulimit -f 1000; xinfeng encrypt -r in -d safe")
	if code != exitFailed || !strings.Contains(out, "2 files encrypted, 2 failed") || !strings.Contains(out, "in/b/large: ") || !strings.Contains(out, "file too large") {
		t.Errorf("exit %d\n%s", code, out)
	}
	u.wantNames("safe", "a.xf", "c.xf")
	if out := u.must("xinfeng encrypt -r in -d safe"); !strings.Contains(out, "2 files encrypted, 2 there already") {
		t.Errorf("it says\n%s", out)
	}
	code, out = u.sh("ulimit -f 1000; xinfeng decrypt -r safe -d out")
	if code != exitFailed || !strings.Contains(out, "2 files decrypted, 2 failed") {
		t.Errorf("exit %d\n%s", code, out)
	}
	u.wantNames("out", "a", "c")
	u.must("xinfeng decrypt -r safe -d out")
	u.wantTree("out", files)
	if code, _ := u.sh("ulimit -f 100; xinfeng decrypt safe/b/large.xf -o x"); code != exitFailed {
		t.Errorf("exit %d", code)
	}
	u.wantNames(".", append(prefixed("in/", u.names("in")), append(prefixed("out/", u.names("out")), prefixed("safe/", u.names("safe"))...)...)...)
}

func prefixed(prefix string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = prefix + n
	}
	return out
}

// What cannot be read gets a line and fails, and the rest is done.
func TestBinaryUnreadable(t *testing.T) {
	u := newUser(t)
	for _, name := range []string{"in/a", "in/secret", "in/closed/b"} {
		u.write(name, name)
	}
	cmd := exec.CommandContext(t.Context(), "xinfeng", "encrypt", "-r", "in", "-d", "safe")
	if os.Getuid() == 0 { // who can read anything: somebody else runs it
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		for _, dir := range []string{u.dir, os.Getenv("XDG_CONFIG_HOME")} {
			if err := errors.Join(os.Chown(dir, nobody, nobody), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(u.bin, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod("in/secret", 0), os.Chmod("in/closed", 0)); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(u.dir, "in", "closed")
	t.Cleanup(func() { os.Chmod(closed, 0o700) }) // so that it can be removed
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
		t.Errorf("%v\n%s", err, out)
	}
	for _, want := range []string{"in/secret: permission denied\n", "in/closed: permission denied\n", "1 file encrypted, 2 failed\n"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	u.wantNames("safe", "a.xf")
}

// Several processes at once, of which the first makes the key service, agree on one key.
func TestBinaryAtOnce(t *testing.T) {
	u := newUser(t)
	var group sync.WaitGroup
	outs := make([]string, 6)
	for i := range outs {
		u.write(fmt.Sprintf("f%d", i), "x")
		group.Go(func() {
			out, err := exec.CommandContext(t.Context(), "xinfeng", "encrypt", fmt.Sprintf("f%d", i)).CombinedOutput()
			outs[i] = fmt.Sprintf("%s%v", out, err)
		})
	}
	group.Wait()
	for i, out := range outs {
		if !strings.HasSuffix(out, "<nil>") {
			t.Errorf("process %d: %s", i, out)
		}
	}
	u.must("xinfeng verify *.xf")
	if out := u.must("xinfeng keys list"); strings.Count(out, "\n") != 1 {
		t.Errorf("keys:\n%s", out)
	}
}
