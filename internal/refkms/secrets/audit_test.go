package secrets_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/catalog"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
)

// What the trail keeps names secrets and their CMKs, and holds no value, password or data key.
func TestAuditTrail(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	var events []trail.Event
	log := trail.New(trail.NewMemory(1000), func(r *trail.Record) { events = append(events, r.Event()) })
	k := keys.New(keys.Options{})
	table := catalog.New(catalog.Rooms{Keys: k, Secrets: secrets.New(k, secrets.Options{})})
	w.server = server.New(w.store, clock.New(func() time.Time { return start }), table, server.Hooks{Trail: log})

	const value = "the value that nobody sees"
	hidden := []string{value}
	cmk := w.key()
	w.secret("s", value, "EncryptionKeyId", cmk, "Description", "a description", "Tags", `[{"TagKey":"Project","TagValue":"Apollo"}]`)
	w.call("CreateSecret", "SecretName", "s", "VersionId", "v1", "SecretData", value) // refused
	w.ok("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", value+"2", "VersionStages", `["Pending"]`)
	w.call("PutSecretValue", "SecretName", "s", "VersionId", "v2", "SecretData", value+"3")
	w.call("PutSecretValue", "SecretName", "a b", "VersionId", "v2", "SecretData", value)
	w.ok("GetSecretValue", "SecretName", "s")
	w.ok("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", "ACSCurrent", "MoveToVersion", "v2")
	w.secret("plain", value)
	w.ok("GetSecretValue", "SecretName", "plain")
	hidden = append(hidden, w.ok("GetRandomPassword").str("RandomPassword"))
	for i, kind := range kinds {
		name := w.ok("CreateSecret", kind.params("SecretName", strings.Replace(kind.secretName, "x", fmt.Sprint(i), 1), "EncryptionKeyId", cmk,
			"EnableAutomaticRotation", "true", "RotationInterval", "1d")...).str("SecretName")
		w.ok("RotateSecret", "SecretName", name, "VersionId", "by-hand")
		hidden = append(hidden, w.value(name))
		w.advance(day)
		for field, v := range fields(t, w.value(name)) {
			if len(v) > 8 && field != "GenerateTimestamp" {
				hidden = append(hidden, v)
			}
		}
		w.ok("DeleteSecret", "SecretName", name, "ForceDeleteWithoutRecovery", "true")
	}
	w.ok("TagResources", "ResourceType", "secret", "ResourceId.1", "s", "ResourceId.2", "plain", "Tag.1.Key", "Env", "Tag.1.Value", "prod")
	w.view(func(tx state.Tx) {
		for _, v := range state.SecretValues.All(tx, w.scope) {
			hidden = append(hidden, v.WrappedKey)
		}
	})

	doc, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range hidden {
		quoted, _ := json.Marshal(secret)
		if strings.Contains(string(doc), secret) || strings.Contains(string(doc), strings.Trim(string(quoted), `"`)) {
			t.Errorf("the trail holds %q", secret)
		}
	}
	find := func(name, request string, nth int) map[string]any {
		t.Helper()
		for _, e := range events {
			if e.EventName == name && strings.Contains(e.RequestParameterJSON, request) {
				if nth--; nth < 0 {
					b, _ := json.Marshal(e)
					var m map[string]any
					json.Unmarshal(b, &m)
					return m
				}
			}
		}
		t.Fatalf("no event %s with %s", name, request)
		return nil
	}
	e := find("CreateSecret", `"SecretName":"s"`, 0)
	if got, want := e["requestParameterJson"], fmt.Sprintf(`{"SecretName":"s","VersionId":"v1","SecretData":"***","EncryptionKeyId":"%s",`+
		`"Description":"a description","Tags":"[{\"TagKey\":\"Project\",\"TagValue\":\"Apollo\"}]"}`, cmk); got != want {
		t.Errorf("CreateSecret is shown with %s, want %s", got, want)
	}
	e = find("GetSecretValue", `"s"`, 0)
	if got, want := fmt.Sprintln(e["resourceType"], e["resourceName"], e["referencedResources"]), fmt.Sprintf("ACS::KMS::Secret s map[ACS::KMS::Key:[%s] ACS::KMS::Secret:[s]]\n", cmk); got != want {
		t.Errorf("GetSecretValue is of %s, want %s", got, want)
	}
	answer, _ := json.Marshal(e["responseElements"])
	if want := `"SecretData":"***"`; !strings.Contains(string(answer), want) {
		t.Errorf("GetSecretValue answers %s, want %s in it", answer, want)
	}
	if e := find("Decrypt", "", 0); fmt.Sprint(e["resourceName"], e["additionalEventData"]) != cmk+"map[invokedBy:secretsmanager]" {
		t.Errorf("the Decrypt inside is of %v, %v", e["resourceName"], e["additionalEventData"])
	}
	if got, want := find("TagResources", "", 0)["requestParameterJson"], `{"ResourceType":"secret","ResourceId.1":"s","ResourceId.2":"plain","Tag.1.Key":"Env","Tag.1.Value":"prod"}`; got != want {
		t.Errorf("TagResources is shown with %s, want %s", got, want)
	}
	if got := find("CreateSecret", "Rds", 0)["responseElements"].(map[string]any)["AutomaticRotation"]; got != "Enabled" {
		t.Errorf("CreateSecret of a type that rotates answers AutomaticRotation %v", got)
	}
}
