package keyring

import (
	"bytes"
	"context"
	"slices"
	"time"
)

// The bounds of a delay by percentile.
const (
	maxHedge = time.Second // where MultiOptions.Hedge says nothing
	minHedge = time.Millisecond
)

// MultiStats counts what the hedging of a [Multi] did since it was made.
type MultiStats struct {
	Decrypts  int64 // calls of Decrypt that could have been hedged
	Hedges    int64 // providers asked because one before had not answered within the delay: calls made in addition
	HedgesWon int64 // of these, how many answered first with the data key
}

// Stats returns the counts so far.
func (m *Multi) Stats() MultiStats {
	return MultiStats{Decrypts: m.decrypts.Load(), Hedges: m.hedges.Load(), HedgesWon: m.hedgesWon.Load()}
}

// HedgeDelays returns, by provider, for how long Decrypt now waits for it before it asks the next one besides: 0 without
// hedging.
func (m *Multi) HedgeDelays() []time.Duration {
	delays := make([]time.Duration, len(m.providers))
	for i := range delays {
		delays[i] = m.delay(i)
	}
	return delays
}

// delay returns how long to wait for a provider.
func (m *Multi) delay(i int) time.Duration {
	if m.percentile == 0 {
		return m.hedge
	}
	took, known := m.histories[i].percentile(m.percentile)
	if !known {
		return m.hedge
	}
	return min(max(took, minHedge), m.hedge)
}

// remember adds to the history of a provider, if there is one, how long it took: until it answered, or, with late, until it
// was given up because another had answered. The latter counts if it had its delay, and is among the slow ones whatever
// it would have taken. Were it left out, a history would hold only those answers that were faster than the delay, whose
// percentile is lower than the delay: it would sink with every answer until all calls were made twice.
func (m *Multi) remember(i int, took time.Duration, late bool) {
	if m.percentile > 0 && (!late || took >= m.delay(i)) {
		m.histories[i].add(took)
	}
}

// An answer is what a provider said to a hedged Decrypt.
type answer struct {
	provider int
	hedge    bool // asked for slowness, not because one before had failed
	key      *DataKey
	err      error
}

// decryptHedged asks the readers in order, each as soon as those before have failed or the last of them has not answered
// within its delay.
//
// It does not wait for those that it gives up, as not to wait is its purpose: they see a cancelled context, and what
// they open all the same is destroyed by the goroutine that asked. That goroutine ends when the provider returns.
func (m *Multi) decryptHedged(ctx context.Context, req *DecryptRequest) (*DataKey, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Whoever is given up may still be reading when the caller has his slices back.
	req = &DecryptRequest{Suite: req.Suite, Context: bytes.Clone(req.Context), Record: req.Record.Clone()}

	m.decrypts.Add(1)
	answers := make(chan answer) // without a buffer: a key has either been received, or its sender still has it
	asked, running := 0, map[int]time.Time{}
	timer := time.NewTimer(m.hedge) // ask sets it
	defer timer.Stop()
	ask := func(hedge bool) {
		i := m.readers[asked]
		asked++
		running[i] = time.Now()
		timer.Reset(m.delay(i))
		go func() {
			key, err := m.providers[i].Decrypt(ctx, req)
			select {
			case answers <- answer{i, hedge, key, err}:
			case <-ctx.Done():
				key.Destroy()
			}
		}()
	}

	errs := slices.Clone(m.unasked)
	ask(false)
	for len(running) > 0 {
		select {
		case a := <-answers:
			if a.err == nil {
				if a.hedge {
					m.hedgesWon.Add(1)
				}
				for i, since := range running {
					m.remember(i, time.Since(since), i != a.provider)
				}
				return a.key, nil
			}
			delete(running, a.provider)
			errs[a.provider] = a.err
			if ctx.Err() != nil {
				return nil, unwrapDone(ctx, said(errs))
			}
			if asked < len(m.readers) {
				ask(false)
			}
		case <-timer.C:
			if asked < len(m.readers) {
				m.hedges.Add(1)
				ask(true)
			}
		case <-ctx.Done():
			return nil, unwrapDone(ctx, said(errs))
		}
	}
	return nil, unwrapError(said(errs))
}
