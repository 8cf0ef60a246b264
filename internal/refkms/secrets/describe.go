package secrets

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// A Tag is one in an answer.
type Tag struct{ TagKey, TagValue string }

// TagList is the tags of one resource in an answer, by key.
type TagList struct{ Tag []Tag }

func tagList(tags map[string]string) *TagList {
	list := &TagList{Tag: []Tag{}}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list.Tag = append(list.Tag, Tag{key, tags[key]})
	}
	return list
}

// DescribeSecretRequest is the request of DescribeSecret.
type DescribeSecretRequest struct {
	SecretName Name `param:"SecretName,required,secret"`
	FetchTags  bool `param:"FetchTags"`
}

// DescribeSecretResponse is the answer of DescribeSecret.
type DescribeSecretResponse struct {
	ARN               string `json:"Arn"`
	SecretName        string
	EncryptionKeyID   string `json:"EncryptionKeyId,omitempty"` // not the default key
	Description       string
	SecretType        string
	CreateTime        string
	UpdateTime        string
	PlannedDeleteTime string   `json:",omitempty"` // in the recovery window
	Tags              *TagList `json:",omitempty"` // asked for
	AutomaticRotation string   `json:",omitempty"` // of types that rotate, like the rest
	RotationInterval  string   `json:",omitempty"`
	NextRotationDate  string   `json:",omitempty"`
	LastRotationDate  string   `json:",omitempty"`
	ExtendedConfig    string   `json:",omitempty"`
	call.Answer
}

// DescribeSecret tells what there is to know of a secret besides its values.
func (s *Service) DescribeSecret(c *call.Call, req *DescribeSecretRequest) (*DescribeSecretResponse, error) {
	secret, err := load(c)
	if err != nil {
		return nil, err
	}
	answer := &DescribeSecretResponse{
		ARN:               arn(c, secret),
		SecretName:        secret.Name,
		EncryptionKeyID:   secret.KeyID,
		Description:       secret.Description,
		SecretType:        secret.Type,
		CreateTime:        secret.Created.String(),
		UpdateTime:        secret.Updated.String(),
		PlannedDeleteTime: secret.Deletion.String(),
		LastRotationDate:  secret.LastRotation.String(),
		ExtendedConfig:    secret.Config,
	}
	answer.AutomaticRotation, answer.RotationInterval, answer.NextRotationDate = rotation(secret)
	if req.FetchTags {
		answer.Tags = tagList(secret.Tags)
	}
	return answer, nil
}

// UpdateSecretRequest is the request of UpdateSecret. An empty description is one.
type UpdateSecretRequest struct {
	SecretName  Name       `param:"SecretName,required,secret"`
	Description *string    `param:"Description,max=8192"`
	CustomData  CustomData `param:"ExtendedConfig.CustomData"`
}

// UpdateSecret changes what is known of a secret, not its values. A request that changes nothing is none.
func (s *Service) UpdateSecret(c *call.Call, req *UpdateSecretRequest) (*NameResponse, error) {
	secret, err := loadNormal(c)
	if err != nil {
		return nil, err
	}
	if req.CustomData != "" && secret.Type == Generic {
		return nil, call.Invalid("ExtendedConfig.CustomData")
	}
	changed := *secret
	if req.Description != nil {
		changed.Description = *req.Description
	}
	if req.CustomData != "" {
		conf := parseConfig(secret.Config)
		conf[customDataField] = json.RawMessage(req.CustomData)
		changed.Config = conf.String()
	}
	if req.Description != nil || req.CustomData != "" {
		changed.Updated = c.Now
		save(c, changed)
	}
	return &NameResponse{SecretName: secret.Name}, nil
}
