package secrets

import "github.com/xinfeng-kms/xinfeng/internal/refkms/call"

// Only secrets of dedicated instances have a policy of their own, and there are none.

// GetSecretPolicyRequest is the request of GetSecretPolicy.
type GetSecretPolicyRequest struct {
	SecretName Name   `param:"SecretName,required,secret"`
	PolicyName string `param:"PolicyName"`
}

// GetSecretPolicy refuses.
func (s *Service) GetSecretPolicy(c *call.Call, req *GetSecretPolicyRequest) (*call.Answer, error) {
	if _, err := load(c); err != nil {
		return nil, err
	}
	return nil, call.ErrPolicyUnsupported
}

// SetSecretPolicyRequest is the request of SetSecretPolicy.
type SetSecretPolicyRequest struct {
	SecretName Name   `param:"SecretName,required,secret"`
	Policy     string `param:"Policy,required"`
	PolicyName string `param:"PolicyName"`
}

const maxPolicy = 32768 // bytes

// CheckSetSecretPolicy refuses what is too long for a policy.
func (s *Service) CheckSetSecretPolicy(c *call.Call, req *SetSecretPolicyRequest) error {
	if len(req.Policy) > maxPolicy {
		return call.Invalid("Policy")
	}
	return nil
}

// SetSecretPolicy refuses.
func (s *Service) SetSecretPolicy(c *call.Call, req *SetSecretPolicyRequest) (*call.Answer, error) {
	if _, err := loadNormal(c); err != nil {
		return nil, err
	}
	return nil, call.ErrPolicyUnsupported
}
