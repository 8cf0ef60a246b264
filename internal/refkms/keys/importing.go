package keys

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"strconv"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// tokenLife is how long a wrapping pair and its token are good for.
const tokenLife = 24 * time.Hour

// newImportSecret returns the secret of a key whose material is to be imported.
func newImportSecret() state.Material {
	b := make([]byte, material.ImportSecretSize)
	rand.Read(b)
	return state.NewMaterial(b)
}

// parseWrapping reads the two parameters that say how something is wrapped.
func parseWrapping(use material.Use, specName, algorithmName string) (material.PairSpec, material.Algorithm, error) {
	spec, ok := material.ParsePairSpec(specName)
	if !ok || !spec.Allows(use) {
		return 0, 0, call.Invalid("WrappingKeySpec")
	}
	algorithm, ok := spec.Algorithm(use, algorithmName)
	if !ok {
		return 0, 0, call.Invalid("WrappingAlgorithm")
	}
	return spec, algorithm, nil
}

// external refuses a key whose material is not imported.
func external(k *state.Key) error {
	switch {
	case k == nil:
		return call.ErrKeyNotFound
	case k.Origin != OriginExternal:
		return call.ErrUnsupportedOrigin
	}
	return nil
}

// findKey finds the key that a call names by id, and returns it if there is one.
func findKey(c *call.Call, name string) (*state.Key, error) {
	id, err := c.ResolveKey(name, false)
	if err != nil {
		return nil, err
	}
	c.Touch(call.Resource{Kind: call.KeyKind, ID: id})
	return state.Keys.Get(c.Tx, c.Scope, id), nil
}

// GetParametersForImportRequest is the request of GetParametersForImport.
type GetParametersForImportRequest struct {
	KeyID             string `param:"KeyId,required,key"`
	WrappingAlgorithm string `param:"WrappingAlgorithm,required"`
	WrappingKeySpec   string `param:"WrappingKeySpec,required"`

	spec      material.PairSpec // checked
	algorithm material.Algorithm
	key       *state.Key // found, nil if there is none
}

// GetParametersForImportResponse is the answer of GetParametersForImport.
type GetParametersForImportResponse struct {
	KeyID           string `json:"KeyId"`
	ImportToken     call.Text
	PublicKey       string // DER of SubjectPublicKeyInfo
	TokenExpireTime string
	call.Answer
}

// CheckGetParametersForImport reads how the material shall be wrapped.
func (s *Service) CheckGetParametersForImport(_ *call.Call, req *GetParametersForImportRequest) (err error) {
	req.spec, req.algorithm, err = parseWrapping(material.Import, req.WrappingKeySpec, req.WrappingAlgorithm)
	return err
}

// FindGetParametersForImport finds the key.
func (s *Service) FindGetParametersForImport(c *call.Call, req *GetParametersForImportRequest) (err error) {
	req.key, err = findKey(c, req.KeyID)
	return err
}

// PrepareGetParametersForImport makes the wrapping pair. The state's own algorithms are for keys in its own HSMs.
func (s *Service) PrepareGetParametersForImport(c *call.Call, req *GetParametersForImportRequest) (any, error) {
	if err := external(req.key); err != nil {
		return nil, err
	}
	if specs[req.spec.String()].mainland && !(req.key.ProtectionLevel == HSM && mainland(c.Region())) {
		return nil, call.Invalid("WrappingKeySpec")
	}
	return s.spares.Take(c.Context, req.spec)
}

// GetParametersForImport answers with a new wrapping pair's public key, and the token that stands for the pair. Those
// that were handed out before go on to be good. It works in every state.
func (s *Service) GetParametersForImport(c *call.Call, req *GetParametersForImportRequest) (*GetParametersForImportResponse, error) {
	if err := external(req.key); err != nil {
		return nil, err
	}
	w := material.Wrapping{Pair: c.Prepared.(*material.KeyPair), Algorithm: req.algorithm, Expires: int64(c.Now.Add(tokenLife))}
	token, err := material.SealToken(req.key.ImportSecret.Bytes(), req.key.ID, w)
	if err != nil {
		return nil, err
	}
	return &GetParametersForImportResponse{KeyID: req.key.ID, ImportToken: call.Text(token),
		PublicKey: encode(w.Pair.Public().DER()), TokenExpireTime: state.Time(w.Expires).String()}, nil
}

// An ExpireUnix is the parameter KeyMaterialExpireUnix: seconds since 1970, 0 for never.
type ExpireUnix int64

// maxExpireUnix is the last second of the year 9999, beyond which dates have no form.
const maxExpireUnix = 253402300799

var errExpireUnix = errors.New("keys: not a date")

// SetParam reads seconds.
func (e *ExpireUnix) SetParam(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return errExpireUnix
	}
	*e = ExpireUnix(n)
	return e.CheckParam()
}

// CheckParam checks the limits.
func (e *ExpireUnix) CheckParam() error {
	if *e < 0 || *e > maxExpireUnix {
		return errExpireUnix
	}
	return nil
}

