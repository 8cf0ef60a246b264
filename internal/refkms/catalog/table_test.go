package catalog_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/catalog"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
)

// whole returns the table over all rooms.
func whole() *catalog.Table {
	k := keys.New(keys.Options{})
	return catalog.New(catalog.Rooms{Keys: k, Secrets: secrets.New(k, secrets.Options{}), Identity: identity.New(), Trail: trail.New(trail.NewMemory(0), nil)})
}

func TestTable(t *testing.T) {
	table := whole()
	names := table.Names()
	if !slices.IsSorted(names) || !slices.Contains(names, "GenerateDataKey") {
		t.Errorf("Names = %v", names)
	}
	for _, name := range names {
		op := table.Lookup(name)
		if op == nil || op.Name != name {
			t.Errorf("Lookup(%s) = %v", name, op)
			continue
		}
		if op.Product != call.KMS {
			if op.Writes || !op.Unrecorded {
				t.Errorf("%s of %s writes, or is recorded", name, op.Product)
			}
			continue
		}
		// What ActionTrail calls reading is every List, Describe and Get, and cryptography, which is what is fast.
		reads := strings.HasPrefix(name, "List") || strings.HasPrefix(name, "Describe") || strings.HasPrefix(name, "Get") ||
			op.Rate >= 200
		if want := map[bool]call.Effect{true: call.Read, false: call.Write}[reads]; op.Event != want {
			t.Errorf("the trail calls %s %v, want %v", name, op.Event, want)
		}
		if op.Event == call.Write && !op.Writes {
			t.Errorf("%s is a Write and writes nothing", name)
		}
		for i := range 3 {
			if action := op.Action(i); !strings.HasPrefix(action, "kms:"+name) {
				t.Errorf("%s needs the right %s", name, action)
			}
		}
	}
	if op := table.Lookup("ReEncrypt"); op.Action(0) != "kms:ReEncryptFrom" || op.Action(1) != "kms:ReEncryptTo" {
		t.Errorf("ReEncrypt needs %s and %s", op.Action(0), op.Action(1))
	}
	if op := table.Lookup("AssumeRole"); op.Product != call.STS || op.Action(0) != "sts:AssumeRole" {
		t.Errorf("AssumeRole of %s needs %s", op.Product, op.Action(0))
	}
	if op := table.Lookup("LookupEvents"); op.Product != call.ActionTrail || op.Action(0) != "actiontrail:LookupEvents" {
		t.Errorf("LookupEvents of %s needs %s", op.Product, op.Action(0))
	}
	if op := table.Lookup("encrypt"); op != nil {
		t.Errorf("Lookup is not case-sensitive: %v", op)
	}
	for _, kind := range []state.DueKind{state.DueRotation, state.DueDestruction, state.DueMaterialExpiry} {
		if table.Due(kind) == nil {
			t.Errorf("nothing is done for %v", kind)
		}
	}
}

// A room that is not there has no rows.
func TestRoomsThatAreNotThere(t *testing.T) {
	table := catalog.New(catalog.Rooms{Keys: keys.New(keys.Options{})})
	for _, name := range []string{"CreateSecret", "AssumeRole", "LookupEvents"} {
		if op := table.Lookup(name); op != nil {
			t.Errorf("there is %s", op.Name)
		}
	}
	if table.Lookup("Encrypt") == nil {
		t.Error("there is no Encrypt")
	}
}

// Whatever is of the type of a secret text is masked in the trail, and a blob is left out of it.
func TestSecretsAreHidden(t *testing.T) {
	table := whole()
	for name, types := range map[string][]reflect.Type{
		"Encrypt":                         {reflect.TypeFor[keys.EncryptRequest](), reflect.TypeFor[keys.EncryptResponse]()},
		"Decrypt":                         {reflect.TypeFor[keys.DecryptRequest](), reflect.TypeFor[keys.DecryptResponse]()},
		"GenerateDataKey":                 {reflect.TypeFor[keys.GenerateDataKeyRequest](), reflect.TypeFor[keys.GenerateDataKeyResponse]()},
		"GenerateDataKeyWithoutPlaintext": {reflect.TypeFor[keys.GenerateDataKeyRequest](), reflect.TypeFor[keys.GenerateDataKeyWithoutPlaintextResponse]()},
		"ReEncrypt":                       {reflect.TypeFor[keys.ReEncryptRequest](), reflect.TypeFor[keys.ReEncryptResponse]()},
	} {
		op := table.Lookup(name)
		for _, typ := range types {
			for i := range typ.NumField() {
				f := typ.Field(i)
				if f.Type == reflect.TypeFor[call.Text]() && !slices.Contains(op.Hide, f.Name) {
					t.Errorf("%s: %s is secret, and not hidden", name, f.Name)
				}
				if f.Name == "CiphertextBlob" && !slices.Contains(op.Drop, f.Name) {
					t.Errorf("%s: the blob is not dropped", name)
				}
			}
		}
	}
}

// No operation shows a parameter by one of the names that secrets have, wherever it would be sent.
func TestSecretParametersAreNeverShown(t *testing.T) {
	table := whole()
	const canary = "canary in the trail"
	texts := map[string]string{}
	for _, name := range []string{"Plaintext", "SecretData", "EncryptedKeyMaterial", "ImportToken", "SecurityToken", "Signature", "PlaintextKey",
		"RandomPassword", "PrivateKeyPlaintext", "PrivateKey", "AccessKeySecret", "CiphertextBlob", "Value", "PublicKey", "ExportedDataKey"} {
		texts[name] = canary
	}
	for _, name := range table.Names() {
		op := table.Lookup(name)
		if op.Unrecorded {
			continue
		}
		if noted := string(op.NoteParams(nil, &call.Call{Texts: texts}, "")); strings.Contains(noted, canary) {
			t.Errorf("the trail notes of %s %q", name, noted)
		}
	}
}
