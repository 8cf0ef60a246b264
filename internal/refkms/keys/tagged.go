package keys

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Taggable returns a key whose tags may be changed: not that of a cloud service, and none that is about to be
// destroyed.
func Taggable(c *call.Call, keyID string) (*state.Key, error) {
	k := state.Keys.Get(c.Tx, c.Scope, keyID)
	if k == nil {
		return nil, call.ErrKeyNotFound
	}
	if err := own(k); err != nil {
		return nil, err
	}
	return k, toEdit.of(k)
}
