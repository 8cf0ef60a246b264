package keys

import (
	"errors"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// An AliasName is the parameter of that name: alias/ and 1 to 255 letters, digits, _, - and /. It is case-sensitive.
type AliasName string

const maxAliasName = 255 // characters after the prefix

var errAliasName = errors.New("keys: not the name of an alias")

// SetParam reads a name.
func (a *AliasName) SetParam(text string) error {
	*a = AliasName(text)
	return a.CheckParam()
}

// CheckParam checks the name.
func (a *AliasName) CheckParam() error {
	name, ok := strings.CutPrefix(string(*a), call.AliasPrefix)
	if !ok || len(name) < 1 || len(name) > maxAliasName {
		return errAliasName
	}
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '/') {
			return errAliasName
		}
	}
	return nil
}

// CreateAliasRequest is the request of CreateAlias.
type CreateAliasRequest struct {
	AliasName AliasName `param:"AliasName,required"`
	KeyID     string    `param:"KeyId,required,key"`
}

// CheckCreateAlias refuses the names that are kept for cloud services.
func (s *Service) CheckCreateAlias(c *call.Call, req *CreateAliasRequest) error {
	if serviceAlias(string(req.AliasName)) {
		return call.Invalid("AliasName")
	}
	return nil
}

// FindCreateAlias finds the alias and the key.
func (s *Service) FindCreateAlias(c *call.Call, req *CreateAliasRequest) error {
	id, err := c.ResolveKey(req.KeyID, false)
	if err != nil {
		return err
	}
	c.Touch(call.Resource{Kind: call.AliasKind, ID: string(req.AliasName)})
	c.Touch(call.Resource{Kind: call.KeyKind, ID: id})
	return nil
}

// CreateAlias gives a key a further name.
func (s *Service) CreateAlias(c *call.Call, req *CreateAliasRequest) (*call.Answer, error) {
	k, err := load(c, 1)
	if err != nil {
		return nil, err
	}
	if err := own(k); err != nil {
		return nil, err
	}
	if err := toSchedule.of(k); err != nil {
		return nil, err
	}
	if s.opts.MaxAliases > 0 {
		n := 0
		for name := range state.Aliases.All(c.Tx, c.Scope) {
			if !serviceAlias(name) {
				if n++; n >= s.opts.MaxAliases {
					return nil, call.ErrLimitExceeded
				}
			}
		}
	}
	name := string(req.AliasName)
	if state.Aliases.Get(c.Tx, c.Scope, name) != nil {
		return nil, call.ErrAliasExists
	}
	state.Aliases.Put(c.Tx, c.Scope, name, &state.Alias{Name: name, KeyID: k.ID})
	return new(call.Answer), nil
}

// UpdateAliasRequest is the request of UpdateAlias.
type UpdateAliasRequest struct {
	AliasName AliasName `param:"AliasName,required"`
	KeyID     string    `param:"KeyId,required,key"`
}

// FindUpdateAlias finds the alias, the key it leads to and the key it shall lead to.
func (s *Service) FindUpdateAlias(c *call.Call, req *UpdateAliasRequest) error {
	if err := findAlias(c, req.AliasName); err != nil {
		return err
	}
	id, err := c.ResolveKey(req.KeyID, false)
	if err != nil {
		return err
	}
	c.Touch(call.Resource{Kind: call.KeyKind, ID: id})
	return nil
}

// findAlias finds an alias and its key.
func findAlias(c *call.Call, name AliasName) error {
	a := state.Aliases.Get(c.Tx, c.Scope, string(name))
	if a == nil {
		return call.ErrAliasNotFound
	}
	c.Touch(call.Resource{Kind: call.AliasKind, ID: a.Name})
	c.Touch(call.Resource{Kind: call.KeyKind, ID: a.KeyID})
	return nil
}

