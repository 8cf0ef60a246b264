package keys

import (
	"fmt"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// KeyMetadata is what the service tells of a key. Every value is a string.
type KeyMetadata struct {
	CreationDate                  string
	Description                   string
	KeyID                         string `json:"KeyId"`
	KeySpec                       string
	KeyState                      string
	KeyUsage                      string
	PrimaryKeyVersion             string `json:",omitempty"` // of symmetric keys
	DeleteDate                    string
	Creator                       string
	ARN                           string `json:"Arn"`
	Origin                        string
	MaterialExpireTime            string
	ProtectionLevel               string
	LastRotationDate              string
	AutomaticRotation             string
	RotationInterval              string `json:",omitempty"` // with a policy, like the next
	NextRotationDate              string `json:",omitempty"`
	DeletionProtection            string
	DeletionProtectionDescription string `json:",omitempty"`
}

func metadata(c *call.Call, k *state.Key) KeyMetadata {
	m := KeyMetadata{
		CreationDate:       k.Created.String(),
		Description:        k.Description,
		KeyID:              k.ID,
		KeySpec:            k.Spec,
		KeyState:           k.State.String(),
		KeyUsage:           k.Usage,
		PrimaryKeyVersion:  k.Primary,
		DeleteDate:         k.DeletionDate.String(),
		Creator:            c.Account(),
		ARN:                keyARN(c, k.ID),
		Origin:             k.Origin,
		MaterialExpireTime: k.MaterialExpires.String(),
		ProtectionLevel:    k.ProtectionLevel,
		LastRotationDate:   k.LastRotation.String(),
		AutomaticRotation:  "Disabled",
		DeletionProtection: "Disabled",
	}
	if k.Service != "" {
		m.Creator = k.Service
	}
	if k.RotationInterval != 0 {
		m.AutomaticRotation = "Suspended"
		if k.State == state.Enabled {
			m.AutomaticRotation = "Enabled"
		}
		m.RotationInterval = fmt.Sprintf("%ds", k.RotationInterval)
		m.NextRotationDate = (k.LastRotation + state.Time(k.RotationInterval)).String()
	}
	if k.DeletionProtection {
		m.DeletionProtection, m.DeletionProtectionDescription = "Enabled", k.DeletionProtectionDescription
	}
	return m
}

func keyARN(c *call.Call, id string) string { return c.ARN(call.Resource{Kind: call.KeyKind, ID: id}) }

// DescribeKeyRequest is the request of DescribeKey.
type DescribeKeyRequest struct {
	KeyID string `param:"KeyId,required,key,alias"`
}

// DescribeKeyResponse is the answer of DescribeKey.
type DescribeKeyResponse struct {
	KeyMetadata KeyMetadata
	call.Answer
}

// DescribeKey tells what there is to know of a key, in every state.
func (s *Service) DescribeKey(c *call.Call, req *DescribeKeyRequest) (*DescribeKeyResponse, error) {
	k, err := load(c, 0)
	if err != nil {
		return nil, err
	}
	return &DescribeKeyResponse{KeyMetadata: metadata(c, k)}, nil
}

// UpdateKeyDescriptionRequest is the request of UpdateKeyDescription. An empty description is one.
type UpdateKeyDescriptionRequest struct {
	KeyID       string  `param:"KeyId,required,key"`
	Description *string `param:"Description,required,max=8192"`
}

// UpdateKeyDescription replaces the description of a key.
func (s *Service) UpdateKeyDescription(c *call.Call, req *UpdateKeyDescriptionRequest) (*call.Answer, error) {
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
	changed.Description = *req.Description
	save(c, changed)
	return new(call.Answer), nil
}
