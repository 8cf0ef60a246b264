package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// What was encrypted by one run opens in the next, with the same access key.
func TestStore(t *testing.T) {
	const passphrase = "correct horse battery staple"
	t.Setenv("LOCALKMS_TEST_PASSPHRASE", passphrase)
	dir := t.TempDir()
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"key file", []string{"-store", filepath.Join(dir, "a.db"), "-key-file", filepath.Join(dir, "a.key")}},
		{"passphrase", []string{"-store", filepath.Join(dir, "b.db"), "-passphrase-env", "LOCALKMS_TEST_PASSPHRASE"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := start(t, tt.args...)
			key := createKey(t, p.sdk())
			blob, err := encrypt(p.sdk(), key, "attack at dawn")
			if err != nil {
				t.Fatal(err)
			}
			id, secret := p.line["access key id"], p.line["access key secret"]

			var out, log strings.Builder
			if status := run(t.Context(), tt.args, &out, &log); status != 1 || !strings.Contains(log.String(), "in use by another process") {
				t.Errorf("a second one with the same file: %d\n%s%s", status, &out, &log)
			}
			if status := p.end(); status != 0 {
				t.Errorf("exit status %d\n%s", status, p.log)
			}
			p = start(t, tt.args...)
			if p.line["access key id"] != id || p.line["access key secret"] != secret || p.line["store"] != tt.args[1] {
				t.Errorf("the second run says\n%s", p.greeting)
			}
			if text, err := decrypt(p.sdk(), blob); err != nil || text != "attack at dawn" {
				t.Errorf("the second run decrypts %q, %v", text, err)
			}
			p.end()

			content, err := os.ReadFile(tt.args[1])
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(content), secret) {
				t.Error("the file has the secret of the access key")
			}
			if info, err := os.Stat(tt.args[1]); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		})
	}

	// With another key nothing opens, and nothing is said of the right one.
	t.Setenv("LOCALKMS_TEST_PASSPHRASE", "incorrect donkey")
	for _, args := range [][]string{
		{"-store", filepath.Join(dir, "b.db"), "-passphrase-env", "LOCALKMS_TEST_PASSPHRASE"},
		{"-store", filepath.Join(dir, "a.db"), "-passphrase-env", "LOCALKMS_TEST_PASSPHRASE"},
		{"-store", filepath.Join(dir, "a.db"), "-key-file", filepath.Join(dir, "none.key")},
		{"-store", filepath.Join(dir, "none", "a.db"), "-key-file", filepath.Join(dir, "a.key")},
	} {
		var out, log strings.Builder
		if status := run(t.Context(), args, &out, &log); status != 1 || !strings.HasPrefix(log.String(), "localkms: -store "+args[1]+": refkms: open: ") ||
			strings.Contains(log.String(), "donkey") || strings.Contains(log.String(), "horse") {
			t.Errorf("run %q = %d\n%s%s", args, status, &out, &log)
		}
	}
}

// A configuration is applied at each start, and what it does not name stays, the clock included. One that is refused leaves the file free.
func TestStoreWithConfig(t *testing.T) {
	dir := t.TempDir()
	args := []string{"-store", filepath.Join(dir, "kms.db"), "-key-file", filepath.Join(dir, "kms.key"), "-config", filepath.Join("testdata", "accounts.json")}
	p := start(t, append(args, "-control")...)
	token := p.line["control token"]
	for call, body := range map[string]string{
		"CreateUser": `{"name": "bob"}`, "PutAccessKey": `{"user": "alice", "id": "LTAIalice", "secret": "another"}`,
	} {
		var answer map[string]any
		if status := p.control(token, call, body, &answer); status != 200 {
			t.Fatalf("%s = %d %v", call, status, answer)
		}
	}
	var snapshot struct{ Snapshot int }
	p.control(token, "Snapshot", "", &snapshot)
	p.control(token, "CreateUser", `{"name": "carol"}`, new(any))
	if status := p.control(token, "Restore", fmt.Sprintf(`{"snapshot": %d}`, snapshot.Snapshot), new(any)); status != 200 {
		t.Errorf("Restore = %d", status)
	}
	var before, after struct{ Now time.Time }
	p.control(token, "Advance", `{"seconds": 864000}`, &before)
	key := createKey(t, p.sdk())
	if _, err := encrypt(p.sdkOf("LTAIalice", "another"), key, "x"); err != nil {
		t.Errorf("alice, with the secret of now: %v", err)
	}
	p.end()

	var out, log strings.Builder
	if status := run(t.Context(), append(args[:4:4], "-config", "none"), &out, &log); status != 1 || !strings.Contains(log.String(), "-config: ") {
		t.Errorf("without the configuration: %d\n%s", status, &log)
	}
	p = start(t, append(args, "-control")...)
	if _, err := encrypt(p.sdkOf("LTAIalice", "secret-of-alice"), key, "x"); err != nil {
		t.Errorf("alice, with the secret of the configuration: %v", err)
	}
	token = p.line["control token"]
	for user, want := range map[string]int{"bob": 409, "carol": 200} { // one was made before the snapshot, one after
		if status := p.control(token, "CreateUser", `{"name": "`+user+`"}`, new(any)); status != want {
			t.Errorf("%s is made again: %d, want %d", user, status, want)
		}
	}
	if p.control(token, "Now", "", &after); after.Now.Before(before.Now) {
		t.Errorf("the clock went back from %v to %v", before.Now, after.Now)
	}
}
