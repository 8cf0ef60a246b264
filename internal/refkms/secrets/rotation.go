package secrets

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// An Interval is the parameter RotationInterval, in seconds: a number with the unit d, h, m or s, from 6 to 8760 hours.
type Interval int64

// The limits of an Interval.
const (
	MinInterval Interval = 6 * 3600
	MaxInterval Interval = 8760 * 3600
)

var errInterval = errors.New("secrets: not a rotation interval")

// SetParam reads an interval.
func (i *Interval) SetParam(text string) error {
	seconds, err := call.ParseInterval(text)
	if err != nil {
		return err
	}
	*i = Interval(seconds)
	return i.CheckParam()
}

// ParamText returns the interval as it is sent.
func (i *Interval) ParamText() string { return strconv.FormatInt(int64(*i), 10) + "s" }

// CheckParam checks the limits.
func (i *Interval) CheckParam() error {
	if *i < MinInterval || *i > MaxInterval {
		return errInterval
	}
	return nil
}

// rotation returns what answers say of the rotation of a secret, nothing of one that does not rotate: whether it rotates
// by itself, or Invalid after a rotation that has failed; and if so, the interval and the next date.
func rotation(s *state.Secret) (automatic, interval, next string) {
	switch {
	case s.Type == Generic:
		return "", "", ""
	case s.RotationInterval == 0:
		return "Disabled", "", ""
	case s.RotationFailed:
		automatic = "Invalid"
	default:
		automatic = "Enabled"
	}
	return automatic, fmt.Sprintf("%ds", s.RotationInterval), s.NextRotation().String()
}

// rotate adds a version with a new value, which is current from then on. It is done by the service's own right.
func (s *Service) rotate(c *call.Call, secret *state.Secret, version string) error {
	changed := *secret
	value := advance(&changed, c.Now)
	defer clear(value)
	changed.LastRotation, changed.RotationFailed = c.Now, false
	gone, err := addVersion(&changed, state.SecretVersion{ID: version, Created: c.Now, DataType: textData}, []string{current})
	if err != nil {
		return err
	}
	k, err := s.newDataKey(c, secret, ofService)
	if err != nil {
		return err
	}
	defer k.wipe()
	return s.keep(c, changed, version, value, k, gone)
}

// RotateSecretRequest is the request of RotateSecret.
type RotateSecretRequest struct {
	SecretName Name   `param:"SecretName,required,secret"`
	VersionID  string `param:"VersionId,required,max=64"`
}

// RotateSecretResponse is the answer of RotateSecret.
type RotateSecretResponse struct {
	ARN        string `json:"Arn"`
	SecretName string
	VersionID  string `json:"VersionId"`
	call.Answer
}

// RotateSecret rotates a secret now. A version that is there already has been rotated to before: nothing happens.
func (s *Service) RotateSecret(c *call.Call, req *RotateSecretRequest) (*RotateSecretResponse, error) {
	secret, err := loadNormal(c)
	if err != nil {
		return nil, err
	}
	if secret.Type == Generic {
		return nil, call.Invalid("SecretName")
	}
	if findVersion(secret, req.VersionID) == nil {
		if err := s.rotate(c, secret, req.VersionID); err != nil {
			return nil, err
		}
	}
	return &RotateSecretResponse{ARN: arn(c, secret), SecretName: secret.Name, VersionID: req.VersionID}, nil
}

// UpdateSecretRotationPolicyRequest is the request of UpdateSecretRotationPolicy.
type UpdateSecretRotationPolicyRequest struct {
	SecretName              Name     `param:"SecretName,required,secret"`
	EnableAutomaticRotation bool     `param:"EnableAutomaticRotation,required"`
	RotationInterval        Interval `param:"RotationInterval,if=EnableAutomaticRotation"`
}

// UpdateSecretRotationPolicy sets or removes the rotation policy of a secret. The interval counts from the last
// rotation: if that is longer ago, the secret rotates at once, dated now.
func (s *Service) UpdateSecretRotationPolicy(c *call.Call, req *UpdateSecretRotationPolicyRequest) (*NameResponse, error) {
	secret, err := loadNormal(c)
	if err != nil {
		return nil, err
	}
	if secret.Type == Generic {
		return nil, call.Invalid("SecretName")
	}
	changed := *secret
	changed.RotationInterval, changed.RotationSince, changed.RotationFailed = 0, 0, false
	if req.EnableAutomaticRotation {
		changed.RotationInterval, changed.RotationSince = int64(req.RotationInterval), c.Now
	}
	changed.Updated = c.Now
	save(c, changed)
	return &NameResponse{SecretName: secret.Name}, nil
}
