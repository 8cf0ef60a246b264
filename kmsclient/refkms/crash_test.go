package refkms_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// The environment of TestCrash.
const (
	crashesEnv    = "XINFENG_CRASHES"          // how many processes are killed; default 6
	crashStoreEnv = "XINFENG_TEST_CRASH_STORE" // in the process that is killed: its file
	crashRunEnv   = "XINFENG_TEST_CRASH_RUN"   // and its number
)

// TestCrash kills processes that have a server in a file under load, at random moments, and looks each time whether all
// that was acknowledged is there. The long form:
//
//	XINFENG_CRASHES=200 go test -run 'TestCrash$' -v -timeout 30m ./kmsclient/refkms/
func TestCrash(t *testing.T) {
	crashes := 6
	if n, err := strconv.Atoi(os.Getenv(crashesEnv)); err == nil {
		crashes = n
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("%d processes, seed %d", crashes, seed)
	path := filepath.Join(t.TempDir(), "kms")
	var all acknowledged
	var killed int
	for run := range crashes {
		a := crash(t, path, run, time.Duration(random.Int64N(int64(150*time.Millisecond))))
		a.audited = syncsAudit(run)
		if a.count > 0 {
			killed++
		}
		s, err := refkms.Open(path, rootKey(t, 1), nil)
		if err != nil {
			t.Fatalf("run %d: Open = %v", run, err)
		}
		if err := s.Check(); err != nil {
			t.Errorf("run %d: Check = %v", run, err)
		}
		a.check(t, s, run)
		all.add(a)
		if run == crashes-1 {
			all.check(t, s, -1)
		}
		if err := s.Close(); err != nil {
			t.Errorf("run %d: Close = %v", run, err)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d processes were killed under load; %d operations acknowledged: %d keys, %d aliases, %d secrets, %d users",
		killed, all.count, len(all.keys), len(all.aliases), len(all.secrets), len(all.users))
	if killed < crashes/2 || len(all.keys) == 0 {
		t.Error("the test shows little")
	}
}

// syncsAudit reports whether in a run calls wait for their record of the trail.
func syncsAudit(run int) bool { return run%3 == 2 }

// crash has a process work on the file, kills it a while after its first word or acknowledgement, and returns what it had
// acknowledged.
func crash(t *testing.T, path string, run int, after time.Duration) *acknowledged {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestCrashLoad$")
	cmd.Env = append(cmd.Environ(), crashStoreEnv+"="+path, fmt.Sprintf("%s=%d", crashRunEnv, run))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a := new(acknowledged)
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || lines.Text() != "open" {
		t.Errorf("run %d says %q", run, lines.Text())
		cmd.Process.Kill()
	}
	killLater := sync.OnceFunc(func() { time.AfterFunc(after, func() { cmd.Process.Kill() }) })
	if run%2 == 0 {
		killLater() // perhaps before anything is acknowledged
	}
	for lines.Scan() {
		a.line(t, lines.Text())
		killLater()
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		t.Errorf("run %d ended by itself: %v\n%s", run, err, &stderr)
	}
	return a
}

// TestCrashLoad is what runs in the process that is killed.
func TestCrashLoad(t *testing.T) {
	path := os.Getenv(crashStoreEnv)
	if path == "" {
		t.Skip("this is a part of TestCrash")
	}
	run, err := strconv.Atoi(os.Getenv(crashRunEnv))
	if err != nil {
		t.Fatal(err)
	}
	s, err := refkms.Open(path, rootKey(t, 1), &refkms.Options{Quotas: &refkms.Quotas{None: true},
		Store: &refkms.StoreOptions{Wait: 10 * time.Second, SyncAudit: syncsAudit(run)}})
	if err != nil {
		t.Fatal(err)
	}
	say("open")
	var n atomic.Int64
	for range 8 {
		go func() {
			for {
				if err := work(t.Context(), s, fmt.Sprintf("%d-%d", run, n.Add(1))); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(3)
				}
			}
		}()
	}
	select {}
}

// say writes a line at once: what is said reaches TestCrash, whatever happens then.
func say(words ...any) { os.Stdout.WriteString(fmt.Sprintln(words...)) }

// work does what changes a server, and says so each time it is acknowledged. What is about to end is announced.
func work(ctx context.Context, s *refkms.Server, name string) error {
	c := s.Client(nil)
	k, err := c.CreateKey(ctx, nil)
	if err != nil {
		return err
	}
	d, err := c.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: k.KeyID})
	if err != nil {
		return err
	}
	say("key", k.KeyID, d.CiphertextBlob, string(d.Plaintext.Bytes()))
	alias := map[string]string{"AliasName": "alias/" + name, "KeyId": k.KeyID}
	if err := c.Do(ctx, "CreateAlias", alias, nil); err != nil {
		return err
	}
	say("alias", alias["AliasName"], k.KeyID)
	secret := map[string]string{"SecretName": "secret-" + name, "VersionId": "v1", "SecretData": "value of " + name}
	if err := c.Do(ctx, "CreateSecret", secret, nil); err != nil {
		return err
	}
	say("secret", secret["SecretName"], base64.StdEncoding.EncodeToString([]byte(secret["SecretData"])))
	if err := s.RAM("").CreateUser("user-" + name); err != nil {
		return err
	}
	id, accessKey, err := s.RAM("").CreateAccessKey("user-" + name)
	if err != nil {
		return err
	}
	say("user", "user-"+name, id, accessKey)
	if strings.HasSuffix(name, "5") {
		say("ending", alias["AliasName"])
		if err := c.Do(ctx, "DeleteAlias", map[string]string{"AliasName": alias["AliasName"]}, nil); err != nil {
			return err
		}
		say("ended", alias["AliasName"])
	}
	return nil
}

