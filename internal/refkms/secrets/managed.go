package secrets

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// Generic is the type of secrets whose values are the caller's business. Those of the other types are credentials of
// another product, which the service rotates by itself: the real one resets them there too. Here nothing but the secret
// changes.
const Generic = "Generic"

// The subtypes of secrets that rotate.
const (
	singleUser  = "SingleUser"       // one account gets a new password
	doubleUsers = "DoubleUsers"      // two take turns: the one that is not current gets a new password, and is current then
	ramUser     = "RamUserAccessKey" // a user gets a new access key
	byPassword  = "Password"         // a user of a machine gets a new password
	bySSHKey    = "SSHKey"           // or a new pair of keys
)

// A managedType is a type of secrets that rotate.
type managedType struct {
	prefix   string   // of names; "" is any but the reserved one
	autoName string   // before the user name in the name that the service gives; "" if the caller names it
	autoData bool     // the service makes the first value too
	subTypes []string // the possible ones
	fields   []string // texts that the extended configuration has besides
	// read takes the accounts and the first value from what the caller sent.
	read func(m *managed, data []byte) error
	// next makes a new value.
	next func(subType, account string, now state.Time) credential
}

var managedTypes = map[string]*managedType{
	"Rds": {subTypes: []string{singleUser, doubleUsers}, fields: []string{"DBInstanceId"},
		read: readAccounts, next: nextPassword},
	"Redis": {subTypes: []string{doubleUsers}, autoData: true, read: readClones, next: nextPassword,
		fields: []string{"AccountName", "CloneAccountName", "AccountPrivilege", "InstanceId", "RegionId"}},
	"PolarDB": {subTypes: []string{doubleUsers}, autoData: true, read: readClones, next: nextPassword,
		fields: []string{"AccountName", "DBClusterId", "DBType", "RegionId"}},
	"RAMCredentials": {subTypes: []string{ramUser}, autoName: "acs/ram/user/", fields: []string{"UserName"},
		read: readAccessKeys, next: nextAccessKey},
	"ECS": {subTypes: []string{byPassword, bySSHKey}, prefix: "acs/ecs/", fields: []string{"InstanceId", "RegionId"},
		read: readLogin, next: nextLogin},
}

// A managed is what a request says of a secret that rotates.
type managed struct {
	*managedType
	config   config
	accounts []string
	first    credential // nil if the service makes it
}

// checkManaged reads what is peculiar to a secret that rotates into the request.
func checkManaged(req *CreateSecretRequest) error {
	t := managedTypes[req.SecretType]
	switch {
	case t == nil:
		return call.Invalid("SecretType")
	case req.SecretDataType != textData:
		return call.Invalid("SecretDataType")
	case req.ExtendedConfig == "":
		return call.Missing("ExtendedConfig")
	case req.EnableAutomaticRotation && req.RotationInterval == "":
		return call.Missing("RotationInterval")
	}
	name := bareName(string(req.SecretName))
	if t.autoName != "" && name != auto || t.autoName == "" && (name == auto || t.prefix == "" && strings.HasPrefix(name, reserved)) ||
		!strings.HasPrefix(name, t.prefix) {
		return call.Invalid("SecretName")
	}
	m := &managed{managedType: t}
	if err := m.config.read(req.ExtendedConfig, t); err != nil {
		return call.Invalid("ExtendedConfig")
	}
	if t.autoName != "" && !word(m.name(), maxName) {
		return call.Invalid("ExtendedConfig")
	}
	if t.autoData != (string(req.SecretData) == auto) || t.read(m, req.SecretData) != nil {
		return call.Invalid("SecretData")
	}
	if req.EnableAutomaticRotation {
		if err := req.interval.SetParam(req.RotationInterval); err != nil {
			return call.Invalid("RotationInterval")
		}
	}
	req.managed = m
	return nil
}

// name returns the name that the service gives, "" if the caller does. m may be nil.
func (m *managed) name() string {
	if m == nil || m.autoName == "" {
		return ""
	}
	return m.autoName + m.config.text("UserName")
}

// begin sets what is peculiar to the secret and returns its first value.
func (m *managed) begin(s *state.Secret, now state.Time) []byte {
	s.Config, s.Accounts = m.config.String(), m.accounts
	if m.first == nil {
		return m.next(m.config.text(subTypeField), m.accounts[0], now).marshal()
	}
	first := m.first
	if k, ok := first.(*accessKey); ok {
		dated := *k
		dated.GenerateTimestamp = now.String()
		first = &dated
	}
	return first.marshal()
}

// advance makes the next value of a secret that rotates, dated now: of the account whose turn it is.
func advance(s *state.Secret, now state.Time) []byte {
	t := managedTypes[s.Type]
	account := ""
	if len(s.Accounts) > 0 {
		s.Turn = (s.Turn + 1) % len(s.Accounts)
		account = s.Accounts[s.Turn]
	}
	return t.next(parseConfig(s.Config).text(subTypeField), account, now).marshal()
}

// The limits and fields of the extended configuration, a JSON object.
const (
	maxConfig       = 1024 // characters, as it is sent
	maxCustomData   = 10   // pairs
	subTypeField    = "SecretSubType"
	customDataField = "CustomData"
)

var errConfig = errors.New("secrets: not the extended configuration of the type")

// A config is an extended configuration.
type config map[string]json.RawMessage

// read reads the extended configuration of a secret of a type.
func (c *config) read(text string, t *managedType) error {
	if !fits(text) || json.Unmarshal([]byte(text), c) != nil || *c == nil {
		return errConfig
	}
	if !slices.Contains(t.subTypes, c.text(subTypeField)) {
		return errConfig
	}
	for _, field := range t.fields {
		if c.text(field) == "" {
			return errConfig
		}
	}
	data, ok := (*c)[customDataField]
	if !ok {
		(*c)[customDataField] = json.RawMessage("{}")
		return nil
	}
	return new(CustomData).SetParam(string(data))
}

// fits reports whether a configuration is not too long.
func fits(text string) bool {
	return len(text) <= utf8.UTFMax*maxConfig && utf8.RuneCountInString(text) <= maxConfig
}

// parseConfig reads the configuration of a secret.
func parseConfig(text string) config {
	var c config
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		panic("secrets: internal error: " + err.Error()) // unreachable: config.String made it
	}
	return c
}

// text returns a field that is text, "" for any other.
func (c config) text(field string) string {
	var s string
	if json.Unmarshal(c[field], &s) != nil {
		return ""
	}
	return s
}

// String returns the configuration as JSON, by ascending names.
func (c config) String() string {
	doc, err := json.Marshal(c)
	if err != nil {
		panic("secrets: internal error: " + err.Error()) // unreachable: what was read can be written
	}
	return string(doc)
}

// CustomData is the parameter ExtendedConfig.CustomData: a JSON object of at most 10 pairs and 1024 characters.
type CustomData string

// SetParam reads custom data.
func (d *CustomData) SetParam(text string) error {
	*d = CustomData(text)
	return d.CheckParam()
}

// CheckParam checks it.
func (d *CustomData) CheckParam() error {
	var pairs map[string]json.RawMessage
	if !fits(string(*d)) || json.Unmarshal([]byte(*d), &pairs) != nil || pairs == nil || len(pairs) > maxCustomData {
		return errConfig
	}
	return nil
}
