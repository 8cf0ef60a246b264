package refkms

import (
	"context"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
)

// CreateKeyRequest says what key to make. The zero value is a symmetric key that the service makes:
// Aliyun_AES_256, ENCRYPT/DECRYPT, in software, without rotation.
type CreateKeyRequest struct {
	Description      string
	KeySpec          string
	KeyUsage         string
	Origin           string
	ProtectionLevel  string
	RotationInterval time.Duration // 7 to 730 days, in whole seconds; 0 is no automatic rotation
	Tags             map[string]string
}

// KeyMetadata is what the service says of a key, all of it text.
type KeyMetadata struct {
	KeyID                         string
	ARN                           string
	CreationDate                  string // 2006-01-02T15:04:05Z, like all dates
	Creator                       string
	Description                   string
	KeySpec                       string
	KeyState                      string
	KeyUsage                      string
	Origin                        string
	ProtectionLevel               string
	PrimaryKeyVersion             string // "" for asymmetric keys
	DeleteDate                    string // "" unless PendingDeletion
	MaterialExpireTime            string // "" for never
	LastRotationDate              string
	AutomaticRotation             string // Enabled, Disabled, Suspended
	RotationInterval              string // seconds, as in 31536000s; "" without a policy
	NextRotationDate              string // "" without a policy
	DeletionProtection            string
	DeletionProtectionDescription string
}

// CreateKey makes a key; a nil request is the zero one. Every call makes another key.
func (c *Client) CreateKey(ctx context.Context, req *CreateKeyRequest) (*KeyMetadata, error) {
	if req == nil {
		req = new(CreateKeyRequest)
	}
	a, err := invoke[keys.CreateKeyResponse](ctx, c, c.server.table.Lookup("CreateKey"), &keys.CreateKeyRequest{
		Description: req.Description, KeySpec: req.KeySpec, KeyUsage: req.KeyUsage, Origin: req.Origin,
		ProtectionLevel: req.ProtectionLevel, EnableAutomaticRotation: req.RotationInterval != 0,
		RotationInterval: interval(req.RotationInterval), Tags: cloneTags(req.Tags)})
	if err != nil {
		return nil, err
	}
	m := &a.KeyMetadata
	return &KeyMetadata{
		KeyID: m.KeyID, ARN: m.ARN, CreationDate: m.CreationDate, Creator: m.Creator, Description: m.Description,
		KeySpec: m.KeySpec, KeyState: m.KeyState, KeyUsage: m.KeyUsage, Origin: m.Origin, ProtectionLevel: m.ProtectionLevel,
		PrimaryKeyVersion: m.PrimaryKeyVersion, DeleteDate: m.DeleteDate, MaterialExpireTime: m.MaterialExpireTime,
		LastRotationDate: m.LastRotationDate, AutomaticRotation: m.AutomaticRotation, RotationInterval: m.RotationInterval,
		NextRotationDate: m.NextRotationDate, DeletionProtection: m.DeletionProtection,
		DeletionProtectionDescription: m.DeletionProtectionDescription,
	}, nil
}

// interval returns d in seconds, rounded up, so that what is not 0 stays so and is refused if it is too short.
func interval(d time.Duration) keys.Interval {
	return keys.Interval((d + time.Second - 1) / time.Second)
}

// cloneTags copies tags, which become part of the key.
func cloneTags(tags map[string]string) keys.Tags {
	if len(tags) == 0 {
		return nil
	}
	clone := make(keys.Tags, len(tags))
	for k, v := range tags {
		clone[k] = v
	}
	return clone
}

// EnableKey makes a disabled key usable again.
func (c *Client) EnableKey(ctx context.Context, keyID string) error {
	return change(ctx, c, "EnableKey", &keys.EnableKeyRequest{KeyID: keyID})
}

// DisableKey makes a key unusable until it is enabled again.
func (c *Client) DisableKey(ctx context.Context, keyID string) error {
	return change(ctx, c, "DisableKey", &keys.DisableKeyRequest{KeyID: keyID})
}

// ScheduleKeyDeletion begins the deletion window of a key, 7 to 30 days; 0 is 30. At its end the key is destroyed.
func (c *Client) ScheduleKeyDeletion(ctx context.Context, keyID string, days int) error {
	return change(ctx, c, "ScheduleKeyDeletion", &keys.ScheduleKeyDeletionRequest{KeyID: keyID, PendingWindowInDays: days})
}

// CancelKeyDeletion ends the deletion window of a key and enables it.
func (c *Client) CancelKeyDeletion(ctx context.Context, keyID string) error {
	return change(ctx, c, "CancelKeyDeletion", &keys.CancelKeyDeletionRequest{KeyID: keyID})
}

// UpdateRotationPolicy has a symmetric key rotate every interval, 7 to 730 days in whole seconds, counted from its last
// rotation; 0 removes the policy. A key whose turn has passed already rotates at once.
func (c *Client) UpdateRotationPolicy(ctx context.Context, keyID string, every time.Duration) error {
	return change(ctx, c, "UpdateRotationPolicy", &keys.UpdateRotationPolicyRequest{
		KeyID: keyID, EnableAutomaticRotation: every != 0, RotationInterval: interval(every)})
}

// CreateAlias names a key: alias/ and 1 to 255 letters, digits, _, - and /.
func (c *Client) CreateAlias(ctx context.Context, alias, keyID string) error {
	return change(ctx, c, "CreateAlias", &keys.CreateAliasRequest{AliasName: keys.AliasName(alias), KeyID: keyID})
}

// UpdateAlias has an alias lead to another key.
func (c *Client) UpdateAlias(ctx context.Context, alias, keyID string) error {
	return change(ctx, c, "UpdateAlias", &keys.UpdateAliasRequest{AliasName: keys.AliasName(alias), KeyID: keyID})
}

// DeleteAlias removes an alias; the key stays.
func (c *Client) DeleteAlias(ctx context.Context, alias string) error {
	return change(ctx, c, "DeleteAlias", &keys.DeleteAliasRequest{AliasName: keys.AliasName(alias)})
}

// change makes a call that answers nothing.
func change[Req any](ctx context.Context, c *Client, op string, req *Req) error {
	_, err := invoke[call.Answer](ctx, c, c.server.table.Lookup(op), req)
	return err
}