// UpdateAlias has an alias lead to another key. It changes neither key, and the state of the old one does not matter.
func (s *Service) UpdateAlias(c *call.Call, req *UpdateAliasRequest) (*call.Answer, error) {
	k, err := load(c, 2)
	if err != nil {
		return nil, err
	}
	if serviceAlias(string(req.AliasName)) {
		return nil, call.ErrUnsupportedOperation
	}
	if err := own(k); err != nil {
		return nil, err
	}
	if err := toEdit.of(k); err != nil {
		return nil, err
	}
	name := string(req.AliasName)
	state.Aliases.Put(c.Tx, c.Scope, name, &state.Alias{Name: name, KeyID: k.ID})
	return new(call.Answer), nil
}

// DeleteAliasRequest is the request of DeleteAlias.
type DeleteAliasRequest struct {
	AliasName AliasName `param:"AliasName,required"`
}

// FindDeleteAlias finds the alias and its key.
func (s *Service) FindDeleteAlias(c *call.Call, req *DeleteAliasRequest) error {
	return findAlias(c, req.AliasName)
}

// DeleteAlias removes an alias. The key stays as it is, and its state does not matter.
func (s *Service) DeleteAlias(c *call.Call, req *DeleteAliasRequest) (*call.Answer, error) {
	if serviceAlias(string(req.AliasName)) {
		return nil, call.ErrUnsupportedOperation
	}
	state.Aliases.Delete(c.Tx, c.Scope, string(req.AliasName))
	return new(call.Answer), nil
}

// AliasEntry is an alias in a list.
type AliasEntry struct {
	AliasName string
	KeyID     string `json:"KeyId"`
	AliasARN  string `json:"AliasArn"`
}

// AliasList is the list in an answer of ListAliases and ListAliasesByKeyId.
type AliasList struct{ Alias []AliasEntry }

// ListAliasesResponse is the answer of ListAliases and ListAliasesByKeyId.
type ListAliasesResponse struct {
	Aliases    AliasList
	TotalCount int
	PageNumber int
	PageSize   int
	call.Answer
}

func aliasEntry(c *call.Call, name, keyID string) AliasEntry {
	return AliasEntry{AliasName: name, KeyID: keyID, AliasARN: c.ARN(call.Resource{Kind: call.AliasKind, ID: name})}
}

// ListAliasesRequest is the request of ListAliases.
type ListAliasesRequest struct {
	PageNumber int `param:"PageNumber,min=1,default=1"`
	PageSize   int `param:"PageSize,max=100,default=10"`
}

// ListAliases lists the aliases of the account in the region by name, those of services among them.
func (s *Service) ListAliases(c *call.Call, req *ListAliasesRequest) (*ListAliasesResponse, error) {
	page := call.Page{Number: req.PageNumber, Size: req.PageSize}
	list := AliasList{Alias: []AliasEntry{}}
	for name, a := range state.Aliases.All(c.Tx, c.Scope) {
		if page.Take() {
			list.Alias = append(list.Alias, aliasEntry(c, name, a.KeyID))
		}
	}
	return &ListAliasesResponse{Aliases: list, TotalCount: page.Total, PageNumber: req.PageNumber, PageSize: req.PageSize}, nil
}

// ListAliasesByKeyIDRequest is the request of ListAliasesByKeyId.
type ListAliasesByKeyIDRequest struct {
	KeyID      string `param:"KeyId,required,key"`
	PageNumber int    `param:"PageNumber,min=1,default=1"`
	PageSize   int    `param:"PageSize,max=100,default=10"`
}

// ListAliasesByKeyID lists the aliases of one key by name.
func (s *Service) ListAliasesByKeyID(c *call.Call, req *ListAliasesByKeyIDRequest) (*ListAliasesResponse, error) {
	k, err := load(c, 0)
	if err != nil {
		return nil, err
	}
	page := call.Page{Number: req.PageNumber, Size: req.PageSize}
	list := AliasList{Alias: []AliasEntry{}}
	state.AliasesOf(c.Tx, c.Scope, k.ID, func(name string) bool {
		if page.Take() {
			list.Alias = append(list.Alias, aliasEntry(c, name, k.ID))
		}
		return true
	})
	return &ListAliasesResponse{Aliases: list, TotalCount: page.Total, PageNumber: req.PageNumber, PageSize: req.PageSize}, nil
}
