package secrets

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A credential is the value of a secret that rotates. As JSON it is what GetSecretValue answers.
type credential interface{ marshal() []byte }

// An account is a user of a database.
type account struct{ AccountName, AccountPassword string }

// An accessKey is one of a RAM user.
type accessKey struct {
	AccessKeyID       string `json:"AccessKeyId"`
	AccessKeySecret   string
	GenerateTimestamp string `json:",omitempty"`
}

// A login is a user of a machine, with one or the other.
type login struct {
	UserName   string
	Password   string `json:",omitempty"`
	PublicKey  string `json:",omitempty"`
	PrivateKey string `json:",omitempty"`
}

func (a *account) marshal() []byte   { return marshal(a) }
func (k *accessKey) marshal() []byte { return marshal(k) }
func (l *login) marshal() []byte     { return marshal(l) }

func marshal(v any) []byte {
	doc, err := json.Marshal(v)
	if err != nil {
		panic("secrets: internal error: " + err.Error()) // unreachable: texts only
	}
	return doc
}

var errData = errors.New("secrets: not the value of a secret of the type")

// readAccounts reads {"Accounts":[…]}: one account, or two that take turns.
func readAccounts(m *managed, data []byte) error {
	var doc struct{ Accounts []account }
	want := 1
	if m.config.text(subTypeField) == doubleUsers {
		want = 2
	}
	if json.Unmarshal(data, &doc) != nil || len(doc.Accounts) != want {
		return errData
	}
	for i, a := range doc.Accounts {
		if a.AccountName == "" || a.AccountPassword == "" || i > 0 && a.AccountName == doc.Accounts[0].AccountName {
			return errData
		}
		m.accounts = append(m.accounts, a.AccountName)
	}
	m.first = &doc.Accounts[0]
	return nil
}

// cloneSuffix is how the second account of two that the service makes is named.
const cloneSuffix = "_clone"

// readClones takes the names of two accounts from the configuration.
func readClones(m *managed, _ []byte) error {
	name := m.config.text("AccountName")
	if clone := m.config.text("CloneAccountName"); clone != "" && clone != name+cloneSuffix {
		return errData
	}
	m.accounts = []string{name, name + cloneSuffix}
	return nil
}

// maxAccessKeys is how many access keys a RAM user may have.
const maxAccessKeys = 2

// readAccessKeys reads {"AccessKeys":[…]}: all that the user has. The first is the value.
func readAccessKeys(m *managed, data []byte) error {
	var doc struct{ AccessKeys []accessKey }
	if json.Unmarshal(data, &doc) != nil || len(doc.AccessKeys) < 1 || len(doc.AccessKeys) > maxAccessKeys {
		return errData
	}
	for _, k := range doc.AccessKeys {
		if k.AccessKeyID == "" || k.AccessKeySecret == "" {
			return errData
		}
	}
	m.first = &doc.AccessKeys[0]
	return nil
}

// readLogin reads a user with a password, or with a pair of keys.
func readLogin(m *managed, data []byte) error {
	var l login
	if json.Unmarshal(data, &l) != nil || l.UserName == "" {
		return errData
	}
	if m.config.text(subTypeField) == bySSHKey {
		if l.Password != "" || l.PublicKey == "" || l.PrivateKey == "" {
			return errData
		}
	} else if l.Password == "" || l.PublicKey != "" || l.PrivateKey != "" {
		return errData
	}
	m.accounts, m.first = []string{l.UserName}, &l
	return nil
}

// newPassword is what the service makes for a password: letters and digits, some of each.
func newPassword() string {
	return string(randomPassword(defaultLength, []string{digits, lowercase, uppercase}, true))
}

func nextPassword(_, name string, _ state.Time) credential {
	return &account{AccountName: name, AccountPassword: newPassword()}
}

// The forms of access keys.
const (
	accessKeyPrefix  = "LTAI5t"
	accessKeyRest    = 18
	accessKeySecrets = 30
)

func nextAccessKey(_, _ string, now state.Time) credential {
	classes := []string{digits, lowercase, uppercase}
	return &accessKey{
		AccessKeyID:       accessKeyPrefix + string(randomPassword(accessKeyRest, classes, false)),
		AccessKeySecret:   string(randomPassword(accessKeySecrets, classes, false)),
		GenerateTimestamp: now.String(),
	}
}

func nextLogin(subType, name string, _ state.Time) credential {
	if subType != bySSHKey {
		return &login{UserName: name, Password: newPassword()}
	}
	public, private := newKeyPair()
	return &login{UserName: name, PublicKey: public, PrivateKey: private}
}

// newKeyPair returns a pair of keys on P-256 as files of OpenSSH have them: the line of authorized_keys, and PEM. An RSA
// pair would take a tenth of a second, in a transaction.
func newKeyPair() (public, private string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("secrets: internal error: " + err.Error()) // unreachable: crypto/rand does not fail
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		panic("secrets: internal error: " + err.Error()) // unreachable: the curve has a name
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		panic("secrets: internal error: " + err.Error()) // unreachable: the point is on the curve
	}
	const algorithm, curve = "ecdsa-sha2-nistp256", "nistp256"
	var blob []byte // RFC 5656, Section 3.1: three strings, each after its length as a u32
	for _, part := range []string{algorithm, curve, string(point)} {
		blob = binary.BigEndian.AppendUint32(blob, uint32(len(part)))
		blob = append(blob, part...)
	}
	return algorithm + " " + base64.StdEncoding.EncodeToString(blob),
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}
