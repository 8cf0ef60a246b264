package keys

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// KeyVersion is what the service tells of a version.
type KeyVersion struct {
	KeyID        string `json:"KeyId"`
	KeyVersionID string `json:"KeyVersionId"`
	CreationDate string
}

// KeyVersionResponse is the answer of CreateKeyVersion and DescribeKeyVersion.
type KeyVersionResponse struct {
	KeyVersion KeyVersion
	call.Answer
}

// addVersion makes a version the newest of a key, dated at, and returns the changed key, which is not saved.
func addVersion(tx state.Tx, s state.Scope, k state.Key, m state.Material, at state.Time) (state.Key, *state.Version) {
	k.Versions++
	v := &state.Version{ID: call.NewID(), KeyID: k.ID, Number: k.Versions, Created: at, Material: m}
	k.LastRotation = at
	if specs[k.Spec].symmetric() {
		k.Primary = v.ID
	}
	state.Versions.Put(tx, s, v.ID, v)
	return k, v
}

// CreateKeyVersionRequest is the request of CreateKeyVersion.
type CreateKeyVersionRequest struct {
	KeyID string `param:"KeyId,required,key,alias"`
}

// CreateKeyVersion is refused for symmetric keys, which rotate by their policy: the state first, then the kind.
func (s *Service) CreateKeyVersion(c *call.Call, req *CreateKeyVersionRequest) (*KeyVersionResponse, error) {
	k, err := load(c, 0)
	if err != nil {
		return nil, err
	}
	if err := toUse.of(k); err != nil {
		return nil, err
	}
	return nil, call.ErrRejectedOperation
}

// DescribeKeyVersionRequest is the request of DescribeKeyVersion.
type DescribeKeyVersionRequest struct {
	KeyID        string `param:"KeyId,required,key,alias"`
	KeyVersionID string `param:"KeyVersionId,required"`
}

// DescribeKeyVersion tells of one version of a key.
func (s *Service) DescribeKeyVersion(c *call.Call, req *DescribeKeyVersionRequest) (*KeyVersionResponse, error) {
	k, err := load(c, 0)
	if err != nil {
		return nil, err
	}
	v := state.Versions.Get(c.Tx, c.Scope, req.KeyVersionID)
	if v == nil || v.KeyID != k.ID {
		return nil, call.ErrKeyVersionNotFound
	}
	return &KeyVersionResponse{KeyVersion: KeyVersion{k.ID, v.ID, v.Created.String()}}, nil
}

// ListKeyVersionsRequest is the request of ListKeyVersions.
type ListKeyVersionsRequest struct {
	KeyID      string `param:"KeyId,required,key,alias"`
	PageNumber int    `param:"PageNumber,min=1,default=1"`
	PageSize   int    `param:"PageSize,max=100,default=10"`
}

// ListKeyVersionsResponse is the answer of ListKeyVersions.
type ListKeyVersionsResponse struct {
	KeyVersions KeyVersionList
	TotalCount  int
	PageNumber  int
	PageSize    int
	call.Answer
}

// KeyVersionList is the list in an answer of ListKeyVersions.
type KeyVersionList struct{ KeyVersion []KeyVersion }

// ListKeyVersions lists the versions of a key, newest first.
func (s *Service) ListKeyVersions(c *call.Call, req *ListKeyVersionsRequest) (*ListKeyVersionsResponse, error) {
	k, err := load(c, 0)
	if err != nil {
		return nil, err
	}
	page := pager{number: req.PageNumber, size: req.PageSize}
	list := KeyVersionList{KeyVersion: []KeyVersion{}}
	state.VersionsOf(c.Tx, c.Scope, k.ID, func(id string) bool {
		if page.take() {
			v := state.Versions.Get(c.Tx, c.Scope, id)
			list.KeyVersion = append(list.KeyVersion, KeyVersion{k.ID, v.ID, v.Created.String()})
		}
		return true
	})
	return &ListKeyVersionsResponse{KeyVersions: list, TotalCount: page.total, PageNumber: req.PageNumber, PageSize: req.PageSize}, nil
}
