package boltstore

import (
	"fmt"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Updates are committed in batches, of which each is one transaction of bbolt and one sync. The first to come leads: it
// runs its function, passes the turn to those who have come meanwhile, who run theirs one after the other in the same
// transaction, each on its own goroutine, and when the turn comes back to it, it commits for all. Who comes later waits
// for the next batch. So an Update alone commits at once, and the slower the disk, the more of them share a sync.
//
// A function that fails is undone, change by change, and the others are not run again. All wait for the commit, failed
// ones too: what they have seen may be of another in the batch.
type batch struct {
	tx      *tx
	changed bool // there is something to commit
	flush   bool // somebody waits for the trail

	done chan struct{} // closed when it is over
	err  error         // set before
}

// update calls a function of this package with a transaction that writes.
func (s *Store) update(fn func(*tx) error) error {
	return s.Update(func(t state.Tx) error { return t.(*tx).guard(fn) })
}

// Update implements [state.Store]. It calls fn once.
func (s *Store) Update(fn func(state.Tx) error) error {
	b, leads, err := s.join()
	if err != nil {
		return err
	}
	err = func() error {
		defer s.leave(b, leads) // if fn panics, too
		return b.run(fn)
	}()
	<-b.done
	if b.err != nil {
		return b.err
	}
	return err
}

// flush writes records of the trail that wait; whoever appended one before has it on disk when flush returns nil, unless
// there are more than one transaction takes.
func (s *Store) flush() error {
	b, leads, err := s.join()
	if err != nil {
		return err
	}
	b.flush = true
	s.leave(b, leads)
	<-b.done
	return b.err
}

// join takes the turn, and returns the open batch and whether the caller is to commit it.
func (s *Store) join() (b *batch, leads bool, err error) {
	<-s.turn
	if s.batch != nil {
		return s.batch, false, nil
	}
	if b, err = s.begin(); err != nil {
		s.log.refused()
		s.turn <- struct{}{}
		return nil, false, err
	}
	s.batch = b
	return b, true, nil
}

// begin begins a batch.
func (s *Store) begin() (*batch, error) {
	if s.closed.Load() {
		return nil, state.ErrClosed
	}
	if s.doubt != nil {
		return nil, s.doubt
	}
	btx, err := s.db.Begin(true)
	if err != nil {
		return nil, storeError(err)
	}
	b := &batch{tx: &tx{sealer: s.sealer, bolt: btx}, done: make(chan struct{})}
	if !s.begun {
		if err := guard(func() error { return s.storeEpoch(btx) }); err != nil {
			btx.Rollback()
			return nil, storeError(err)
		}
	}
	return b, nil
}

// run runs one function in the batch.
func (b *batch) run(fn func(state.Tx) error) (err error) {
	t := b.tx
	kept := false
	defer func() {
		if !kept {
			t.rollback()
		}
		if !t.broken {
			t.err = nil // it was this function's
		}
	}()
	if err = fn(t); t.err != nil {
		return t.err
	}
	if err == nil {
		kept = true
		b.changed = t.keep() || b.changed
	}
	return err
}

// leave gives back the turn. Who leads has it once more, after all who wait, and commits.
func (s *Store) leave(b *batch, leads bool) {
	s.turn <- struct{}{}
	if !leads {
		return
	}
	<-s.turn
	s.batch = nil
	b.err = s.commit(b)
	s.turn <- struct{}{}
	close(b.done)
}

// commit ends a batch.
func (s *Store) commit(b *batch) error {
	if b.tx.broken {
		b.tx.bolt.Rollback()
		return b.tx.err
	}
	if !b.changed && !(b.flush && s.log.waits()) {
		b.tx.bolt.Rollback()
		return nil
	}
	var due state.Time
	id := b.tx.bolt.ID()
	err := guard(func() error {
		if err := s.log.drain(b.tx); err != nil {
			return err
		}
		due = firstDue(b.tx.bolt)
		return b.tx.bolt.Commit()
	})
	s.log.drained(err)
	if err != nil {
		b.tx.bolt.Rollback() // does nothing if Commit did it
		if s.visible(id) {
			s.doubt = fmt.Errorf("%w: %v", ErrInDoubt, err)
			return s.doubt
		}
		return fmt.Errorf("%w: %w", ErrNotWritten, err)
	}
	s.begun = true
	s.due.Store(int64(due))
	return nil
}

// visible reports whether readers see a transaction whose commit failed. It was written then, but perhaps not synced:
// bbolt would go on from there, and a crash might not.
func (s *Store) visible(id int) bool {
	tx, err := s.db.Begin(false)
	if err != nil {
		return true
	}
	defer tx.Rollback()
	return tx.ID() >= id
}
