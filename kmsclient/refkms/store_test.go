package refkms_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

func rootKey(t testing.TB, b byte) refkms.RootKey {
	t.Helper()
	key := make([]byte, refkms.RootKeySize)
	key[0] = b
	root, err := refkms.RootKeyBytes(key)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// openFile opens the server in a file, and closes it with the test. It does not sync: no test cuts the power.
func openFile(t testing.TB, path string, opts *refkms.Options) *refkms.Server {
	t.Helper()
	var o refkms.Options
	if opts != nil {
		o = *opts
	}
	if o.Store == nil {
		o.Store = new(refkms.StoreOptions)
	}
	o.Store.NoSync()
	s, err := refkms.Open(path, rootKey(t, 1), &o)
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// sealedThing is what a server made, to be found again.
type sealedThing struct {
	key, blob string
	plaintext []byte
}

func sealSomething(t testing.TB, s *refkms.Server) sealedThing {
	t.Helper()
	c := s.Client(nil)
	k, err := c.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatalf("CreateKey = %v", err)
	}
	d, err := c.GenerateDataKey(t.Context(), &kmsapi.GenerateDataKeyRequest{KeyID: k.KeyID})
	if err != nil {
		t.Fatalf("GenerateDataKey = %v", err)
	}
	return sealedThing{k.KeyID, d.CiphertextBlob, bytes.Clone(d.Plaintext.Bytes())}
}

func (x sealedThing) check(t testing.TB, s *refkms.Server) {
	t.Helper()
	d, err := s.Client(nil).Decrypt(t.Context(), &kmsapi.DecryptRequest{CiphertextBlob: x.blob})
	if err != nil || d.KeyID != x.key || !bytes.Equal(d.Plaintext.Bytes(), x.plaintext) {
		t.Errorf("Decrypt = %+v, %v, want the data key of %s", d, err, x.key)
	}
}

func TestOpenAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms")
	s := openFile(t, path, nil)
	x := sealSomething(t, s)
	id, secret := s.AccessKey()
	if err := s.Close(); err != nil {
		t.Fatalf("Close = %v", err)
	}
	if _, err := s.Client(nil).CreateKey(t.Context(), nil); !errors.Is(err, refkms.ErrClosed) || !errors.Is(err, kmsapi.ErrUnavailable) {
		t.Errorf("CreateKey of a closed server = %v, want ErrClosed and ErrUnavailable", err)
	}
	if events, err := s.Events(nil); !errors.Is(err, refkms.ErrClosed) {
		t.Errorf("Events of a closed server = %d records, %v, want ErrClosed", len(events), err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close = %v when closed", err)
	}
	s = openFile(t, path, nil)
	x.check(t, s)
	if i, k := s.AccessKey(); i != id || k != secret {
		t.Errorf("the access key is %s, want that of before, %s", i, id)
	}
	if err := s.Check(); err != nil {
		t.Errorf("Check = %v", err)
	}
}

func TestOpenTakesAccessKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms")
	for _, key := range [][2]string{{"LTAIone", "secret 1"}, {"LTAItwo", "secret 2"}, {"LTAItwo", "another"}} {
		s := openFile(t, path, &refkms.Options{AccessKeyID: key[0], AccessKeySecret: key[1]})
		if id, secret := s.AccessKey(); id != key[0] || secret != key[1] {
			t.Errorf("AccessKey = %s, %s, want %s", id, secret, key)
		}
		s.Close()
	}
	s := openFile(t, path, nil)
	if id, _ := s.AccessKey(); id != "LTAIone" {
		t.Errorf("AccessKey = %s, want the first that is enabled, LTAIone", id)
	}
	if err := s.RAM("").SetAccessKeyStatus("LTAIone", false); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if id, _ := openFile(t, path, nil).AccessKey(); id != "LTAItwo" {
		t.Errorf("AccessKey = %s, want the first that is enabled, LTAItwo", id)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kms")
	passphrase, err := refkms.RootKeyPassphrase([]byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	openFile(t, path, nil).Close()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct {
		name string
		path string
		root refkms.RootKey
		want error
	}{
		{"another key", path, rootKey(t, 2), refkms.ErrWrongKey},
		{"a passphrase in place of a key", path, passphrase, refkms.ErrWrongKey},
		{"a key file that is not there", path, refkms.RootKeyFile(filepath.Join(dir, "none")), fs.ErrNotExist},
		{"an empty file", write("empty", ""), rootKey(t, 1), refkms.ErrNotStore},
		{"a text", write("text", "hello"), rootKey(t, 1), refkms.ErrNotStore},
		{"a directory", dir, rootKey(t, 1), nil},
		{"no directory", filepath.Join(dir, "none", "kms"), rootKey(t, 1), fs.ErrNotExist},
	} {
		s, err := refkms.Open(tt.path, tt.root, nil)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: Open = %v, %v, want %v", tt.name, s, err, tt.want)
		}
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("refusals have changed the file, or %v", err)
	}
	if _, err := refkms.Open(path, refkms.RootKey{}, nil); err == nil {
		t.Error("Open takes the zero RootKey")
	}
	if _, err := refkms.Open(path, rootKey(t, 1), &refkms.Options{Region: "?"}); err == nil {
		t.Error("Open takes any region")
	}
	if _, err := refkms.New(&refkms.Options{Store: &refkms.StoreOptions{}}); err == nil {
		t.Error("New takes options of a file")
	}
}

func TestOneOwner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms")
	s := openFile(t, path, nil)
	if _, err := refkms.Open(path, rootKey(t, 1), nil); !errors.Is(err, refkms.ErrInUse) {
		t.Errorf("Open of a file in use = %v, want ErrInUse", err)
	}
	start := time.Now()
	_, err := refkms.Open(path, rootKey(t, 1), &refkms.Options{Store: &refkms.StoreOptions{Wait: 120 * time.Millisecond}})
	if took := time.Since(start); !errors.Is(err, refkms.ErrInUse) || took < 50*time.Millisecond || took > 30*time.Second {
		t.Errorf("Open = %v after %v, want ErrInUse after about 120 ms", err, took)
	}
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	s, err = refkms.Open(path, rootKey(t, 1), &refkms.Options{Store: &refkms.StoreOptions{Wait: time.Minute}})
	if err != nil {
		t.Fatalf("Open of a file that is given up = %v", err)
	}
	s.Close()
	if err := <-closed; err != nil {
		t.Errorf("Close = %v", err)
	}
}

