package refkms

import (
	"context"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// CreateSecretRequest says what secret to make: name, first version and value are required. Secrets of the types that
// the service rotates are made through [Client.Do].
type CreateSecretRequest struct {
	SecretName      string // 1 to 192 letters, digits and _ / + = . - @, not beginning with acs/
	VersionID       string // 1 to 64 characters
	SecretData      kmsapi.Plaintext
	SecretDataType  string // text, the default, or binary: a mark, nothing is decoded
	EncryptionKeyID string // id or ARN of a CMK; default a key that nobody sees
	Description     string
	Tags            map[string]string
}

// CreateSecret makes a secret: its first version, of 1 to 30720 bytes of UTF-8, is current.
func (c *Client) CreateSecret(ctx context.Context, req *CreateSecretRequest) error {
	_, err := invoke[secrets.CreateSecretResponse](ctx, c, c.server.table.Lookup("CreateSecret"), &secrets.CreateSecretRequest{
		SecretName: secrets.NewName(req.SecretName), VersionID: req.VersionID, SecretData: req.SecretData.Bytes(),
		SecretDataType: req.SecretDataType, EncryptionKeyID: req.EncryptionKeyID, Description: req.Description,
		Tags: cloneTags(req.Tags)})
	return err
}

// PutSecretValueRequest says what version to add to a secret: all but the last two are required.
type PutSecretValueRequest struct {
	SecretName     string
	VersionID      string
	SecretData     kmsapi.Plaintext
	SecretDataType string
	VersionStages  []string // labels that the version gets; default ACSCurrent alone
}

// PutSecretValue adds a version. The same version with the same value may be put again; nothing happens.
func (c *Client) PutSecretValue(ctx context.Context, req *PutSecretValueRequest) error {
	_, err := invoke[secrets.PutSecretValueResponse](ctx, c, c.server.table.Lookup("PutSecretValue"), &secrets.PutSecretValueRequest{
		SecretName: secrets.Name(req.SecretName), VersionID: req.VersionID, SecretData: req.SecretData.Bytes(),
		SecretDataType: req.SecretDataType, VersionStages: req.VersionStages})
	return err
}

// GetSecretValueRequest says which version of a secret to open: the one that has the id and the label. Without both it is
// the current one.
type GetSecretValueRequest struct {
	SecretName   string
	VersionID    string
	VersionStage string
}

// SecretValue is one version of a secret.
type SecretValue struct {
	SecretName     string
	VersionID      string
	VersionStages  []string // its labels, ACSCurrent and ACSPrevious first
	SecretData     kmsapi.Plaintext
	SecretDataType string
	CreateTime     string // of the secret, 2006-01-02T15:04:05Z
	RequestID      string
}

// GetSecretValue opens one version of a secret.
func (c *Client) GetSecretValue(ctx context.Context, req *GetSecretValueRequest) (*SecretValue, error) {
	a, err := invoke[secrets.GetSecretValueResponse](ctx, c, c.server.table.Lookup("GetSecretValue"), &secrets.GetSecretValueRequest{
		SecretName: secrets.Name(req.SecretName), VersionID: req.VersionID, VersionStage: secrets.Label(req.VersionStage)})
	if err != nil {
		return nil, err
	}
	return &SecretValue{SecretName: a.SecretName, VersionID: a.VersionID, VersionStages: a.VersionStages.VersionStage,
		SecretData: kmsapi.NewPlaintext(a.SecretData), SecretDataType: a.SecretDataType, CreateTime: a.CreateTime, RequestID: a.RequestID}, nil
}
