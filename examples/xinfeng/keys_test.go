package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"
)

func (w *world) keyJSON(args ...string) keyReport {
	w.t.Helper()
	out, _ := w.ok(append([]string{"keys", "--json"}, args...)...)
	var r keyReport
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		w.t.Fatalf("%v in %q", err, out)
	}
	return r
}

func TestKeys(t *testing.T) {
	w := newWorld(t)
	w.env["XINFENG_REGION"] = "cn-hangzhou"
	r := w.keyJSON("create", "--alias", "work", "--description", "of the test", "--rotate-every", "365d")
	if r.State != "Enabled" || r.Description != "of the test" || r.Rotation != "31536000s" || len(r.Aliases) != 1 || r.Aliases[0] != "alias/work" {
		t.Errorf("%+v", r)
	}
	out, _ := w.ok("keys", "describe", "alias/work")
	for _, want := range []string{r.ARN + " Enabled\n", "rotates every 365d", "alias         alias/work", "of the test"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out, _ = w.ok("keys", "list")
	if !strings.Contains(out, r.ARN+" Enabled alias/work\n") || !strings.Contains(out, w.key+" Enabled\n") {
		t.Error(out)
	}
	if out, _ = w.ok("keys", "list", "--json"); strings.Count(out, "\n") != 2 {
		t.Error(out)
	}
	if r := w.keyJSON("disable", "alias/work"); r.State != "Disabled" {
		t.Errorf("%+v", r)
	}
	if r := w.keyJSON("enable", r.ARN); r.State != "Enabled" {
		t.Errorf("%+v", r)
	}
	if r := w.keyJSON("schedule-deletion", "--yes", r.KeyID, "--days", "7"); r.State != "PendingDeletion" || r.DeleteDate == "" {
		t.Errorf("%+v", r)
	}
	w.ok("keys", "cancel-deletion", r.KeyID)
	version := w.keyJSON("enable", r.KeyID).Version
	w.ok("keys", "rotate", "alias/work", "--every", "90d")
	w.cloud.Advance(91 * 24 * time.Hour)
	if r := w.keyJSON("describe", r.KeyID); r.Version == version || r.LastRotation == "" {
		t.Errorf("not rotated: %+v", r)
	}
	if r := w.keyJSON("rotate", r.KeyID, "--never"); r.NextRotation != "" {
		t.Errorf("%+v", r)
	}
	if r := w.keyJSON("alias", "alias/work", w.key); r.ARN != w.key || len(r.Aliases) != 1 {
		t.Errorf("%+v", r)
	}
	w.ok("keys", "alias", "--delete", "work")
	w.fails(exitNoAccess, "Forbidden.AliasNotFound", "keys", "describe", "alias/work")
	w.fails(exitNoAccess, "Forbidden.KeyNotFound", "keys", "disable", "1234abcd-12ab-34cd-56ef-12345678abcd")
	w.fails(exitFailed, "InvalidParameter", "keys", "schedule-deletion", "--yes", r.KeyID, "--days", "3")
	for _, args := range [][]string{
		{"rotate", "x"}, {"rotate", "x", "--every", "90d", "--never"}, {"rotate", "x", "--every", "3d"}, {"rotate", "x", "--every", "90"}, {"create", "--rotate-every", "x"},
		{"alias", "x"}, {"alias", "--delete", "x", "y"}, {"describe"}, {"list", "x"}, {"describe", "--kms", "x", "y"},
	} {
		w.fails(exitUsage, "Try 'xinfeng keys "+args[0]+" --help'", append([]string{"keys"}, args...)...)
	}
	w.env["XINFENG_REGION"] = ""
	w.fails(exitUsage, "want --region", "keys", "list")
	w.env["XINFENG_ENDPOINT"] = "127.0.0.1:1"
	w.fails(exitFailed, "ListAliases: ", "keys", "list", "--region", "cn-hangzhou")
}

// A name that is taken is refused before there is a key for it, which would stay without a name.
func TestCreateKeyWithoutItsAlias(t *testing.T) {
	for name, world := range map[string]func(*testing.T) *world{"cloud": newWorld, "local": newLocalWorld} {
		t.Run(name, func(t *testing.T) {
			w := world(t)
			if name == "cloud" {
				w.env["XINFENG_REGION"] = "cn-hangzhou"
			}
			work := w.keyJSON("create", "--alias", "work")
			before, _ := w.ok("keys", "list")
			w.fails(exitFailed, "alias/work is the name of "+work.ARN+" already", "keys", "create", "--alias", "work")
			if after, _ := w.ok("keys", "list"); after != before {
				t.Errorf("keys were made: before\n%safter\n%s", before, after)
			}
		})
	}
}

// What destroys a key asks before. Only the word itself is agreement, and where nobody can be asked the flag is.
func TestScheduleDeletionAsks(t *testing.T) {
	w := newWorld(t)
	w.stdin = strings.NewReader("yes\n")
	w.fails(exitUsage, "want --yes", "keys", "schedule-deletion", w.key) // a script that pipes something else
	state := func() string { return w.keyJSON("describe", w.key).State }
	w.terminal = func(any) bool { return true }
	w.ok("keys", "alias", "work", w.key)
	for _, answer := range []string{"", "y\n", "\n", "no\n", "yes", "yes please\n", "\nyes\n", strings.Repeat("x", 1000) + "\nyes\n"} {
		w.stdin = strings.NewReader(answer)
		w.fails(exitFailed, w.key+" (alias/work) is to be unusable now and destroyed in 30 days.\n", "keys", "schedule-deletion", w.key)
		if got := state(); got != "Enabled" {
			t.Fatalf("after %q the key is %s", answer, got)
		}
	}
	w.stdin = strings.NewReader("yes\n")
	w.fails(exitNoAccess, "Forbidden.AliasNotFound", "keys", "schedule-deletion", "--region", "cn-hangzhou", "alias/none")
	w.stdin = strings.NewReader("yes\r\n")
	w.ok("keys", "schedule-deletion", w.key)
	if got := state(); got != "PendingDeletion" {
		t.Errorf("the key is %s", got)
	}
}

// Ctrl-C is an answer, though the terminal still waits for one.
func TestScheduleDeletionInterrupted(t *testing.T) {
	w := newWorld(t)
	w.terminal = func(any) bool { return true }
	r, writer := io.Pipe()
	defer writer.Close()
	w.stdin = r
	ctx, cancel := context.WithCancel(t.Context())
	w.watch = writerFunc(func(said []byte) (int, error) {
		if strings.Contains(string(said), "Type 'yes'") {
			cancel()
		}
		return len(said), nil
	})
	if code, _, says := w.runCtx(ctx, "keys", "schedule-deletion", w.key); code != exitFailed || !strings.HasSuffix(says, "xinfeng: interrupted\n") {
		t.Errorf("exit %d\n%s", code, says)
	}
	if got := w.keyJSON("describe", w.key).State; got != "Enabled" {
		t.Errorf("the key is %s", got)
	}
}

// A hundred keys and more are listed page by page.
func TestKeysPages(t *testing.T) {
	w := newWorld(t)
	w.env["XINFENG_REGION"] = "cn-hangzhou"
	for range 104 {
		w.newKey()
	}
	if out, _ := w.ok("keys", "list"); strings.Count(out, "\n") != 105 {
		t.Errorf("%d lines, want 105", strings.Count(out, "\n"))
	}
}

func TestVersion(t *testing.T) {
	w := newWorld(t)
	if out, _ := w.ok("version"); !strings.HasPrefix(out, "xinfeng ") || !strings.Contains(out, "suites AES256GCM and SM4GCM") {
		t.Error(out)
	}
	var r release
	if out, _ := w.ok("version", "--json"); json.Unmarshal([]byte(out), &r) != nil || r.Message != 1 || r.Go == "" {
		t.Error(out)
	}
	w.fails(exitUsage, "unknown command", "version", "x")
}