// acknowledged is what a server has said it did.
type acknowledged struct {
	count   int
	audited bool // the trail has it all
	keys    []sealedThing
	aliases map[string]string // to keys; "" where it has ended, "?" where nobody knows
	secrets map[string]string
	users   map[string][2]string
}

func (a *acknowledged) line(t *testing.T, line string) {
	words := strings.Fields(line)
	if a.count++; a.aliases == nil {
		a.aliases, a.secrets, a.users = map[string]string{}, map[string]string{}, map[string][2]string{}
	}
	switch {
	case len(words) == 4 && words[0] == "key":
		a.keys = append(a.keys, sealedThing{words[1], words[2], []byte(words[3])})
	case len(words) == 3 && words[0] == "alias":
		a.aliases[words[1]] = words[2]
	case len(words) == 2 && words[0] == "ending":
		a.aliases[words[1]] = "?"
	case len(words) == 2 && words[0] == "ended":
		a.aliases[words[1]] = ""
	case len(words) == 3 && words[0] == "secret":
		value, err := base64.StdEncoding.DecodeString(words[2])
		if err != nil {
			t.Errorf("a line %q: %v", line, err)
		}
		a.secrets[words[1]] = string(value)
	case len(words) == 4 && words[0] == "user":
		a.users[words[1]] = [2]string{words[2], words[3]}
	default:
		t.Errorf("a line %q", line)
	}
}

func (a *acknowledged) add(b *acknowledged) {
	a.count += b.count
	a.keys = append(a.keys, b.keys...)
	if a.aliases == nil {
		a.aliases, a.secrets, a.users = map[string]string{}, map[string]string{}, map[string][2]string{}
	}
	maps.Copy(a.aliases, b.aliases)
	maps.Copy(a.secrets, b.secrets)
	maps.Copy(a.users, b.users)
}

// check looks whether a server has it all.
func (a *acknowledged) check(t *testing.T, s *refkms.Server, run int) {
	t.Helper()
	ctx, c := t.Context(), s.Client(nil)
	for _, x := range a.keys {
		x.check(t, s)
	}
	for name, key := range a.aliases {
		k, err := c.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: name})
		switch {
		case key == "" && !errors.Is(err, kmsapi.ErrKeyNotFound):
			t.Errorf("run %d: %s was deleted, and DescribeKey = %+v, %v", run, name, k, err)
		case key != "" && key != "?" && (err != nil || k.KeyID != key):
			t.Errorf("run %d: %s leads to %+v, %v, want %s", run, name, k, err, key)
		}
	}
	for name, want := range a.secrets {
		var answer struct{ SecretData string }
		if err := c.Do(ctx, "GetSecretValue", map[string]string{"SecretName": name}, &answer); err != nil || answer.SecretData != want {
			t.Errorf("run %d: %s has another value, %v", run, name, err)
		}
	}
	for name, key := range a.users {
		var answer struct{ Arn string }
		user := s.Client(&refkms.ClientOptions{AccessKeyID: key[0]})
		if err := user.Do(ctx, "GetCallerIdentity", nil, &answer); err != nil || !strings.HasSuffix(answer.Arn, "user/"+name) {
			t.Errorf("run %d: the access key of %s is that of %q, %v", run, name, answer.Arn, err)
		}
	}
	if !a.audited {
		return
	}
	events, err := s.Events(&refkms.Query{Attributes: map[string]string{"EventName": "CreateAlias"}})
	if err != nil {
		t.Fatalf("Events = %v", err)
	}
	told := map[string]bool{}
	for _, e := range events {
		var params struct{ AliasName string }
		if err := json.Unmarshal(e.RequestParameters, &params); err != nil {
			t.Fatal(err)
		}
		told[params.AliasName] = true
	}
	for name := range a.aliases {
		if !told[name] {
			t.Errorf("run %d: the trail does not have the call that made %s", run, name)
		}
	}
}
