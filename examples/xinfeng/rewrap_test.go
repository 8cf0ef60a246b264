package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
)

// uses returns what 'rewrap --dry-run' says is in use.
func (w *world) uses(args ...string) (uses []keyUse) {
	w.t.Helper()
	out, _ := w.ok(append([]string{"rewrap", "--dry-run", "--json", "--quiet"}, args...)...)
	for line := range strings.Lines(out) {
		if !strings.Contains(line, `"in_use"`) {
			continue
		}
		var u keyUse
		if err := json.Unmarshal([]byte(line), &u); err != nil || !u.InUse || !u.Unverified {
			w.t.Errorf("%v in %s", err, line)
		}
		uses = append(uses, u)
	}
	return uses
}

func TestRewrapToNewestVersion(t *testing.T) {
	w := newLocalWorld(t)
	w.write("in/a", "a")
	w.write("in/b", "b")
	w.write("in/notes", "passed over")
	w.ok("encrypt", "in/a", "in/b")
	w.ok("keys", "rotate", "alias/xinfeng", "--every", "7d")
	w.later(8 * 24 * time.Hour)
	w.ok("encrypt", "-f", "in/b")
	before := w.uses("-r", "in")
	if len(before) != 2 || before[0].Messages != 1 || before[1].Messages != 1 || before[0].Version == before[1].Version {
		t.Fatalf("in use: %+v", before)
	}
	out, says := w.ok("rewrap", "-r", "in")
	if !strings.Contains(out, "in use, as messages and key files say (read, not verified):\n  kms acs:kms:") || !strings.Contains(out, ", 2 messages\n") {
		t.Error(out)
	}
	if !strings.Contains(says, "in/a.xf: under kms acs:kms:") || !strings.Contains(says, "2 files rewrapped") {
		t.Error(says)
	}
	if after := w.uses("-r", "in"); len(after) != 1 || after[0].Messages != 2 {
		t.Errorf("in use: %+v", after)
	}
	w.ok("verify", "-r", "in")
}

func TestRewrapToAnotherKey(t *testing.T) {
	w := newLocalWorld(t)
	for _, alias := range []string{"old", "new"} {
		w.ok("keys", "create", "--alias", alias)
	}
	w.write("a", "hello")
	w.ok("encrypt", "-k", "alias/old", "-c", "tenant=42", "--wrapped-keys", "slots", "a")
	w.fails(exitNotAuthentic, "a.xf: ", "rewrap", "-k", "alias/new", "--from-key", "alias/old", "a.xf")
	w.fails(exitNoAccess, "it is under another key", "rewrap", "-k", "alias/new", "-c", "tenant=42", "a.xf")
	w.ok("rewrap", "-k", "alias/new", "--from-key", "alias/old", "-c", "tenant=42", "a.xf")
	if u := w.uses("a.xf"); len(u) != 2 {
		t.Errorf("in use: %+v", u)
	}
	old := w.keyJSON("describe", "alias/old")
	w.ok("rewrap", "-k", "alias/new", "-c", "tenant=42", "--drop", old.KeyID, "a.xf")
	if u := w.uses("a.xf"); len(u) != 1 || u[0].KeyID == old.ARN {
		t.Errorf("in use: %+v", u)
	}
	w.ok("keys", "schedule-deletion", "--yes", "alias/old")
	w.ok("decrypt", "-f", "a.xf", "-c", "tenant=42")

	// From the local service to a passphrase and back, with nothing of the other left.
	w.write("pass", "correct horse")
	w.ok("rewrap", "--passphrase-file", "pass", "--from-kms", "local", "--drop", "*", "--accept-unseen", "*", "a.xf")
	if u := w.uses("a.xf"); len(u) != 1 || u[0].Provider != "passphrase" {
		t.Errorf("in use: %+v", u)
	}
	w.ok("rewrap", "-k", "alias/new", "--from-passphrase-file", "pass", "--drop", "*", "-c", "tenant=42", "a.xf")
	w.ok("verify", "a.xf", "-c", "tenant=42")
	w.ok("rewrap", "--kms", "cloud", "-k", w.key, "--from-kms", "local", "--drop", "*", "-c", "tenant=42", "a.xf")
	w.ok("verify", "--kms", "cloud", "-k", w.key, "a.xf", "-c", "tenant=42")

	w.write("cell", "\xf9"+strings.Repeat("x", 60))
	w.fails(exitFailed, "a cell has its wrapped keys in a key file", "rewrap", "cell")
	w.write("none", "nothing")
	w.fails(exitFailed, "not a Xinfeng message", "rewrap", "none")
	w.fails(exitFailed, "not a Xinfeng message", "rewrap", "--dry-run", "none")
	w.fails(exitUsage, "requires at least 1 arg", "rewrap")
	w.fails(exitUsage, "want k=v", "rewrap", "-c", "x", "a.xf")
	w.fails(exitUsage, "use one or the other", "rewrap", "--from-key", "x", "--from-identity", "y", "a.xf")
	w.fails(exitUsage, "use --recursive", "rewrap", ".")
}

// Of messages with detached keys the key file is rewrapped, once.
func TestRewrapKeyFiles(t *testing.T) {
	w := newLocalWorld(t)
	if err := os.MkdirAll("tree/keys", 0o700); err != nil {
		t.Fatal(err)
	}
	w.write("tree/a", "a")
	w.write("tree/b", "b")
	w.ok("encrypt", "--wrapped-keys", "detached", "--key-files", "tree/keys", "tree/a", "tree/b")
	w.ok("keys", "rotate", "alias/xinfeng", "--every", "7d")
	w.later(8 * 24 * time.Hour)
	before := w.uses("-r", "tree")
	_, says := w.ok("rewrap", "-r", "tree")
	n := len(w.names("tree/keys"))
	if !strings.Contains(says, "its wrapped keys are in the key file") || !strings.Contains(says, count(n, "file")+" rewrapped, 2 left out") {
		t.Errorf("%d key files\n%s", n, says)
	}
	if after := w.uses("-r", "tree"); len(after) != 1 || after[0].KeyFiles != n || after[0].Version == before[0].Version {
		t.Errorf("in use: %+v, before %+v", after, before)
	}
	_, says = w.ok("rewrap", "--key-files", "tree/keys", "-r", "tree")
	if !strings.Contains(says, count(n, "file")+" rewrapped") {
		t.Error(says)
	}
	w.ok("verify", "-r", "tree", "--key-files", "tree/keys")
	// Wrapped keys can be moved to another place, and back.
	for _, kind := range []string{"slots", "attached", "detached", "slots"} {
		w.ok("rewrap", "-r", "tree", "--include", "*.xf", "--key-files", "tree/keys", "--wrapped-keys", kind)
		if i := w.inspects("tree/a.xf"); i.Report.Message.Kind != kind {
			t.Errorf("wrapped keys are %s, want %s", i.Report.Message.Kind, kind)
		}
		w.ok("verify", "-r", "tree", "--key-files", "tree/keys")
	}
	w.fails(exitUsage, "want attached", "rewrap", "--wrapped-keys", "nowhere", "tree/a.xf")
	w.fails(exitUsage, "want --key-files", "rewrap", "--wrapped-keys", "detached", "tree/a.xf")
	name := w.names("tree/keys")[0]
	w.write("elsewhere.xfk", w.read("tree/keys/"+name))
	w.fails(exitFailed, "under another name", "rewrap", "elsewhere.xfk")
}
