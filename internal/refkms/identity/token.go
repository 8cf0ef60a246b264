package identity

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// sessionPrefix begins the access key id of every session.
const sessionPrefix = "STS."

const (
	vaultKeySize = 32
	// maxToken is the longest token that is looked at, in bytes: one with a session policy of 2048 characters that JSON
	// escapes to six bytes each, and the text around it, in base64.
	maxToken = 24 << 10
)

// A vault seals sessions into tokens, and makes the secrets of their access keys. The two keys in it are of one key of
// the server: a token is AES-256-GCM with a random nonce, so that nobody makes or changes one, or sees the policy in it;
// a secret is HMAC-SHA-256 of the access key id, so that the secret of a request can be found without its token. With
// 2^32 tokens two nonces agree with a probability of 2^-33.
type vault struct {
	key    []byte // that this vault was made of
	sealer cipher.AEAD
	secret []byte
}

// open returns the vault of the key in the store, nil if it has none: then Prepare was not called, or the store fails.
func (s *Service) open(tx state.Tx) *vault {
	k := state.ServerKeys.Get(tx, state.Everywhere, tokenKey)
	if k == nil {
		return nil
	}
	key := k.Key.Bytes()
	if v := s.vault.Load(); v != nil && bytes.Equal(v.key, key) {
		return v
	}
	derive := func(label string) []byte {
		k, err := hkdf.Expand(sha256.New, key, "refkms sts "+label, vaultKeySize)
		if err != nil {
			panic("identity: internal error: " + err.Error()) // unreachable: 32 bytes are one block
		}
		return k
	}
	block, err := aes.NewCipher(derive("seal"))
	if err != nil {
		panic("identity: internal error: " + err.Error()) // unreachable: the size is that of AES-256
	}
	sealer, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("identity: internal error: " + err.Error()) // unreachable: AES has blocks of 16 bytes
	}
	v := &vault{key: key, sealer: sealer, secret: derive("secret")}
	s.vault.Store(v)
	return v
}

// secretOf returns the access key secret of a session.
func (v *vault) secretOf(accessKeyID string) []byte {
	mac := hmac.New(sha256.New, v.secret)
	mac.Write([]byte(accessKeyID))
	return base32.StdEncoding.WithPadding(base32.NoPadding).AppendEncode(nil, mac.Sum(nil))
}

// sealed is what a token holds. Its own form fixes the names.
type sealed struct {
	AccessKeyID string     `json:"k"`
	Account     string     `json:"a"`
	Role        string     `json:"r"`
	RoleID      string     `json:"i"`
	Session     string     `json:"s"`
	Policy      string     `json:"p,omitempty"`
	Issued      state.Time `json:"f"`
	Expires     state.Time `json:"t"`
}

// token returns the security token of a session and the id of its access key.
func (v *vault) token(p *call.Principal) (accessKeyID, token string) {
	accessKeyID = sessionPrefix + rand.Text()
	doc, err := json.Marshal(&sealed{AccessKeyID: accessKeyID, Account: p.Account, Role: p.Name, RoleID: p.ID,
		Session: p.Session.Name, Policy: p.Session.Policy, Issued: p.Session.Issued, Expires: p.Session.Expires})
	if err != nil {
		panic("identity: internal error: " + err.Error()) // unreachable: texts and numbers
	}
	return accessKeyID, base64.StdEncoding.EncodeToString(v.sealer.Seal(nil, nil, doc, nil))
}

// unseal returns the caller that a token proves, who brings it with the id of an access key.
func (v *vault) unseal(accessKeyID, token string, now time.Time) (call.Principal, error) {
	if token == "" {
		return call.Principal{}, call.ErrMissingSecurityToken
	}
	if len(token) > maxToken {
		return call.Principal{}, call.ErrSecurityTokenMalformed
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil || len(token) != base64.StdEncoding.EncodedLen(len(raw)) { // base64 passes over line breaks
		return call.Principal{}, call.ErrSecurityTokenMalformed
	}
	doc, err := v.sealer.Open(nil, nil, raw, nil)
	if err != nil {
		return call.Principal{}, call.ErrSecurityTokenMalformed
	}
	var t sealed
	if err := json.Unmarshal(doc, &t); err != nil {
		return call.Principal{}, call.ErrSecurityTokenMalformed // unreachable: nobody else seals
	}
	switch {
	case t.AccessKeyID != accessKeyID:
		return call.Principal{}, call.ErrSecurityTokenMismatched
	case state.At(now) >= t.Expires:
		return call.Principal{}, call.ErrSecurityTokenExpired
	}
	return call.Principal{Kind: call.Role, Account: t.Account, Name: t.Role, ID: t.RoleID, AccessKeyID: accessKeyID,
		Session: &call.Session{Name: t.Session, Policy: t.Policy, Issued: t.Issued, Expires: t.Expires}}, nil
}

// Credential returns the access key of an id, nil if there is none. The id of a session always has one: whether the
// session is, its token tells.
func (s *Service) Credential(tx state.Tx, accessKeyID string) *call.Credential {
	if strings.HasPrefix(accessKeyID, sessionPrefix) {
		v := s.open(tx)
		if v == nil {
			return nil
		}
		return &call.Credential{
			Secret:  state.NewMaterial(v.secretOf(accessKeyID)),
			Session: func(token string, now time.Time) (call.Principal, error) { return v.unseal(accessKeyID, token, now) },
		}
	}
	k := state.AccessKeys.Get(tx, state.Everywhere, accessKeyID)
	if k == nil {
		return nil
	}
	c := &call.Credential{Secret: k.Secret, Disabled: k.Disabled,
		Principal: call.Principal{Kind: call.Root, Account: k.Account, AccessKeyID: k.ID}}
	if k.User != "" {
		u := state.Users.Get(tx, state.Of(k.Account), k.User)
		if u == nil {
			return nil // unreachable: a user takes its access keys along
		}
		c.Principal.Kind, c.Principal.Name, c.Principal.ID = call.User, u.Name, u.ID
	}
	return c
}
