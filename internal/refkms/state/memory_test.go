package state_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state/statetest"
)

func TestMemory(t *testing.T) {
	statetest.Run(t, func(*testing.T) state.Store { return state.NewMemory() })
}

func TestMemoryKeepsPointers(t *testing.T) {
	s, scope := state.NewMemory(), state.In("1", "cn-hangzhou")
	k := &state.Key{ID: "k"}
	s.Update(func(tx state.Tx) error { state.Keys.Put(tx, scope, "k", k); return nil })
	s.View(func(tx state.Tx) error {
		if got := state.Keys.Get(tx, scope, "k"); got != k {
			t.Errorf("Get = %p, want the pointer that was put, %p", got, k)
		}
		return nil
	})
}

func TestMemorySnapshot(t *testing.T) {
	s, scope := state.NewMemory(), state.In("1", "cn-hangzhou")
	put := func(n int) {
		s.Update(func(tx state.Tx) error {
			for i := range n {
				id := fmt.Sprint(i)
				state.Keys.Put(tx, scope, id, &state.Key{ID: id, State: state.PendingDeletion, DeletionDate: state.Time(1000 - n)})
			}
			return nil
		})
	}
	check := func(n int) {
		t.Helper()
		got := 0
		s.View(func(tx state.Tx) error {
			for range state.Keys.All(tx, scope) {
				got++
			}
			return nil
		})
		if got != n || s.NextDue() != state.Time(1000-n) {
			t.Errorf("%d keys, next due %d, want %d and %d", got, s.NextDue(), n, 1000-n)
		}
	}
	put(300)
	restore := s.Snapshot()
	for range 2 { // a snapshot serves again
		put(700)
		check(700)
		if err := restore(); err != nil {
			t.Fatalf("restore = %v", err)
		}
		check(300)
	}
	s.Close()
	if err := restore(); !errors.Is(err, state.ErrClosed) {
		t.Errorf("restore of a closed store = %v, want ErrClosed", err)
	}
}