// ImportKeyMaterialRequest is the request of ImportKeyMaterial.
type ImportKeyMaterialRequest struct {
	KeyID                 string          `param:"KeyId,required,key"`
	EncryptedKeyMaterial  material.Base64 `param:"EncryptedKeyMaterial,required"`
	ImportToken           call.Text       `param:"ImportToken,required"`
	KeyMaterialExpireUnix ExpireUnix      `param:"KeyMaterialExpireUnix"`

	key *state.Key // found, nil if there is none
}

// CheckImportKeyMaterial refuses material that has expired already.
func (s *Service) CheckImportKeyMaterial(c *call.Call, req *ImportKeyMaterialRequest) error {
	if expires := state.Time(req.KeyMaterialExpireUnix); expires != 0 && expires < c.Now {
		return call.Invalid("KeyMaterialExpireUnix")
	}
	return nil
}

// FindImportKeyMaterial finds the key.
func (s *Service) FindImportKeyMaterial(c *call.Call, req *ImportKeyMaterialRequest) (err error) {
	req.key, err = findKey(c, req.KeyID)
	return err
}

// ownExternal refuses a key that a cloud service owns, and one whose material is not imported.
func ownExternal(k *state.Key) error {
	if k != nil {
		if err := own(k); err != nil {
			return err
		}
	}
	return external(k)
}

// mayImport refuses a key that material cannot be imported into.
func mayImport(k *state.Key) error {
	if err := ownExternal(k); err != nil {
		return err
	}
	return toSchedule.of(k)
}

// PrepareImportKeyMaterial unwraps the material, and takes none of the wrong length.
func (s *Service) PrepareImportKeyMaterial(c *call.Call, req *ImportKeyMaterialRequest) (any, error) {
	k := req.key
	if err := mayImport(k); err != nil {
		return nil, err
	}
	w, err := material.OpenToken(k.ImportSecret.Bytes(), k.ID, string(req.ImportToken))
	switch {
	case err != nil:
		return nil, call.ErrInvalidImportToken
	case c.Now >= state.Time(w.Expires):
		return nil, call.ErrExpiredImportToken
	}
	imported, err := w.Pair.Unwrap(w.Algorithm, req.EncryptedKeyMaterial, specs[k.Spec].cipher.KeySize())
	if err != nil {
		return nil, call.ErrInvalidKeyMaterial
	}
	return state.NewMaterial(imported), nil
}

// ImportKeyMaterial gives an external key its material, or renews the date at which it expires. The first material that
// is imported is the key's for ever: no other can take its place, not even when it has been deleted.
func (s *Service) ImportKeyMaterial(c *call.Call, req *ImportKeyMaterialRequest) (*call.Answer, error) {
	if err := mayImport(req.key); err != nil {
		return nil, err
	}
	changed, imported := *req.key, c.Prepared.(state.Material)
	mark, err := material.Mark(changed.ImportSecret.Bytes(), imported.Bytes())
	if err != nil {
		return nil, err
	}
	if changed.MaterialMark != nil && subtle.ConstantTimeCompare(changed.MaterialMark, mark) != 1 {
		return nil, call.ErrInvalidKeyMaterial
	}
	changed.MaterialMark = mark
	changed.MaterialExpires = state.Time(req.KeyMaterialExpireUnix)
	if changed.State == state.PendingImport {
		changed.State = state.Enabled
	}
	save(c, changed)
	v := *state.Versions.Get(c.Tx, c.Scope, changed.Primary)
	v.Material = imported
	state.Versions.Put(c.Tx, c.Scope, v.ID, &v)
	return new(call.Answer), nil
}

// DeleteKeyMaterialRequest is the request of DeleteKeyMaterial.
type DeleteKeyMaterialRequest struct {
	KeyID string `param:"KeyId,required,key"`
}

// DeleteKeyMaterial deletes the material of an external key, in every state and also where there is none.
func (s *Service) DeleteKeyMaterial(c *call.Call, req *DeleteKeyMaterialRequest) (*call.Answer, error) {
	k, err := load(c, 0)
	if err != nil {
		return nil, err
	}
	if err := ownExternal(k); err != nil {
		return nil, err
	}
	deleteMaterial(c.Tx, c.Scope, *k)
	return new(call.Answer), nil
}

// deleteMaterial takes the material of an external key away. One that is about to be destroyed stays so.
func deleteMaterial(tx state.Tx, scope state.Scope, k state.Key) {
	v := *state.Versions.Get(tx, scope, k.Primary)
	v.Material = state.Material{}
	state.Versions.Put(tx, scope, v.ID, &v)
	k.MaterialExpires = 0
	if k.State != state.PendingDeletion {
		k.State = state.PendingImport
	}
	state.Keys.Put(tx, scope, k.ID, &k)
}

// Expire deletes the material of an external key when its time has come.
func (s *Service) Expire(tx state.Tx, d *state.Due) *call.Happening {
	deleteMaterial(tx, d.Scope, *state.Keys.Get(tx, d.Scope, d.ID))
	return &call.Happening{Name: "ExpireKeyMaterial", At: d.At, Scope: d.Scope, Resource: call.Resource{Kind: call.KeyKind, ID: d.ID}}
}