func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes on Windows")
	}
	dir := t.TempDir()
	path, keyPath := filepath.Join(dir, "kms"), filepath.Join(dir, "key")
	open := func(opts *refkms.StoreOptions) error {
		s, err := refkms.Open(path, refkms.RootKeyFile(keyPath), &refkms.Options{Store: opts})
		if err == nil {
			err = s.Close()
		}
		return err
	}
	if err := open(nil); err != nil {
		t.Fatalf("Open = %v", err)
	}
	for _, p := range []string{path, keyPath} {
		info, err := os.Stat(p)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%s has mode %v, %v, want 0600", p, info.Mode(), err)
		}
		if err := os.Chmod(p, 0o640); err != nil {
			t.Fatal(err)
		}
		if err := open(nil); !errors.Is(err, refkms.ErrWideMode) {
			t.Errorf("Open with %s of mode 0640 = %v, want ErrWideMode", p, err)
		}
		if err := open(&refkms.StoreOptions{InsecureAllowWideMode: true}); err != nil {
			t.Errorf("Open with InsecureAllowWideMode = %v", err)
		}
		if err := os.Chmod(p, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(keyPath, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(nil); err == nil {
		t.Error("Open takes a key file of 5 bytes")
	}
}

func TestSetRootKey(t *testing.T) {
	dir := t.TempDir()
	path, keyPath := filepath.Join(dir, "kms"), filepath.Join(dir, "key")
	passphrase, err := refkms.RootKeyPassphrase([]byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := refkms.RootKeyPassphrase([]byte("incorrect horse"))
	if err != nil {
		t.Fatal(err)
	}
	s := openFile(t, path, nil)
	x := sealSomething(t, s)
	roots := []refkms.RootKey{rootKey(t, 1), passphrase, refkms.RootKeyFile(keyPath), rootKey(t, 3)}
	for i, next := range roots[1:] {
		if err := s.SetRootKey(next); err != nil {
			t.Fatalf("SetRootKey = %v", err)
		}
		s.Close()
		for _, old := range []refkms.RootKey{roots[i], wrong} {
			if _, err := refkms.Open(path, old, nil); !errors.Is(err, refkms.ErrWrongKey) {
				t.Errorf("Open with another root key = %v, want ErrWrongKey", err)
			}
		}
		if s, err = refkms.Open(path, next, nil); err != nil {
			t.Fatalf("Open with the new root key = %v", err)
		}
		x.check(t, s)
	}
	if err := s.SetRootKey(refkms.RootKey{}); err == nil {
		t.Error("SetRootKey takes the zero RootKey")
	}
	s.Close()
	if _, err := refkms.RootKeyPassphrase(nil); err == nil {
		t.Error("RootKeyPassphrase takes an empty one")
	}
	if _, err := refkms.RootKeyBytes(make([]byte, 16)); err == nil {
		t.Error("RootKeyBytes takes 16 bytes")
	}
}

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	s := openFile(t, filepath.Join(dir, "kms"), nil)
	x := sealSomething(t, s)
	var backup bytes.Buffer
	if err := s.Backup(&backup); err != nil {
		t.Fatalf("Backup = %v", err)
	}
	later := sealSomething(t, s)
	path := filepath.Join(dir, "restored")
	if err := refkms.Restore(path, bytes.NewReader(backup.Bytes()), rootKey(t, 2)); !errors.Is(err, refkms.ErrWrongKey) {
		t.Errorf("Restore with another key = %v, want ErrWrongKey", err)
	}
	if err := refkms.Restore(path, bytes.NewReader(backup.Bytes()), refkms.RootKey{}); err == nil {
		t.Error("Restore takes the zero RootKey")
	}
	if err := refkms.Restore(path, bytes.NewReader(backup.Bytes()), rootKey(t, 1)); err != nil {
		t.Fatalf("Restore = %v", err)
	}
	if err := refkms.Restore(path, bytes.NewReader(backup.Bytes()), rootKey(t, 1)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Restore where there is a file = %v, want fs.ErrExist", err)
	}
	r := openFile(t, path, nil)
	x.check(t, r)
	if _, err := r.Client(nil).DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: later.key}); !errors.Is(err, kmsapi.ErrKeyNotFound) {
		t.Errorf("DescribeKey of what was made after the backup = %v, want ErrKeyNotFound", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("the directory has %v, %v, want the two files", left, err)
	}
}

