package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// Records are appended, one line each, by this run and the next.
func TestAudit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.jsonl")
	var want []string
	for range 2 {
		p := start(t, "-audit", path)
		client := p.sdk()
		key := createKey(t, client)
		if _, err := encrypt(client, key, "attack at dawn"); err != nil {
			t.Fatal(err)
		}
		if _, err := decrypt(client, "nonsense"); err == nil {
			t.Fatal("nonsense was decrypted")
		}
		want = append(want, "CreateKey", "Encrypt", "Decrypt InvalidParameter")
		p.end()
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	var got []string
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		var e refkms.Event
		if err := json.Unmarshal(scanner.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", scanner.Text(), err)
		}
		got = append(got, strings.TrimSpace(e.EventName+" "+e.ErrorCode))
		if strings.Contains(scanner.Text(), "attack") {
			t.Errorf("a plaintext: %s", scanner.Text())
		}
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("records %v, want %v", got, want)
	}
}

func TestOpenAudit(t *testing.T) {
	dir := t.TempDir()
	if f, err := openAudit(dir); f != nil || err == nil {
		t.Errorf("openAudit(a folder) = %v, %v", f, err)
	}
	if _, err := openAudit(filepath.Join(dir, "none", "file")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("openAudit in no folder = %v", err)
	}
	null, err := openAudit(os.DevNull) // open to all, and no file of ours
	if err != nil {
		t.Fatal(err)
	}
	null.Close()
}

// What an earlier run left of a record does not spoil the first one of this.
func TestTornFile(t *testing.T) {
	for _, left := range []string{"", "{}\n", "{}\n{\"eventId\": \"to"} {
		path := filepath.Join(t.TempDir(), "calls.jsonl")
		if err := os.WriteFile(path, []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		p := start(t, "-audit", path)
		createKey(t, p.sdk())
		p.end()
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if left != "" && !strings.HasSuffix(left, "\n") {
			left += "\n"
		}
		line, ok := strings.CutPrefix(string(got), left)
		var e refkms.Event
		if err := json.Unmarshal([]byte(line), &e); !ok || err != nil || e.EventName != "CreateKey" {
			t.Errorf("the file is %q, %v, want a line for the record behind %q", got, err, left)
		}
	}
	if endsTorn(filepath.Join(t.TempDir(), "none")) || endsTorn(os.DevNull) {
		t.Error("what has no lines ends within one")
	}
}

// A faultyDisk writes so many bytes and is full then.
type faultyDisk struct {
	strings.Builder
	left int
}

func (d *faultyDisk) Write(p []byte) (int, error) {
	if len(p) <= d.left {
		d.left -= len(p)
		return d.Builder.Write(p)
	}
	n, _ := d.Builder.Write(p[:d.left])
	d.left = 0
	return n, errors.New("no space left on device")
}

// A record that was written in part does not spoil the next one.
func TestTornRecord(t *testing.T) {
	var log strings.Builder
	disk := &faultyDisk{left: 10}
	a := &auditLog{log: newLog(&log, "text"), w: disk}
	a.record(refkms.Event{EventID: "torn"})
	a.record(refkms.Event{EventID: "lost"})
	disk.left = 1 << 20
	a.record(refkms.Event{EventID: "whole"})
	a.record(refkms.Event{EventID: "next"})
	lines := strings.Split(disk.String(), "\n")
	if len(lines) != 4 || lines[3] != "" {
		t.Fatalf("lines %q", lines)
	}
	for i, want := range []string{"whole", "next"} {
		var e refkms.Event
		if err := json.Unmarshal([]byte(lines[i+1]), &e); err != nil || e.EventID != want {
			t.Errorf("line %d is %s: %v", i+1, lines[i+1], err)
		}
	}
	a.record(refkms.Event{EventID: "malformed", RequestParameters: json.RawMessage("{")})
	for _, id := range []string{"torn", "lost", "malformed"} {
		if !strings.Contains(log.String(), `msg="audit record lost" eventId=`+id+" ") {
			t.Errorf("the log does not say that %s was lost:\n%s", id, &log)
		}
	}
}
