package keys

import (
	"crypto/rand"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// maxService is the longest code of a cloud service, in characters.
const maxService = 32

// ServiceKey returns the id of the key that a cloud service has in a world, and makes it if there is none. The code of
// the service is 1 to 32 letters, digits and hyphens, as in OSS; its alias is alias/acs/ and the code in lower case. A
// service key has one version and does not rotate. It refuses with ErrInvalidParameter.
func ServiceKey(tx state.Tx, s state.Scope, service string, now state.Time) (keyID string, err error) {
	if service == "" || len(service) > maxService ||
		strings.Trim(service, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "", call.Invalid("Service")
	}
	alias := call.AliasPrefix + "acs/" + strings.ToLower(service)
	if a := state.Aliases.Get(tx, s, alias); a != nil {
		return a.KeyID, nil
	}
	key := make([]byte, material.AES256GCM.KeySize())
	rand.Read(key)
	v := &state.Version{ID: call.NewID(), KeyID: call.NewID(), Number: 1, Created: now, Material: state.NewMaterial(key)}
	state.Versions.Put(tx, s, v.ID, v)
	state.Keys.Put(tx, s, v.KeyID, &state.Key{ID: v.KeyID, Spec: "Aliyun_AES_256", Usage: EncryptDecrypt, Origin: OriginKMS,
		ProtectionLevel: Software, State: state.Enabled, Service: service, Created: now, Versions: 1, Primary: v.ID, LastRotation: now})
	state.Aliases.Put(tx, s, alias, &state.Alias{Name: alias, KeyID: v.KeyID})
	return v.KeyID, nil
}
