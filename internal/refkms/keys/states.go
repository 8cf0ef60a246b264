package keys

import (
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// EnableKeyRequest is the request of EnableKey.
type EnableKeyRequest struct {
	KeyID string `param:"KeyId,required,key"`
}

// EnableKey makes a disabled key usable. A rotation policy that was suspended takes effect again: what was missed is
// made up for by one rotation, dated now.
func (s *Service) EnableKey(c *call.Call, req *EnableKeyRequest) (*call.Answer, error) {
	return s.switchTo(c, state.Enabled)
}

// DisableKeyRequest is the request of DisableKey.
type DisableKeyRequest struct {
	KeyID string `param:"KeyId,required,key"`
}

// DisableKey makes a key unusable until it is enabled again. Its rotation policy is suspended.
func (s *Service) DisableKey(c *call.Call, req *DisableKeyRequest) (*call.Answer, error) {
	return s.switchTo(c, state.Disabled)
}

func (s *Service) switchTo(c *call.Call, to state.KeyState) (*call.Answer, error) {
	k, err := load(c, 0)
	if err != nil {
		return nil, err
	}
	if err := own(k); err != nil {
		return nil, err
	}
	if err := toSwitch.of(k); err != nil {
		return nil, err
	}
	if k.State != to {
		changed := *k
		changed.State = to
		if to == state.Enabled {
			changed.RotationSince = c.Now
		}
		save(c, changed)
	}
	return new(call.Answer), nil
}

// ScheduleKeyDeletionRequest is the request of ScheduleKeyDeletion.
type ScheduleKeyDeletionRequest struct {
	KeyID               string `param:"KeyId,required,key"`
	PendingWindowInDays int    `param:"PendingWindowInDays,min=7,default=30"`
}

// CheckScheduleKeyDeletion refuses a window longer than the settings allow.
func (s *Service) CheckScheduleKeyDeletion(c *call.Call, req *ScheduleKeyDeletionRequest) error {
	if req.PendingWindowInDays > s.opts.MaxDeletionDays {
		return call.Invalid("PendingWindowInDays")
	}
	return nil
}

// ScheduleKeyDeletion begins the deletion window, at the end of which the key is destroyed.
func (s *Service) ScheduleKeyDeletion(c *call.Call, req *ScheduleKeyDeletionRequest) (*call.Answer, error) {
	k, err := load(c, 0)
	if err != nil {
		return nil, err
	}
	if err := own(k); err != nil {
		return nil, err
	}
	if err := toSchedule.of(k); err != nil {
		return nil, err
	}
	if k.DeletionProtection {
		return nil, call.ErrDeletionProtection
	}
	changed := *k
	changed.State = state.PendingDeletion
	changed.DeletionDate = c.Now.Add(time.Duration(req.PendingWindowInDays) * 24 * time.Hour)
	save(c, changed)
	return new(call.Answer), nil
}

// CancelKeyDeletionRequest is the request of CancelKeyDeletion.
type CancelKeyDeletionRequest struct {
	KeyID string `param:"KeyId,required,key"`
}

// CancelKeyDeletion ends the deletion window. The key is enabled, whatever it was before; without material it waits
// for its import.
func (s *Service) CancelKeyDeletion(c *call.Call, req *CancelKeyDeletionRequest) (*call.Answer, error) {
	k, err := load(c, 0)
	if err != nil {
		return nil, err
	}
	if err := own(k); err != nil {
		return nil, err
	}
	if err := toCancel.of(k); err != nil {
		return nil, err
	}
	changed := *k
	changed.State = state.Enabled
	changed.RotationSince = c.Now
	changed.DeletionDate = 0
	if k.Origin == OriginExternal && state.Versions.Get(c.Tx, c.Scope, k.Primary).Material.Bytes() == nil {
		changed.State = state.PendingImport
	}
	save(c, changed)
	return new(call.Answer), nil
}
