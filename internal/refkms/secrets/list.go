package secrets

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// ListSecretsRequest is the request of ListSecrets.
type ListSecretsRequest struct {
	PageNumber int     `param:"PageNumber,min=1,default=1"`
	PageSize   int     `param:"PageSize,min=1,max=100,default=10"`
	FetchTags  bool    `param:"FetchTags"`
	Filters    Filters `param:"Filters"`
}

// ListSecretsResponse is the answer of ListSecrets.
type ListSecretsResponse struct {
	SecretList SecretList
	PageNumber int
	PageSize   int
	TotalCount int // after filtering
	call.Answer
}

// SecretList is the list in an answer of ListSecrets.
type SecretList struct{ Secret []SecretEntry }

// SecretEntry is a secret in a list.
type SecretEntry struct {
	SecretName        string
	SecretType        string
	CreateTime        string
	UpdateTime        string
	PlannedDeleteTime string   `json:",omitempty"` // in the recovery window
	Tags              *TagList `json:",omitempty"` // asked for
}

// ListSecrets lists the secrets of the account in the region, oldest first. It looks at every one of them, whatever the
// page.
func (s *Service) ListSecrets(c *call.Call, req *ListSecretsRequest) (*ListSecretsResponse, error) {
	page := call.Page{Number: req.PageNumber, Size: req.PageSize}
	list := SecretList{Secret: []SecretEntry{}}
	state.SecretsByAge(c.Tx, c.Scope, func(name string) bool {
		var secret *state.Secret
		if len(req.Filters) > 0 {
			if secret = state.Secrets.Get(c.Tx, c.Scope, name); !req.Filters.match(c, secret) {
				return true
			}
		}
		if !page.Take() {
			return true
		}
		if secret == nil {
			secret = state.Secrets.Get(c.Tx, c.Scope, name)
		}
		entry := SecretEntry{
			SecretName: name, SecretType: secret.Type, CreateTime: secret.Created.String(),
			UpdateTime: secret.Updated.String(), PlannedDeleteTime: secret.Deletion.String(),
		}
		if req.FetchTags {
			entry.Tags = tagList(secret.Tags)
		}
		list.Secret = append(list.Secret, entry)
		return true
	})
	return &ListSecretsResponse{SecretList: list, PageNumber: req.PageNumber, PageSize: req.PageSize, TotalCount: page.Total}, nil
}

// A Filter is a condition of ListSecrets: one of the values fits. No values are no condition.
type Filter struct {
	Key    string
	Values []string
}

// Filters is the parameter of that name: all of them must fit.
type Filters []Filter

const (
	maxFilters      = 10
	maxFilterValues = 10
	maxFilterValue  = 256      // characters
	maxFilterText   = 64 << 10 // bytes of JSON: a hundred values need less
)

var errFilters = errors.New("secrets: not a list of filters")

// properties holds what can be filtered by: each answers whether a value is that of the secret.
var properties = map[string]func(c *call.Call, s *state.Secret, value string) bool{
	"SecretName":  func(_ *call.Call, s *state.Secret, value string) bool { return s.Name == value },
	"Description": func(_ *call.Call, s *state.Secret, value string) bool { return s.Description == value },
	"SecretType":  func(_ *call.Call, s *state.Secret, value string) bool { return s.Type == value },
	"Creator":     func(c *call.Call, _ *state.Secret, value string) bool { return c.Account() == value },
	"TagKey":      func(_ *call.Call, s *state.Secret, value string) bool { _, ok := s.Tags[value]; return ok },
	"TagValue": func(_ *call.Call, s *state.Secret, value string) bool {
		for _, v := range s.Tags {
			if v == value {
				return true
			}
		}
		return false
	},
	"DKMSInstanceId": func(*call.Call, *state.Secret, string) bool { return false }, // no secret is in one
}

// SetParam reads [{"Key":"…","Values":["…"]}].
func (f *Filters) SetParam(text string) error {
	if len(text) > maxFilterText || json.Unmarshal([]byte(text), f) != nil || *f == nil {
		return errFilters
	}
	return f.CheckParam()
}

// CheckParam checks the limits.
func (f *Filters) CheckParam() error {
	if len(*f) > maxFilters {
		return errFilters
	}
	for _, filter := range *f {
		if properties[filter.Key] == nil || len(filter.Values) > maxFilterValues {
			return errFilters
		}
		for _, value := range filter.Values {
			if n := utf8.RuneCountInString(value); n < 1 || n > maxFilterValue || filter.Key == "SecretName" && !word(value, maxName) {
				return errFilters
			}
		}
	}
	return nil
}

func (f Filters) match(c *call.Call, s *state.Secret) bool {
	for _, filter := range f {
		fits := func(value string) bool { return properties[filter.Key](c, s, value) }
		if len(filter.Values) > 0 && !slices.ContainsFunc(filter.Values, fits) {
			return false
		}
	}
	return true
}

// ListSecretVersionIDsRequest is the request of ListSecretVersionIds.
type ListSecretVersionIDsRequest struct {
	SecretName        Name `param:"SecretName,required,secret"`
	IncludeDeprecated bool `param:"IncludeDeprecated"`
	PageNumber        int  `param:"PageNumber,min=1,default=1"`
	PageSize          int  `param:"PageSize,min=1,max=100,default=20"`
}

// ListSecretVersionIDsResponse is the answer of ListSecretVersionIds.
type ListSecretVersionIDsResponse struct {
	SecretName string
	PageNumber int
	PageSize   int
	TotalCount int
	VersionIDs VersionList `json:"VersionIds"`
	call.Answer
}

// VersionList is the list in an answer of ListSecretVersionIds.
type VersionList struct {
	VersionID []VersionEntry `json:"VersionId"`
}

// VersionEntry is a version in a list.
type VersionEntry struct {
	VersionID     string `json:"VersionId"`
	CreateTime    string
	VersionStages StageList
}

// ListSecretVersionIDs lists the versions of a secret and their labels, oldest first; versions without labels if they
// are asked for.
func (s *Service) ListSecretVersionIDs(c *call.Call, req *ListSecretVersionIDsRequest) (*ListSecretVersionIDsResponse, error) {
	secret, err := load(c)
	if err != nil {
		return nil, err
	}
	versions := slices.Clone(secret.Versions)
	slices.SortStableFunc(versions, func(a, b state.SecretVersion) int { return cmp.Compare(a.Created, b.Created) })
	page := call.Page{Number: req.PageNumber, Size: req.PageSize}
	list := VersionList{VersionID: []VersionEntry{}}
	for _, v := range versions {
		labels := stages(secret, v.ID)
		if (req.IncludeDeprecated || len(labels.VersionStage) > 0) && page.Take() {
			list.VersionID = append(list.VersionID, VersionEntry{v.ID, v.Created.String(), labels})
		}
	}
	return &ListSecretVersionIDsResponse{SecretName: secret.Name, PageNumber: req.PageNumber, PageSize: req.PageSize,
		TotalCount: page.Total, VersionIDs: list}, nil
}
