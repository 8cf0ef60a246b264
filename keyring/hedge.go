package keyring

import (
	"bytes"
	"context"
	"slices"
	"time"
)

// MultiStats counts what the hedging of a [Multi] did since it was made.
type MultiStats struct {
	Hedges    int64 // providers asked because one before had not answered within MultiOptions.Hedge: calls made in addition
	HedgesWon int64 // of these, how many answered first with the data key
}

// Stats returns the counts so far.
func (m *Multi) Stats() MultiStats {
	return MultiStats{Hedges: m.hedges.Load(), HedgesWon: m.hedgesWon.Load()}
}

// An answer is what a provider said to a hedged Decrypt.
type answer struct {
	provider int
	hedge    bool // asked for slowness, not because one before had failed
	key      *DataKey
	err      error
}

// decryptHedged asks the readers in order, each as soon as those before have failed or none has answered for m.hedge.
//
// It does not wait for those that it gives up, as not to wait is its purpose: they see a cancelled context, and what
// they open all the same is destroyed by the goroutine that asked. That goroutine ends when the provider returns.
func (m *Multi) decryptHedged(ctx context.Context, req *DecryptRequest) (*DataKey, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Whoever is given up may still be reading when the caller has his slices back.
	req = &DecryptRequest{Suite: req.Suite, Context: bytes.Clone(req.Context), Record: req.Record.Clone()}

	answers := make(chan answer) // without a buffer: a key has either been received, or its sender still has it
	asked, running := 0, 0
	ask := func(hedge bool) {
		i := m.readers[asked]
		asked++
		running++
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
	timer := time.NewTimer(m.hedge)
	defer timer.Stop()
	for running > 0 {
		select {
		case a := <-answers:
			if a.err == nil {
				if a.hedge {
					m.hedgesWon.Add(1)
				}
				return a.key, nil
			}
			running--
			errs[a.provider] = a.err
			if ctx.Err() != nil {
				return nil, unwrapDone(ctx, said(errs))
			}
			if asked < len(m.readers) {
				ask(false)
				timer.Reset(m.hedge)
			}
		case <-timer.C:
			if asked < len(m.readers) {
				m.hedges.Add(1)
				ask(true)
				timer.Reset(m.hedge)
			}
		case <-ctx.Done():
			return nil, unwrapDone(ctx, said(errs))
		}
	}
	return nil, unwrapError(said(errs))
}