func TestServerInMemoryHasNoFile(t *testing.T) {
	s, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(io.Discard); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Backup = %v, want ErrUnsupported", err)
	}
	if err := s.SetRootKey(rootKey(t, 1)); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SetRootKey = %v, want ErrUnsupported", err)
	}
	if err := errors.Join(s.Check(), s.Close()); err != nil {
		t.Errorf("Check and Close = %v", err)
	}
	sealSomething(t, s)
}

// The trail is in the file, whether a call waits for it or not.
func TestTrailInFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms")
	for i, sync := range []bool{false, true} {
		s := openFile(t, path, &refkms.Options{Store: &refkms.StoreOptions{SyncAudit: sync}})
		sealSomething(t, s)
		var page struct{ Events []refkms.Event }
		if err := s.Client(nil).Do(t.Context(), "LookupEvents", nil, &page); err != nil {
			t.Fatalf("LookupEvents = %v", err)
		}
		events, err := s.Events(nil)
		if err != nil || len(events) != 2*(i+1) || len(page.Events) != len(events) {
			t.Errorf("Events has %d records, %v, LookupEvents %d; want %d", len(events), err, len(page.Events), 2*(i+1))
		}
		if err := s.Close(); err != nil {
			t.Fatalf("Close = %v", err)
		}
	}
	events, err := openFile(t, path, nil).Events(&refkms.Query{Attributes: map[string]string{"EventName": "CreateKey"}})
	if err != nil || len(events) != 2 {
		t.Errorf("Events = %d records, %v, want the two of CreateKey", len(events), err)
	}
}

