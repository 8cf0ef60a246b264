package secrets

import (
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// The values of SecretDataType. It is a mark and no more: what is called binary is kept and answered as it was sent.
const (
	textData   = "text"
	binaryData = "binary"
)

// CreateSecretRequest is the request of CreateSecret. A VersionId is 1 to 64 characters, any; a value 1 to 30720 bytes.
type CreateSecretRequest struct {
	SecretName              NewName   `param:"SecretName,required"`
	VersionID               string    `param:"VersionId,required,max=64"`
	SecretData              call.Text `param:"SecretData,required,max=30720"`
	SecretDataType          string    `param:"SecretDataType"`
	EncryptionKeyID         string    `param:"EncryptionKeyId,key"`
	Description             string    `param:"Description,max=8192"`
	Tags                    keys.Tags `param:"Tags"`
	SecretType              string    `param:"SecretType"`
	ExtendedConfig          string    `param:"ExtendedConfig"`
	EnableAutomaticRotation bool      `param:"EnableAutomaticRotation"`
	RotationInterval        string    `param:"RotationInterval"` // an Interval, looked at only where a type rotates
	DKMSInstanceID          string    `param:"DKMSInstanceId"`
	Policy                  string    `param:"Policy"`

	// What CheckCreateSecret and FindCreateSecret make of it.
	managed   *managed // nil for a type that does not rotate
	interval  Interval
	name, key string
}

// CreateSecretResponse is the answer of CreateSecret.
type CreateSecretResponse struct {
	ARN               string `json:"Arn"`
	SecretName        string
	VersionID         string `json:"VersionId"`
	SecretType        string
	AutomaticRotation string `json:",omitempty"` // of types that rotate, like the rest
	RotationInterval  string `json:",omitempty"`
	NextRotationDate  string `json:",omitempty"`
	ExtendedConfig    string `json:",omitempty"`
	call.Answer
}

func setDefault(s *string, def string) {
	if *s == "" {
		*s = def
	}
}

// CheckCreateSecret fills in the defaults and refuses what does not go together.
func (s *Service) CheckCreateSecret(c *call.Call, req *CreateSecretRequest) error {
	setDefault(&req.SecretDataType, textData)
	setDefault(&req.SecretType, Generic)
	if req.SecretDataType != textData && req.SecretDataType != binaryData {
		return call.Invalid("SecretDataType")
	}
	if req.SecretType != Generic {
		return checkManaged(req)
	}
	switch {
	case strings.HasPrefix(bareName(string(req.SecretName)), reserved) || req.SecretName == auto:
		return call.Invalid("SecretName")
	case req.EnableAutomaticRotation:
		return call.Invalid("EnableAutomaticRotation")
	}
	return nil
}

// FindCreateSecret finds the container: the right to make a secret does not hang on its name.
func (s *Service) FindCreateSecret(c *call.Call, req *CreateSecretRequest) (err error) {
	c.Touch(call.Resource{Kind: call.SecretContainer})
	req.name, req.key = req.managed.name(), ""
	if req.name == "" {
		if req.name, err = c.ResolveSecret(string(req.SecretName)); err == call.ErrSecretNotFound {
			return call.ErrCreateSecretNotFound
		}
	}
	if err == nil && req.EncryptionKeyID != "" {
		req.key, err = c.ResolveKey(req.EncryptionKeyID, false)
	}
	return err
}

// CreateSecret makes a secret with its first version.
func (s *Service) CreateSecret(c *call.Call, req *CreateSecretRequest) (*CreateSecretResponse, error) {
	c.Touch(call.Resource{Kind: call.SecretKind, ID: req.name})
	if old := state.Secrets.Get(c.Tx, c.Scope, req.name); old != nil {
		if old.Deletion != 0 {
			return nil, call.ErrSecretPlanned
		}
		return nil, call.ErrSecretExists
	}
	switch {
	case req.DKMSInstanceID != "": // there are none
		return nil, call.ErrInstanceNotFound
	case req.Policy != "":
		return nil, call.ErrPolicyUnsupported
	case len(req.Tags) > keys.MaxTags || s.full(c):
		return nil, call.ErrSecretQuota
	}
	secret := state.Secret{
		Name:        req.name,
		Type:        req.SecretType,
		Description: req.Description,
		KeyID:       req.key,
		Created:     c.Now,
		Updated:     c.Now,
		Tags:        req.Tags,
	}
	value := req.SecretData
	if req.managed != nil {
		value = req.managed.begin(&secret, c.Now)
		if req.EnableAutomaticRotation {
			secret.RotationInterval, secret.RotationSince = int64(req.interval), c.Now
		}
	}
	addVersion(&secret, state.SecretVersion{ID: req.VersionID, Created: c.Now, DataType: req.SecretDataType}, []string{current})
	k, err := s.newDataKey(c, &secret, ofCaller)
	if err != nil {
		return nil, err
	}
	defer k.wipe()
	if err := s.store(c, &secret, req.VersionID, value, k); err != nil {
		return nil, err
	}
	save(c, secret)
	answer := &CreateSecretResponse{ARN: arn(c, &secret), SecretName: secret.Name, VersionID: req.VersionID,
		SecretType: secret.Type, ExtendedConfig: secret.Config}
	answer.AutomaticRotation, answer.RotationInterval, answer.NextRotationDate = rotation(&secret)
	return answer, nil
}

// full reports whether there are as many secrets as may be.
func (s *Service) full(c *call.Call) bool {
	n := 0
	if s.opts.MaxSecrets > 0 {
		state.SecretsByAge(c.Tx, c.Scope, func(string) bool { n++; return n < s.opts.MaxSecrets })
	}
	return s.opts.MaxSecrets > 0 && n >= s.opts.MaxSecrets
}

func arn(c *call.Call, s *state.Secret) string {
	return c.ARN(call.Resource{Kind: call.SecretKind, ID: s.Name})
}
