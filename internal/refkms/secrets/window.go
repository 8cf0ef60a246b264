package secrets

import (
	"strconv"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// The limits of the recovery window, in days.
const (
	minWindow     = 7
	maxWindow     = 30
	defaultWindow = 30
)

// DeleteSecretRequest is the request of DeleteSecret.
type DeleteSecretRequest struct {
	SecretName                 Name   `param:"SecretName,required,secret"`
	ForceDeleteWithoutRecovery bool   `param:"ForceDeleteWithoutRecovery"`
	RecoveryWindowInDays       string `param:"RecoveryWindowInDays"` // a number, not looked at with force

	days int
}

// DeleteSecretResponse is the answer of DeleteSecret.
type DeleteSecretResponse struct {
	SecretName        string
	PlannedDeleteTime string // to the nanosecond, unlike all other dates
	call.Answer
}

// CheckDeleteSecret reads the window.
func (s *Service) CheckDeleteSecret(c *call.Call, req *DeleteSecretRequest) (err error) {
	req.days = defaultWindow
	if req.ForceDeleteWithoutRecovery || req.RecoveryWindowInDays == "" {
		return nil
	}
	if req.days, err = strconv.Atoi(req.RecoveryWindowInDays); err != nil || req.days < minWindow || req.days > maxWindow {
		return call.Invalid("RecoveryWindowInDays")
	}
	return nil
}

// DeleteSecret begins the recovery window, at the end of which the secret is gone; with force it is gone at once, even
// in a window.
func (s *Service) DeleteSecret(c *call.Call, req *DeleteSecretRequest) (*DeleteSecretResponse, error) {
	secret, err := load(c)
	if err != nil {
		return nil, err
	}
	planned := c.Instant
	switch {
	case req.ForceDeleteWithoutRecovery:
		remove(c.Tx, c.Scope, secret)
	case secret.Deletion != 0:
		return nil, call.ErrSecretInWindow
	default:
		window := time.Duration(req.days) * 24 * time.Hour
		planned = planned.Add(window)
		changed := *secret
		changed.Updated, changed.Deletion = c.Now, c.Now.Add(window)
		save(c, changed)
	}
	return &DeleteSecretResponse{SecretName: secret.Name, PlannedDeleteTime: planned.UTC().Format(time.RFC3339Nano)}, nil
}

// RestoreSecretRequest is the request of RestoreSecret.
type RestoreSecretRequest struct {
	SecretName Name `param:"SecretName,required,secret"`
}

// RestoreSecret ends the recovery window: the secret is as it was. A rotation that was due meanwhile is made up for.
func (s *Service) RestoreSecret(c *call.Call, req *RestoreSecretRequest) (*NameResponse, error) {
	secret, err := load(c)
	if err != nil {
		return nil, err
	}
	if secret.Deletion == 0 {
		return nil, call.ErrSecretNotInWindow
	}
	changed := *secret
	changed.Updated, changed.Deletion, changed.RotationSince = c.Now, 0, c.Now
	save(c, changed)
	return &NameResponse{SecretName: secret.Name}, nil
}