// What was kept comes back, in a file too, and more than once; the trail tells what has happened.
func TestSnapshotInFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms")
	s := openFile(t, path, nil)
	kept := sealSomething(t, s)
	restore := s.Snapshot()
	for range 2 {
		later := sealSomething(t, s)
		if err := s.Client(nil).Do(t.Context(), "ScheduleKeyDeletion", map[string]string{"KeyId": kept.key, "PendingWindowInDays": "7"}, nil); err != nil {
			t.Fatal(err)
		}
		if err := restore(); err != nil {
			t.Fatalf("restore = %v", err)
		}
		kept.check(t, s)
		if _, err := s.Client(nil).DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: later.key}); !errors.Is(err, kmsapi.ErrKeyNotFound) {
			t.Errorf("DescribeKey of what was made after the snapshot = %v, want ErrKeyNotFound", err)
		}
	}
	if err := s.Check(); err != nil {
		t.Errorf("Check = %v", err)
	}
	s.Close()
	if err := restore(); !errors.Is(err, refkms.ErrClosed) {
		t.Errorf("restore of a closed server = %v, want ErrClosed", err)
	}
	s = openFile(t, path, nil)
	kept.check(t, s)
	if events, err := s.Events(nil); err != nil || len(events) != 13 {
		t.Errorf("Events = %d records, %v, want 13", len(events), err)
	}
}

// Time does not go back with the process.
func TestClockInFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms")
	opts := &refkms.Options{Now: func() time.Time { return time.Unix(1_800_000_000, 0) }}
	s := openFile(t, path, opts)
	x := sealSomething(t, s)
	if err := s.Client(nil).Do(t.Context(), "ScheduleKeyDeletion", map[string]string{"KeyId": x.key, "PendingWindowInDays": "7"}, nil); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Advance(2 * 24 * time.Hour); err != nil {
			t.Fatalf("Advance = %v", err)
		}
		s.Close()
		if err := s.Advance(time.Hour); !errors.Is(err, refkms.ErrClosed) {
			t.Errorf("Advance of a closed server = %v, want ErrClosed", err)
		}
		s = openFile(t, path, opts)
	}
	if k, err := s.Client(nil).DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: x.key}); err != nil || k.KeyState != "PendingDeletion" {
		t.Errorf("after six days the key is %+v, %v", k, err)
	}
	if err := s.Advance(25 * time.Hour); err != nil {
		t.Fatalf("Advance = %v", err)
	}
	if _, err := s.Client(nil).DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: x.key}); !errors.Is(err, kmsapi.ErrKeyNotFound) {
		t.Errorf("DescribeKey after the window = %v, want ErrKeyNotFound", err)
	}
}

// What listens to the trail may move the clock: here, when a key rotates because somebody moved it.
func TestAdvanceInAuditHook(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "store")
	var s *refkms.Server
	rotations := 0
	s = openFile(t, path, &refkms.Options{Audit: func(e refkms.Event) {
		if e.EventName != "RotateKey" {
			return
		}
		if rotations++; rotations < 3 {
			if err := s.Advance(7 * 24 * time.Hour); err != nil {
				t.Errorf("Advance in the hook = %v", err)
			}
		}
	}})
	key, err := s.Client(nil).CreateKey(ctx, &refkms.CreateKeyRequest{RotationInterval: 7 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Advance(7 * 24 * time.Hour); err != nil {
		t.Fatalf("Advance = %v", err)
	}
	if rotations != 3 {
		t.Errorf("%s rotated %d times, want 3", key.KeyID, rotations)
	}
}

// Time does not go back because it was moved too far.
func TestAdvanceTooFar(t *testing.T) {
	memory, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kms")
	for _, s := range []*refkms.Server{memory, openFile(t, path, nil)} {
		const far = 200 * 365 * 24 * time.Hour
		if err := s.Advance(far); err != nil {
			t.Fatalf("Advance = %v", err)
		}
		if err := s.Advance(far); !errors.Is(err, refkms.ErrTooFar) {
			t.Errorf("Advance beyond 292 years = %v, want a refusal", err)
		}
		if ahead := time.Until(s.Now()); ahead < far-time.Hour || ahead > far+time.Hour {
			t.Errorf("the clock is %v ahead, want %v", ahead, far)
		}
	}
}
