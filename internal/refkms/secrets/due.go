package secrets

import (
	"context"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Purge deletes a secret whose recovery window is over, for good.
func (s *Service) Purge(tx state.Tx, d *state.Due) *call.Happening {
	remove(tx, d.Scope, state.Secrets.Get(tx, d.Scope, d.ID))
	return happening("PurgeSecret", d)
}

// Rotate rotates a secret, dated when it was due. A long jump of the clock makes one version for each interval that has
// passed. Where the CMK is not usable the rotation fails: no further one is due until the policy is set anew or somebody
// rotates the secret.
func (s *Service) Rotate(tx state.Tx, d *state.Due) *call.Happening {
	secret := state.Secrets.Get(tx, d.Scope, d.ID)
	c := &call.Call{Context: context.Background(), Scope: d.Scope, Now: d.At, Instant: time.Unix(int64(d.At), 0), Tx: tx}
	if err := s.rotate(c, secret, call.NewID()); err != nil {
		failed := *secret
		failed.RotationFailed = true
		save(c, failed)
		return nil
	}
	return happening("RotateSecret", d)
}

func happening(name string, d *state.Due) *call.Happening {
	return &call.Happening{Name: name, At: d.At, Scope: d.Scope, Resource: call.Resource{Kind: call.SecretKind, ID: d.ID}}
}
