package main

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// A world is a folder of files, an environment, and a reference KMS that stands for the cloud.
type world struct {
	t     *testing.T
	dir   string // the working directory
	home  string // that of the package
	env   map[string]string
	cloud *refkms.Server
	kms   *refkms.Client
	key   string // ARN of a key of the cloud

	stdin    io.Reader
	terminal func(stream any) bool
	answers  []string // to the questions of the terminal
	asked    []string
	watch    io.Writer     // sees what is said, as it is said
	ahead    time.Duration // of the machine's clock is that of the local key service
	onNow    func()        // is called when the local key service looks at its clock
}

// newWorld returns a world whose default is the cloud, and goes to its folder.
func newWorld(t *testing.T) *world {
	t.Helper()
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(server.Handler())
	t.Cleanup(srv.Close)
	w := &world{t: t, dir: t.TempDir(), cloud: server, kms: server.Client(nil), stdin: strings.NewReader("")}
	w.key = w.newKey()
	if w.home, err = os.Getwd(); err != nil {
		t.Fatal(err)
	}
	id, secret := server.AccessKey()
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", id)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret)
	t.Setenv("NO_PROXY", "*")
	w.env = map[string]string{"XINFENG_KMS": "cloud", "XINFENG_ENDPOINT": srv.URL, "XINFENG_KEY": w.key, "XINFENG_DIR": filepath.Join(t.TempDir(), "kms")}
	t.Chdir(w.dir)
	return w
}

func (w *world) newKey() string {
	w.t.Helper()
	cmk, err := w.kms.CreateKey(w.t.Context(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return cmk.ARN
}

// calls returns how often an operation was called in the cloud.
func (w *world) calls(op string) int {
	w.t.Helper()
	events, err := w.cloud.Events(&refkms.Query{Attributes: map[string]string{"EventName": op}})
	if err != nil {
		w.t.Fatal(err)
	}
	return len(events)
}

// run runs the program and returns what it says.
func (w *world) run(args ...string) (code int, stdout, stderr string) {
	w.t.Helper()
	return w.runCtx(w.t.Context(), args...)
}

func (w *world) runCtx(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	w.t.Helper()
	var out, err bytes.Buffer
	t := &tool{in: w.stdin, out: &out, err: &err, env: func(k string) string { return w.env[k] }, terminal: w.terminal, now: func() time.Time {
		if w.onNow != nil {
			w.onNow()
		}
		return time.Now().Add(w.ahead)
	}}
	if w.watch != nil {
		t.err = io.MultiWriter(&err, w.watch)
	}
	if t.terminal == nil {
		t.terminal = func(any) bool { return false }
	}
	t.ask = func(_ context.Context, prompt string) ([]byte, error) {
		if w.asked = append(w.asked, prompt); len(w.answers) == 0 {
			return nil, errNoTerminal
		}
		a := w.answers[0]
		w.answers = w.answers[1:]
		return []byte(a), nil
	}
	code = t.run(ctx, args)
	return code, out.String(), err.String()
}

// ok runs the program, which must succeed.
func (w *world) ok(args ...string) (stdout, stderr string) {
	w.t.Helper()
	code, stdout, stderr := w.run(args...)
	if code != exitDone {
		w.t.Fatalf("xinfeng %s: exit %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout, stderr
}

// fails runs the program, which must end with a code and say something.
func (w *world) fails(code int, says string, args ...string) {
	w.t.Helper()
	got, stdout, stderr := w.run(args...)
	if got != code || !strings.Contains(stdout+stderr, says) {
		w.t.Errorf("xinfeng %s: exit %d, want %d and %q:\n%s%s", strings.Join(args, " "), got, code, says, stdout, stderr)
	}
}

func (w *world) write(name, content string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(name string) string {
	w.t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// names returns all files below a folder, sorted, with slashes.
func (w *world) names(dir string) []string {
	w.t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return names
}

// wantNames checks which files are below a folder.
func (w *world) wantNames(dir string, want ...string) {
	w.t.Helper()
	if got := w.names(dir); strings.Join(got, " ") != strings.Join(want, " ") {
		w.t.Errorf("in %s: %q, want %q", dir, got, want)
	}
}

// wantContent checks a file.
func (w *world) wantContent(name, want string) {
	w.t.Helper()
	if got := w.read(name); got != want {
		w.t.Errorf("%s has %d bytes, want %d: %.60q", name, len(got), len(want), got)
	}
}

// later moves the clock of the local key service.
func (w *world) later(d time.Duration) { w.ahead += d }
