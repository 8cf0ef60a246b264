package refkms_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/boltstore"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// busy has a server learn and make secrets of every kind, and returns those that somebody has seen, by what they are.
func busy(t *testing.T, s *refkms.Server) map[string][]byte {
	t.Helper()
	seen := map[string][]byte{}
	do := func(action string, params map[string]string) map[string]any {
		t.Helper()
		var answer map[string]any
		if err := s.Client(nil).Do(t.Context(), action, params, &answer); err != nil {
			t.Fatalf("%s = %v", action, err)
		}
		return answer
	}
	text := func(what string) string {
		seen[what] = []byte(strings.ReplaceAll(what, " ", "-") + "-" + rand.Text())
		return string(seen[what])
	}
	keyID := func(answer map[string]any) string { return answer["KeyMetadata"].(map[string]any)["KeyId"].(string) }

	key := keyID(do("CreateKey", map[string]string{"Description": text("description")}))
	seen["data key"] = []byte(do("GenerateDataKey", map[string]string{"KeyId": key})["Plaintext"].(string))
	do("Encrypt", map[string]string{"KeyId": key, "Plaintext": text("plaintext"), "EncryptionContext": `{"a":"` + text("context") + `"}`})
	do("TagResource", map[string]string{"KeyId": key, "Tags": `[{"TagKey":"t","TagValue":"` + text("tag") + `"}]`})
	do("CreateKey", map[string]string{"KeySpec": "EC_P256", "KeyUsage": "SIGN/VERIFY"})
	do("CreateSecret", map[string]string{"SecretName": "s", "VersionId": "1", "SecretData": text("secret value")})
	do("CreateSecret", map[string]string{"SecretName": "s2", "VersionId": "1", "SecretData": text("secret value under a CMK"), "EncryptionKeyId": key})

	material := make([]byte, 32)
	rand.Read(material)
	seen["imported material"] = material
	external := keyID(do("CreateKey", map[string]string{"Origin": "EXTERNAL"}))
	p := do("GetParametersForImport", map[string]string{"KeyId": external, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})
	der, err := base64.StdEncoding.DecodeString(p["PublicKey"].(string))
	must(t, err)
	public, err := x509.ParsePKIXPublicKey(der)
	must(t, err)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), material, nil)
	must(t, err)
	seen["import token"] = []byte(p["ImportToken"].(string))
	do("ImportKeyMaterial", map[string]string{"KeyId": external, "ImportToken": p["ImportToken"].(string), "KeyMaterialExpireUnix": "0",
		"EncryptedKeyMaterial": base64.StdEncoding.EncodeToString(wrapped)})

	_, rootSecret := s.AccessKey()
	seen["access key secret of the account"] = []byte(rootSecret)
	ram := s.RAM("")
	must(t, ram.CreateUser("alice"))
	must(t, ram.PutPolicy("p", `{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`))
	must(t, ram.AttachPolicyToUser("p", "alice"))
	must(t, ram.CreateRole("r", `{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"RAM":["acs:ram::`+refkms.DefaultAccount+`:root"]}}]}`, 0))
	id, secret, err := ram.CreateAccessKey("alice")
	must(t, err)
	seen["access key secret of a user"] = []byte(secret)
	var session struct {
		Credentials struct{ AccessKeySecret, SecurityToken string }
	}
	must(t, s.Client(&refkms.ClientOptions{AccessKeyID: id}).Do(t.Context(), "AssumeRole", map[string]string{
		"RoleArn": "acs:ram::" + refkms.DefaultAccount + ":role/r", "RoleSessionName": "session"}, &session))
	seen["access key secret of a session"] = []byte(session.Credentials.AccessKeySecret)
	seen["security token"] = []byte(session.Credentials.SecurityToken)
	return seen
}

// The file alone reveals nothing that is secret, and of what is not little more than names.
func TestFileShowsNoSecret(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kms")
	key := bytes.Repeat([]byte("0123456789abcdef"), 2) // not one to copy
	root, err := refkms.RootKeyBytes(key)
	must(t, err)
	passphrase, err := refkms.RootKeyPassphrase([]byte("a passphrase that is long enough"))
	must(t, err)
	s, err := refkms.Open(path, root, nil)
	must(t, err)
	seen := busy(t, s)
	must(t, s.SetRootKey(passphrase)) // the earlier form of the closed root key stays in the file
	var backup bytes.Buffer
	must(t, s.Backup(&backup))
	must(t, s.Close())
	seen["root key"], seen["passphrase"] = key, []byte("a passphrase that is long enough")

	// What nobody has seen, the store knows.
	lock, err := boltstore.Passphrase(seen["passphrase"])
	must(t, err)
	store, err := boltstore.Open(path, lock, boltstore.Options{})
	must(t, err)
	materials := 0
	must(t, store.View(func(tx state.Tx) error {
		add := func(what string, m state.Material) {
			if len(m.Bytes()) > 0 {
				materials++
				seen[fmt.Sprintf("%s, %d", what, materials)] = m.Bytes()
			}
		}
		scope := state.In(refkms.DefaultAccount, refkms.DefaultRegion)
		for _, k := range state.Keys.All(tx, scope) {
			add("import secret", k.ImportSecret)
		}
		for _, v := range state.Versions.All(tx, scope) {
			add("material", v.Material)
		}
		for _, k := range state.DefaultKeys.All(tx, scope) {
			add("default key", k.Material)
		}
		for _, k := range state.ServerKeys.All(tx, state.Everywhere) {
			add("server key", k.Key)
		}
		for _, k := range state.AccessKeys.All(tx, state.Everywhere) {
			add("access key", k.Secret)
		}
		for _, v := range state.SecretValues.All(tx, scope) {
			materials++
			seen[fmt.Sprintf("sealed value, %d", materials)] = v.Sealed
		}
		return nil
	}))
	must(t, store.Close())
	if materials != 10 {
		t.Errorf("the store has %d secrets, want 10: one of each kind, and two of some", materials)
	}
	file, err := os.ReadFile(path)
	must(t, err)
	for where, all := range map[string][]byte{"file": file, "backup": backup.Bytes()} {
		for what, secret := range seen {
			if len(secret) < 16 {
				t.Errorf("%s: %d bytes, too few to look for", what, len(secret))
			}
			for form, b := range map[string][]byte{
				"as it is": secret, "in base64": []byte(base64.RawStdEncoding.EncodeToString(secret)), "in hex": []byte(hex.EncodeToString(secret)),
				"half of it": secret[:len(secret)/2],
			} {
				if bytes.Contains(all, b) {
					t.Errorf("the %s has the %s, %s", where, what, form)
				}
			}
		}
		if !bytes.Contains(all, []byte("alice")) {
			t.Errorf("the %s does not have the name of a user: is it the file?", where)
		}
	}
}
