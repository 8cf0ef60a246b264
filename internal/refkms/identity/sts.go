package identity

import (
	"errors"
	"strconv"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/policy"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// The limits of sessions.
const (
	MinSession     = 900 // seconds
	DefaultSession = 3600
	MaxSession     = 43200 // of any role: the most that MaxSession of a role may be
	maxSessionName = 64
)

// keyExternalID is the condition key of the parameter ExternalId, in the trust policy of a role.
const keyExternalID = "sts:externalid"

// AssumeRoleRequest is the request of AssumeRole.
type AssumeRoleRequest struct {
	RoleARN         string `param:"RoleArn,required"`
	RoleSessionName string `param:"RoleSessionName,required"`
	DurationSeconds string `param:"DurationSeconds"`
	Policy          string `param:"Policy"`
	ExternalID      string `param:"ExternalId,max=1224"`

	account, role string // of RoleARN
	seconds       int64
}

// AssumeRoleResponse is the answer of AssumeRole.
type AssumeRoleResponse struct {
	AssumedRoleUser AssumedRoleUser
	Credentials     Credentials
	call.Answer
}

// AssumedRoleUser says who the caller may be from now on.
type AssumedRoleUser struct {
	AssumedRoleID string `json:"AssumedRoleId"`
	ARN           string `json:"Arn"`
}

// Credentials are those of a session.
type Credentials struct {
	AccessKeyID     string `json:"AccessKeyId"`
	AccessKeySecret call.Text
	SecurityToken   call.Text
	Expiration      string
}

// CheckAssumeRole checks the parameters, each with a code of its own.
func (s *Service) CheckAssumeRole(c *call.Call, req *AssumeRoleRequest) error {
	rest, ok := strings.CutPrefix(req.RoleARN, "acs:ram::")
	req.account, rest, _ = strings.Cut(rest, ":")
	role, isRole := strings.CutPrefix(rest, "role/")
	if !ok || !isRole || CheckAccount(req.account) != nil || CheckName("Role", role) != nil {
		return call.ErrRoleARN
	}
	req.role = role
	if n := len(req.RoleSessionName); n < 2 || n > maxSessionName || strings.Trim(req.RoleSessionName, nameCharacters) != "" {
		return call.ErrRoleSessionName
	}
	req.seconds = DefaultSession
	if req.DurationSeconds != "" {
		n, err := strconv.ParseInt(req.DurationSeconds, 10, 32)
		if err != nil || n < MinSession || n > MaxSession {
			return call.ErrDurationSeconds
		}
		req.seconds = n
	}
	if req.Policy != "" {
		if _, err := policy.ParseSession([]byte(req.Policy)); errors.Is(err, policy.ErrSize) {
			return call.ErrPolicySize
		} else if err != nil {
			return call.ErrPolicyGrammar
		}
	}
	return nil
}

// FindAssumeRole finds the role, by name: it may be of another account.
func (s *Service) FindAssumeRole(c *call.Call, req *AssumeRoleRequest) error {
	c.Touch(call.Resource{Kind: call.RoleKind, ID: req.RoleARN})
	return nil
}

// AssumeRole makes a session of a role. The caller's own policies have been asked; that the role trusts the caller is
// needed as well, in the same account too.
func (s *Service) AssumeRole(c *call.Call, req *AssumeRoleRequest) (*AssumeRoleResponse, error) {
	if c.Principal.Kind == call.Root {
		return nil, call.ErrUnauthorized // roles are for users and roles
	}
	role := state.Roles.Get(c.Tx, state.Of(req.account), req.role)
	if role == nil {
		return nil, call.ErrRoleNotFound
	}
	trust, err := policy.ParseTrust([]byte(role.Trust))
	if err != nil {
		return nil, err // unreachable, unless the store is of another release: it was accepted
	}
	lookup := conditions(c, c.Found[0])
	decision := trust.Evaluate(&policy.Request{Action: "sts:AssumeRole", Resource: req.RoleARN, Lookup: func(key string) ([]string, bool) {
		if key == keyExternalID {
			return []string{req.ExternalID}, req.ExternalID != ""
		}
		return lookup(key)
	}}, c.Principal.ARN())
	if decision != policy.Allow {
		return nil, refuse(c, c.Op.Action(0), c.Found[0], policy.Verdict{Decision: decision})
	}
	if req.seconds > role.MaxSession {
		return nil, call.ErrDurationSeconds
	}
	p := call.Principal{Kind: call.Role, Account: req.account, Name: role.Name, ID: role.ID, Session: &call.Session{
		Name: req.RoleSessionName, Policy: req.Policy, Issued: c.Now, Expires: c.Now + state.Time(req.seconds)}}
	v := s.open(c.Tx)
	if v == nil {
		return nil, errIncomplete
	}
	id, token := v.token(&p)
	return &AssumeRoleResponse{
		AssumedRoleUser: AssumedRoleUser{AssumedRoleID: role.ID + ":" + p.Session.Name, ARN: p.ARN() + "/" + p.Session.Name},
		Credentials: Credentials{AccessKeyID: id, AccessKeySecret: v.secretOf(id), SecurityToken: []byte(token),
			Expiration: p.Session.Expires.String()},
	}, nil
}

// GetCallerIdentityRequest is the request of GetCallerIdentity.
type GetCallerIdentityRequest struct{}

// GetCallerIdentityResponse is the answer of GetCallerIdentity.
type GetCallerIdentityResponse struct {
	IdentityType string
	AccountID    string `json:"AccountId"`
	PrincipalID  string `json:"PrincipalId"`
	UserID       string `json:"UserId,omitempty"` // not of roles
	RoleID       string `json:"RoleId,omitempty"` // of roles
	ARN          string `json:"Arn"`
	call.Answer
}

// GetCallerIdentity says who calls. It needs no right.
func (s *Service) GetCallerIdentity(c *call.Call, req *GetCallerIdentityRequest) (*GetCallerIdentityResponse, error) {
	p := &c.Principal
	r := &GetCallerIdentityResponse{AccountID: p.Account, ARN: p.ARN()}
	switch p.Kind {
	case call.Root:
		r.IdentityType, r.PrincipalID, r.UserID = "Account", p.Account, p.Account
	case call.User:
		r.IdentityType, r.PrincipalID, r.UserID = "RAMUser", p.ID, p.ID
	case call.Role:
		r.IdentityType, r.PrincipalID, r.RoleID = "AssumedRoleUser", p.ID+":"+p.Session.Name, p.ID
		r.ARN += "/" + p.Session.Name
	default:
		return nil, call.ErrUnauthorized // a cloud service is nobody in the account
	}
	return r, nil
}
