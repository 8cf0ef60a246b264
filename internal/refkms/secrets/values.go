package secrets

import (
	"crypto/subtle"
	"encoding/json"
	"errors"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// GetSecretValueRequest is the request of GetSecretValue.
type GetSecretValueRequest struct {
	SecretName          Name   `param:"SecretName,required,secret"`
	VersionID           string `param:"VersionId,max=64"`
	VersionStage        Label  `param:"VersionStage"`
	FetchExtendedConfig bool   `param:"FetchExtendedConfig"`
}

// GetSecretValueResponse is the answer of GetSecretValue.
type GetSecretValueResponse struct {
	SecretName        string
	VersionID         string `json:"VersionId"`
	SecretData        call.Text
	SecretDataType    string
	SecretType        string
	VersionStages     StageList
	CreateTime        string // of the secret
	AutomaticRotation string `json:",omitempty"` // of types that rotate, like the rest
	RotationInterval  string `json:",omitempty"`
	NextRotationDate  string `json:",omitempty"`
	LastRotationDate  string `json:",omitempty"`
	ExtendedConfig    string `json:",omitempty"` // asked for
	call.Answer
}

// FindGetSecretValue finds the secret. What is not found has words of its own in this operation.
func (s *Service) FindGetSecretValue(c *call.Call, req *GetSecretValueRequest) error {
	name, err := c.ResolveSecret(string(req.SecretName))
	if err != nil {
		return asValue(err)
	}
	c.Touch(call.Resource{Kind: call.SecretKind, ID: name})
	return nil
}

func asValue(err error) error {
	if err == call.ErrSecretNotFound {
		return call.ErrSecretValueNotFound
	}
	return err
}

// GetSecretValue opens the value of one version: by default the current one.
func (s *Service) GetSecretValue(c *call.Call, req *GetSecretValueRequest) (*GetSecretValueResponse, error) {
	secret, err := loadNormal(c)
	if err != nil {
		return nil, asValue(err)
	}
	version, err := choose(secret, req.VersionID, string(req.VersionStage))
	if err != nil {
		return nil, err
	}
	value, err := s.reveal(c, secret, version.ID, ofCaller)
	if err != nil {
		return nil, err
	}
	answer := &GetSecretValueResponse{
		SecretName:       secret.Name,
		VersionID:        version.ID,
		SecretData:       value,
		SecretDataType:   version.DataType,
		SecretType:       secret.Type,
		VersionStages:    stages(secret, version.ID),
		CreateTime:       secret.Created.String(),
		LastRotationDate: secret.LastRotation.String(),
	}
	answer.AutomaticRotation, answer.RotationInterval, answer.NextRotationDate = rotation(secret)
	if req.FetchExtendedConfig {
		answer.ExtendedConfig = secret.Config
	}
	return answer, nil
}

// choose returns the version that has both an id and a label, either of which may be "". Of a secret that rotates only
// the versions that the service labels can be had, and by their labels alone.
func choose(s *state.Secret, id, label string) (*state.SecretVersion, error) {
	if s.Type != Generic {
		if id = ""; rank(label) == 2 && label != "" {
			return nil, call.Invalid("VersionStage")
		}
	}
	if id == "" {
		if label == "" {
			label = current
		}
		id = holder(s, label)
	} else if label != "" && holder(s, label) != id {
		return nil, call.ErrSecretValueNotFound
	}
	v := findVersion(s, id)
	if v == nil {
		return nil, call.ErrSecretValueNotFound
	}
	return v, nil
}

// Stages is the parameter VersionStages: a JSON array of 1 to 8 labels, none twice.
type Stages []string

const maxStagesText = 8 << 10 // bytes of JSON, much more than eight labels take

var errStages = errors.New("secrets: not a list of labels")

// SetParam reads labels.
func (l *Stages) SetParam(text string) error {
	if len(text) > maxStagesText || json.Unmarshal([]byte(text), l) != nil {
		return errStages
	}
	return l.CheckParam()
}

// CheckParam checks them.
func (l *Stages) CheckParam() error {
	if len(*l) < 1 || len(*l) > maxLabels {
		return errStages
	}
	seen := map[string]bool{}
	for _, label := range *l {
		if !word(label, maxLabel) || seen[label] {
			return errStages
		}
		seen[label] = true
	}
	return nil
}

// PutSecretValueRequest is the request of PutSecretValue.
type PutSecretValueRequest struct {
	SecretName     Name      `param:"SecretName,required,secret"`
	VersionID      string    `param:"VersionId,required,max=64"`
	SecretData     call.Text `param:"SecretData,required,max=30720"`
	SecretDataType string    `param:"SecretDataType"`
	VersionStages  Stages    `param:"VersionStages"`
}

// PutSecretValueResponse is the answer of PutSecretValue.
type PutSecretValueResponse struct {
	SecretName    string
	VersionID     string `json:"VersionId"`
	VersionStages StageList
	call.Answer
}

// CheckPutSecretValue fills in the defaults.
func (s *Service) CheckPutSecretValue(c *call.Call, req *PutSecretValueRequest) error {
	setDefault(&req.SecretDataType, textData)
	if req.SecretDataType != textData && req.SecretDataType != binaryData {
		return call.Invalid("SecretDataType")
	}
	if req.VersionStages == nil {
		req.VersionStages = Stages{current}
	}
	return nil
}

// PutSecretValue adds a version. One that is there already stays as it is, labels and all: the same value again is
// accepted, another is refused. The right to use the CMK is asked for either way; to compare, the service looks at the
// value by its own.
func (s *Service) PutSecretValue(c *call.Call, req *PutSecretValueRequest) (*PutSecretValueResponse, error) {
	secret, err := loadNormal(c)
	if err != nil {
		return nil, err
	}
	if secret.Type != Generic {
		return nil, call.ErrUnsupportedOperation
	}
	there := findVersion(secret, req.VersionID) != nil
	changed := *secret
	var gone []string
	if !there {
		added := state.SecretVersion{ID: req.VersionID, Created: c.Now, DataType: req.SecretDataType}
		if gone, err = addVersion(&changed, added, req.VersionStages); err != nil {
			return nil, err
		}
	}
	k, err := s.newDataKey(c, secret, ofCaller)
	if err != nil {
		return nil, err
	}
	defer k.wipe()
	if there {
		value, err := s.reveal(c, secret, req.VersionID, ofService)
		if err != nil {
			return nil, err
		}
		defer clear(value)
		if subtle.ConstantTimeCompare(value, req.SecretData) != 1 {
			return nil, call.ErrSecretVersionExists
		}
	} else if err := s.keep(c, changed, req.VersionID, req.SecretData, k, gone); err != nil {
		return nil, err
	}
	return &PutSecretValueResponse{SecretName: secret.Name, VersionID: req.VersionID, VersionStages: stages(&changed, req.VersionID)}, nil
}

// keep saves a secret to which a version was added, seals the value of that version, and drops those that are gone.
func (s *Service) keep(c *call.Call, secret state.Secret, version string, value []byte, k *dataKey, gone []string) error {
	if err := s.store(c, &secret, version, value, k); err != nil {
		return err
	}
	for _, id := range gone {
		state.SecretValues.Delete(c.Tx, c.Scope, state.SecretValueID(secret.Name, id))
	}
	secret.Updated = c.Now
	save(c, secret)
	return nil
}
