package keys

import (
	"errors"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// A KeyARN is a parameter that is the ARN of a key, of whatever account and region.
type KeyARN string

var errKeyARN = errors.New("keys: not the ARN of a key")

// SetParam reads an ARN.
func (a *KeyARN) SetParam(text string) error {
	*a = KeyARN(text)
	return a.CheckParam()
}

// CheckParam checks the form, acs:kms:<region>:<account>:key/<key id>.
func (a *KeyARN) CheckParam() error {
	parts := strings.Split(string(*a), ":")
	if len(parts) != 5 || parts[0] != "acs" || parts[1] != "kms" {
		return errKeyARN
	}
	if id, ok := strings.CutPrefix(parts[4], "key/"); !ok || id == "" {
		return errKeyARN
	}
	return nil
}

// SetDeletionProtectionRequest is the request of SetDeletionProtection. It names the key by ARN, as older editions of the
// service want it, or by id; the ARN counts.
type SetDeletionProtectionRequest struct {
	EnableDeletionProtection      bool   `param:"EnableDeletionProtection,required"`
	ProtectedResourceARN          KeyARN `param:"ProtectedResourceArn,or=KeyId"`
	KeyID                         string `param:"KeyId,key"`
	DeletionProtectionDescription string `param:"DeletionProtectionDescription,max=8192"`
}

// FindSetDeletionProtection finds the key.
func (s *Service) FindSetDeletionProtection(c *call.Call, req *SetDeletionProtectionRequest) error {
	name := string(req.ProtectedResourceARN)
	if name == "" {
		name = req.KeyID
	}
	_, err := findKey(c, name)
	return err
}

// SetDeletionProtection has a key refuse ScheduleKeyDeletion, or no more. The description is kept while it does.
func (s *Service) SetDeletionProtection(c *call.Call, req *SetDeletionProtectionRequest) (*call.Answer, error) {
	k, err := load(c, 0)
	if err != nil {
		return nil, err
	}
	if err := own(k); err != nil {
		return nil, err
	}
	if err := toEdit.of(k); err != nil {
		return nil, err
	}
	changed := *k
	changed.DeletionProtection, changed.DeletionProtectionDescription = req.EnableDeletionProtection, ""
	if req.EnableDeletionProtection {
		changed.DeletionProtectionDescription = req.DeletionProtectionDescription
	}
	save(c, changed)
	return new(call.Answer), nil
}
