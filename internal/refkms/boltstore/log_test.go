package boltstore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/boltstore"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail/trailtest"
)

// A log is the same whether its records wait, are on disk, or were read in another process.
func TestLog(t *testing.T) {
	var path string
	var s *boltstore.Store
	trailtest.Run(t, func(t *testing.T) trail.Log {
		path = filepath.Join(t.TempDir(), "store")
		s = open(t, path)
		return s.Log()
	}, func(t *testing.T, l trail.Log) trail.Log {
		switch rand.IntN(8) {
		case 0:
			if err := s.Close(); err != nil {
				t.Fatalf("Close = %v", err)
			}
			s = open(t, path)
		case 1: // an Update takes along what waits
			update(t, s, func(tx state.Tx) { state.Regions.Put(tx, state.Everywhere, "r", &state.Region{ID: "r"}) })
		}
		return s.Log()
	})
}

func update(t *testing.T, s state.Store, fn func(state.Tx)) {
	t.Helper()
	if err := s.Update(func(tx state.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatalf("Update = %v", err)
	}
}

// records returns how many records a world has, from a time on.
func records(l *boltstore.Log, s state.Scope, from state.Time) (n int) {
	l.Ascend(s, trail.Place{Time: from}, func(*trail.Record) bool { n++; return true })
	return n
}

func TestLogBounds(t *testing.T) {
	path, scope := filepath.Join(t.TempDir(), "store"), state.In("1", "a")
	for _, tt := range []struct {
		name   string
		record trail.Record
		lo, hi int
	}{
		{"small", trail.Record{Scope: scope}, 100, 100},
		{"large", trail.Record{Scope: scope, Answer: []byte(strings.Repeat("x", 10<<10))}, 8, 10},
	} {
		s, err := boltstore.Open(path, key(t, 1), boltstore.Options{NoSync: true, MaxEvents: 100})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			r := tt.record
			r.Time = state.Time(i)
			if err := s.Log().Append(&r); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path)
		if n := records(s.Log(), scope, 0); n < tt.lo || n > tt.hi {
			t.Errorf("there are %d %s records, want %d to %d", n, tt.name, tt.lo, tt.hi)
		}
		if err := errors.Join(s.Check(), s.Close()); err != nil {
			t.Errorf("Check = %v", err)
		}
	}
}

// A record is on disk when Append returns if it is to be, and else with the next Update: a copy of the file has it.
func TestLogOnDisk(t *testing.T) {
	dir := t.TempDir()
	for _, sync := range []bool{true, false} {
		path, copied := filepath.Join(dir, fmt.Sprint(sync)), filepath.Join(dir, fmt.Sprint("copy ", sync))
		s, err := boltstore.Open(path, key(t, 1), boltstore.Options{NoSync: true, SyncAudit: sync})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := s.Log().Append(&trail.Record{Scope: world}); err != nil {
				t.Fatalf("Append = %v", err)
			}
		}
		if !sync {
			update(t, s, func(tx state.Tx) { state.Regions.Put(tx, state.Everywhere, "r", &state.Region{ID: "r"}) })
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied, file, 0o600); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if n := records(open(t, copied).Log(), world, 0); n != 3 {
			t.Errorf("a copy has %d records, want 3 (sync: %t)", n, sync)
		}
		if err := s.Log().Append(&trail.Record{Scope: world}); !errors.Is(err, state.ErrClosed) {
			t.Errorf("Append to a closed log = %v, want ErrClosed", err)
		}
	}
}
