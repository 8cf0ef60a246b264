package refkms_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// A fixture is a file of an earlier version, and what is in it. Each version has one of each lock, which is never made
// again; the first time it is made by
//
//	XINFENG_WRITE_FIXTURES=1 go test -run TestFixtures ./kmsclient/refkms/
type fixture struct {
	Key, Blob, Plaintext   string
	Alias, Secret, Value   string
	User, AccessKey        string
	Signer, Digest, Signed string
	Ahead                  time.Duration
	Events                 int
}

const (
	fixtures          = "testdata/store-v1" // with -key or -passphrase, and .gz; what is in it, .json
	fixturePassphrase = "correct horse battery staple"
)

func fixtureRoots(t *testing.T) map[string]refkms.RootKey {
	t.Helper()
	passphrase, err := refkms.RootKeyPassphrase([]byte(fixturePassphrase))
	must(t, err)
	return map[string]refkms.RootKey{"key": rootKey(t, 7), "passphrase": passphrase}
}

func TestFixtures(t *testing.T) {
	if os.Getenv("XINFENG_WRITE_FIXTURES") != "" {
		writeFixtures(t)
	}
	doc, err := os.ReadFile(fixtures + ".json")
	must(t, err)
	var want fixture
	must(t, json.Unmarshal(doc, &want))
	for name, root := range fixtureRoots(t) {
		packed, err := os.Open(fixtures + "-" + name + ".gz")
		must(t, err)
		defer packed.Close()
		unpacked, err := gzip.NewReader(packed)
		must(t, err)
		path := filepath.Join(t.TempDir(), "kms")
		must(t, refkms.Restore(path, unpacked, root))
		s, err := refkms.Open(path, root, &refkms.Options{Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
		must(t, err)
		want.check(t, s)
		must(t, s.Check())
		must(t, s.Close())
	}
}

func (f *fixture) check(t *testing.T, s *refkms.Server) {
	t.Helper()
	c := s.Client(nil)
	sealedThing{f.Key, f.Blob, []byte(f.Plaintext)}.check(t, s)
	if k, err := c.DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: f.Alias}); err != nil || k.KeyID != f.Key {
		t.Errorf("DescribeKey(%s) = %+v, %v, want %s", f.Alias, k, err, f.Key)
	}
	var value struct{ SecretData string }
	if err := c.Do(t.Context(), "GetSecretValue", map[string]string{"SecretName": f.Secret}, &value); err != nil || value.SecretData != f.Value {
		t.Errorf("GetSecretValue = %q, %v, want %q", value.SecretData, err, f.Value)
	}
	var caller struct{ Arn string }
	if err := s.Client(&refkms.ClientOptions{AccessKeyID: f.AccessKey}).Do(t.Context(), "GetCallerIdentity", nil, &caller); err != nil || !strings.HasSuffix(caller.Arn, "user/"+f.User) {
		t.Errorf("GetCallerIdentity = %+v, %v, want %s", caller, err, f.User)
	}
	var verified struct{ Value bool }
	keyID, version, _ := strings.Cut(f.Signer, " ")
	if err := c.Do(t.Context(), "AsymmetricVerify", map[string]string{"KeyId": keyID, "KeyVersionId": version, "Algorithm": "ECDSA_SHA_256", "Digest": f.Digest, "Value": f.Signed}, &verified); err != nil || !verified.Value {
		t.Errorf("AsymmetricVerify = %+v, %v", verified, err)
	}
	if events, err := s.Events(&refkms.Query{End: time.Unix(1_800_000_000-1, 0).Add(f.Ahead)}); err != nil || len(events) != f.Events {
		t.Errorf("Events = %d records, %v, want %d", len(events), err, f.Events)
	}
	var made struct{ KeyMetadata struct{ CreationDate string } }
	want := time.Unix(1_800_000_000, 0).Add(f.Ahead).UTC().Format("2006-01-02T15:04:05Z")
	if err := c.Do(t.Context(), "CreateKey", nil, &made); err != nil || made.KeyMetadata.CreationDate != want {
		t.Errorf("CreateKey = %+v, %v, want a key of %s: the clock is ahead", made, err, want)
	}
}

// writeFixtures makes the fixtures, unless there are some.
func writeFixtures(t *testing.T) {
	now := time.Unix(1_800_000_000-3600, 0)
	path := filepath.Join(t.TempDir(), "kms")
	roots := fixtureRoots(t)
	s, err := refkms.Open(path, roots["key"], &refkms.Options{Now: func() time.Time { return now }})
	must(t, err)
	x := sealSomething(t, s)
	f := fixture{Key: x.key, Blob: x.blob, Plaintext: string(x.plaintext), Alias: "alias/fixture", Secret: "fixture", Value: "a value", User: "alice",
		Digest: strings.Repeat("A", 43) + "=", Ahead: 40 * 24 * time.Hour}
	do := func(action string, params map[string]string) map[string]any {
		t.Helper()
		var answer map[string]any
		if err := s.Client(nil).Do(t.Context(), action, params, &answer); err != nil {
			t.Fatalf("%s = %v", action, err)
		}
		return answer
	}
	do("CreateAlias", map[string]string{"AliasName": f.Alias, "KeyId": f.Key})
	do("TagResource", map[string]string{"KeyId": f.Key, "Tags": `[{"TagKey":"a","TagValue":"1"}]`})
	do("UpdateRotationPolicy", map[string]string{"KeyId": f.Key, "EnableAutomaticRotation": "true", "RotationInterval": "30d"})
	do("CreateSecret", map[string]string{"SecretName": f.Secret, "VersionId": "1", "SecretData": f.Value})
	signer := do("CreateKey", map[string]string{"KeySpec": "EC_P256", "KeyUsage": "SIGN/VERIFY"})["KeyMetadata"].(map[string]any)["KeyId"].(string)
	version := do("ListKeyVersions", map[string]string{"KeyId": signer})["KeyVersions"].(map[string]any)["KeyVersion"].([]any)[0].(map[string]any)["KeyVersionId"].(string)
	f.Signer = signer + " " + version
	f.Signed = do("AsymmetricSign", map[string]string{"KeyId": signer, "KeyVersionId": version, "Algorithm": "ECDSA_SHA_256", "Digest": f.Digest})["Value"].(string)
	must(t, s.RAM("").CreateUser(f.User))
	f.AccessKey, _, err = s.RAM("").CreateAccessKey(f.User)
	must(t, err)
	must(t, s.Advance(f.Ahead))
	events, err := s.Events(nil)
	must(t, err)
	f.Events = len(events)
	for _, name := range []string{"key", "passphrase"} {
		must(t, s.SetRootKey(roots[name]))
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		must(t, s.Backup(w))
		must(t, w.Close())
		create(t, fixtures+"-"+name+".gz", packed.Bytes())
	}
	doc, err := json.MarshalIndent(f, "", "\t")
	must(t, err)
	create(t, fixtures+".json", append(doc, '\n'))
	must(t, s.Close())
}

// create makes a file that is not there.
func create(t *testing.T, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	must(t, err)
	_, err = f.Write(b)
	must(t, err)
	must(t, f.Close())
}
