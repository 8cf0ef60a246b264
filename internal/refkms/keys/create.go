package keys

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// CreateKeyRequest is the request of CreateKey.
type CreateKeyRequest struct {
	Description             string   `param:"Description,max=8192"`
	KeySpec                 string   `param:"KeySpec"`
	KeyUsage                string   `param:"KeyUsage"`
	Origin                  string   `param:"Origin"`
	ProtectionLevel         string   `param:"ProtectionLevel"`
	EnableAutomaticRotation bool     `param:"EnableAutomaticRotation"`
	RotationInterval        Interval `param:"RotationInterval,if=EnableAutomaticRotation"`
	Tags                    Tags     `param:"Tags"`

	full bool // found: there is no room for another key of a pair, or for its tags
}

// CreateKeyResponse is the answer of CreateKey.
type CreateKeyResponse struct {
	KeyMetadata KeyMetadata
	call.Answer
}

// CheckCreateKey fills in the defaults and refuses what does not go together.
func (s *Service) CheckCreateKey(c *call.Call, req *CreateKeyRequest) error {
	setDefault(&req.ProtectionLevel, Software)
	setDefault(&req.Origin, OriginKMS)
	if req.KeySpec == "" {
		req.KeySpec = "Aliyun_AES_256"
		if req.ProtectionLevel == HSM && mainland(c.Region()) {
			req.KeySpec = "Aliyun_SM4"
		}
	}
	spec := specs[req.KeySpec]
	if spec == nil || spec.mainland && !(req.ProtectionLevel == HSM && mainland(c.Region())) {
		return call.Invalid("KeySpec")
	}
	setDefault(&req.KeyUsage, spec.defaultUsage())
	switch {
	case !spec.allows(req.KeyUsage):
		return call.Invalid("KeyUsage")
	case req.Origin != OriginKMS && req.Origin != OriginExternal, req.Origin == OriginExternal && !spec.symmetric():
		return call.Invalid("Origin")
	case req.ProtectionLevel != Software && req.ProtectionLevel != HSM:
		return call.Invalid("ProtectionLevel")
	case req.ProtectionLevel == HSM && !managedHSM(c.Region()):
		return call.ErrUnsupportedLevel
	case req.EnableAutomaticRotation && (req.Origin == OriginExternal || !spec.symmetric()):
		return call.Invalid("EnableAutomaticRotation")
	}
	return nil
}

func setDefault(s *string, def string) {
	if *s == "" {
		*s = def
	}
}

// FindCreateKey finds the container, and whether it is full: no pair is made to be thrown away.
func (s *Service) FindCreateKey(c *call.Call, req *CreateKeyRequest) error {
	c.Touch(call.Resource{Kind: call.KeyContainer})
	req.full = !specs[req.KeySpec].symmetric() && (s.full(c) || len(req.Tags) > MaxTags)
	return nil
}

// full reports whether the account has as many keys in the region as it may have. Those of cloud services do not count.
func (s *Service) full(c *call.Call) bool {
	if s.opts.MaxKeys == 0 {
		return false
	}
	n := 0
	for _, k := range state.Keys.All(c.Tx, c.Scope) {
		if k.Service == "" {
			if n++; n >= s.opts.MaxKeys {
				return true
			}
		}
	}
	return false
}

// PrepareCreateKey makes the material of the first version: none if it is to be imported.
func (s *Service) PrepareCreateKey(c *call.Call, req *CreateKeyRequest) (any, error) {
	switch {
	case req.full:
		return nil, call.ErrLimitExceeded
	case req.Origin == OriginExternal:
		return state.Material{}, nil
	}
	return s.newMaterial(c.Context, specs[req.KeySpec])
}

// CreateKey makes a key with its first version. An external key has a version from the beginning too, and keeps it for
// life: what is encrypted under it opens again after the same material was imported anew.
func (s *Service) CreateKey(c *call.Call, req *CreateKeyRequest) (*CreateKeyResponse, error) {
	if s.full(c) || len(req.Tags) > MaxTags {
		return nil, call.ErrLimitExceeded
	}
	k := &state.Key{
		ID:              call.NewID(),
		Description:     req.Description,
		Spec:            req.KeySpec,
		Usage:           req.KeyUsage,
		Origin:          req.Origin,
		ProtectionLevel: req.ProtectionLevel,
		State:           state.Enabled,
		Created:         c.Now,
		Tags:            req.Tags,
		Versions:        1,
		LastRotation:    c.Now,
	}
	if req.Origin == OriginExternal {
		k.State = state.PendingImport
		k.ImportSecret = newImportSecret()
	}
	if req.EnableAutomaticRotation {
		k.RotationInterval, k.RotationSince = int64(req.RotationInterval), c.Now
	}
	v := &state.Version{ID: call.NewID(), KeyID: k.ID, Number: 1, Created: c.Now, Material: c.Prepared.(state.Material)}
	if specs[k.Spec].symmetric() {
		k.Primary = v.ID
	}
	state.Versions.Put(c.Tx, c.Scope, v.ID, v)
	state.Keys.Put(c.Tx, c.Scope, k.ID, k)
	c.Touch(call.Resource{Kind: call.KeyKind, ID: k.ID})
	return &CreateKeyResponse{KeyMetadata: metadata(c, k)}, nil
}
