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

	id  string     // found
	key *state.Key // nil if there is none
}

// versionPause is the least time between two versions of a pair, in seconds. The creation of the key is that of the first.
const versionPause = 7 * 86400

// FindCreateKeyVersion finds the key, once for the whole call: a pair is made for the key that an alias led to when the
// call came in.
func (s *Service) FindCreateKeyVersion(c *call.Call, req *CreateKeyVersionRequest) (err error) {
	if req.id == "" {
		if req.id, err = c.ResolveKey(req.KeyID, true); err != nil {
			return err
		}
	}
	c.Touch(call.Resource{Kind: call.KeyKind, ID: req.id})
	req.key = state.Keys.Get(c.Tx, c.Scope, req.id)
	return nil
}

// mayHaveVersion refuses another version of a key: for its state before its kind.
func (s *Service) mayHaveVersion(c *call.Call, k *state.Key) error {
	if k == nil {
		return call.ErrKeyNotFound
	}
	if err := toUse.of(k); err != nil {
		return err
	}
	switch {
	case specs[k.Spec].symmetric(), c.Now < k.LastRotation+versionPause:
		return call.ErrRejectedOperation
	case s.opts.MaxVersions > 0 && int64(k.Versions) > int64(s.opts.MaxVersions): // one was made with the key
		return call.ErrLimitExceeded
	}
	return nil
}

// PrepareCreateKeyVersion makes the pair of a version that will not be refused, unless the key changes meanwhile.
func (s *Service) PrepareCreateKeyVersion(c *call.Call, req *CreateKeyVersionRequest) (any, error) {
	if err := s.mayHaveVersion(c, req.key); err != nil {
		return nil, err
	}
	return s.newMaterial(c.Context, specs[req.key.Spec])
}

// CreateKeyVersion gives an asymmetric key another pair. Symmetric keys rotate by their policy instead.
func (s *Service) CreateKeyVersion(c *call.Call, req *CreateKeyVersionRequest) (*KeyVersionResponse, error) {
	if err := s.mayHaveVersion(c, req.key); err != nil {
		return nil, err
	}
	changed, v := addVersion(c.Tx, c.Scope, *req.key, c.Prepared.(state.Material), c.Now)
	save(c, changed)
	return &KeyVersionResponse{KeyVersion: keyVersion(v)}, nil
}

func keyVersion(v *state.Version) KeyVersion { return KeyVersion{v.KeyID, v.ID, v.Created.String()} }

// version returns a version of a key.
func version(c *call.Call, k *state.Key, id string) (*state.Version, error) {
	v := state.Versions.Get(c.Tx, c.Scope, id)
	if v == nil || v.KeyID != k.ID {
		return nil, call.ErrKeyVersionNotFound
	}
	return v, nil
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
	v, err := version(c, k, req.KeyVersionID)
	if err != nil {
		return nil, err
	}
	return &KeyVersionResponse{KeyVersion: keyVersion(v)}, nil
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
	page := call.Page{Number: req.PageNumber, Size: req.PageSize}
	list := KeyVersionList{KeyVersion: []KeyVersion{}}
	state.VersionsOf(c.Tx, c.Scope, k.ID, func(id string) bool {
		if page.Take() {
			list.KeyVersion = append(list.KeyVersion, keyVersion(state.Versions.Get(c.Tx, c.Scope, id)))
		}
		return true
	})
	return &ListKeyVersionsResponse{KeyVersions: list, TotalCount: page.Total, PageNumber: req.PageNumber, PageSize: req.PageSize}, nil
}
