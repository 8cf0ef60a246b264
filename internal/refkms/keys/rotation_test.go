package keys_test

import (
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// versions returns the creation dates of a key's versions, newest first, as days after the start.
func (w *world) versions(key string) (days []float64) {
	w.t.Helper()
	for _, v := range w.ok("ListKeyVersions", "KeyId", key, "PageSize", "100").at("KeyVersions", "KeyVersion").([]any) {
		at, err := time.Parse(time.RFC3339, v.(map[string]any)["CreationDate"].(string))
		if err != nil {
			w.t.Fatal(err)
		}
		days = append(days, at.Sub(start.Truncate(time.Second)).Hours()/24)
	}
	return days
}

func wantVersions(t *testing.T, got []float64, want ...float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("versions of the days %v, want %v", got, want)
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("versions of the days %v, want %v", got, want)
			return
		}
	}
}

func (w *world) policy(key, interval string) {
	w.t.Helper()
	w.ok("UpdateRotationPolicy", "KeyId", key, "EnableAutomaticRotation", "true", "RotationInterval", interval)
}

// wantPolicy checks what the metadata say of rotation. next is a day after the start, negative for none.
func (w *world) wantPolicy(key, automatic, interval string, next int) {
	w.t.Helper()
	m := w.describe(key)
	date := ""
	if next >= 0 {
		date = start.Add(time.Duration(next) * day).Format("2006-01-02T15:04:05Z")
	}
	if m["AutomaticRotation"] != automatic || m.str("RotationInterval") != interval || m.str("NextRotationDate") != date {
		w.t.Errorf("rotation is %v, %q, next %q, want %s, %q, %q", m["AutomaticRotation"], m.str("RotationInterval"), m.str("NextRotationDate"), automatic, interval, date)
	}
	if _, has := m["NextRotationDate"]; has != (next >= 0) {
		w.t.Errorf("NextRotationDate is there: %v", has)
	}
}

// One version per interval, each dated when it was due, however far the clock jumps.
func TestAutomaticRotation(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k := w.key("EnableAutomaticRotation", "true", "RotationInterval", "10d")
	w.wantPolicy(k, "Enabled", "864000s", 10)
	first := w.describe(k).str("PrimaryKeyVersion")
	blob := w.ok("Encrypt", "KeyId", k, "Plaintext", "old").str("CiphertextBlob")

	w.advance(10*day - time.Second)
	wantVersions(t, w.versions(k), 0)
	w.advance(time.Second)
	wantVersions(t, w.versions(k), 10, 0)
	w.advance(35 * day)
	wantVersions(t, w.versions(k), 40, 30, 20, 10, 0)
	w.wantPolicy(k, "Enabled", "864000s", 50)

	m := w.describe(k)
	if m["LastRotationDate"] != date(start.Add(40*day)) || m["CreationDate"] != date(start) {
		t.Errorf("last rotation %v, creation %v", m["LastRotationDate"], m["CreationDate"])
	}
	newest := w.ok("ListKeyVersions", "KeyId", k).str("KeyVersions", "KeyVersion", 0, "KeyVersionId")
	if m["PrimaryKeyVersion"] != newest || newest == first {
		t.Errorf("the primary version is %v, want the newest, %v", m["PrimaryKeyVersion"], newest)
	}
	if got := w.ok("Encrypt", "KeyId", k, "Plaintext", "new").str("KeyVersionId"); got != newest {
		t.Errorf("version %s encrypts, want the newest, %s", got, newest)
	}
	if got := w.ok("Decrypt", "CiphertextBlob", blob); got.str("Plaintext") != "old" || got.str("KeyVersionId") != first {
		t.Errorf("the old blob opens as %v, want by version %s", got, first)
	}
	if again := w.ok("ReEncrypt", "CiphertextBlob", blob, "DestinationKeyId", k); w.ok("Decrypt", "CiphertextBlob", again.str("CiphertextBlob")).str("KeyVersionId") != newest {
		t.Error("ReEncrypt does not move a blob to the newest version")
	}
}

// A date that is past when the policy is set has the key rotate at once, dated then.
func TestRotationOverdueByPolicy(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k := w.key()
	w.wantPolicy(k, "Disabled", "", -1)
	w.advance(8 * day)
	w.policy(k, "7d")
	wantVersions(t, w.versions(k), 8, 0)
	w.wantPolicy(k, "Enabled", "604800s", 15)

	// A policy that is changed does not reset the last rotation.
	w.advance(2 * day)
	w.policy(k, "30d")
	w.wantPolicy(k, "Enabled", "2592000s", 38)
	w.policy(k, "30d")
	w.wantPolicy(k, "Enabled", "2592000s", 38)
	w.advance(10 * day)
	w.policy(k, "10d") // due on day 18, it is day 20
	wantVersions(t, w.versions(k), 20, 8, 0)

	w.ok("UpdateRotationPolicy", "KeyId", k, "EnableAutomaticRotation", "false", "RotationInterval", "not looked at")
	w.wantPolicy(k, "Disabled", "", -1)
	w.advance(1000 * day)
	wantVersions(t, w.versions(k), 20, 8, 0)
}

// A policy is kept while the key cannot rotate. What was missed is one rotation, dated when it takes effect again.
func TestRotationSuspended(t *testing.T) {
	for name, step := range map[string]struct {
		off, on []string
	}{
		"disabled":         {[]string{"DisableKey"}, []string{"EnableKey"}},
		"pending deletion": {[]string{"ScheduleKeyDeletion", "PendingWindowInDays", "30"}, []string{"CancelKeyDeletion"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, keys.Options{})
			k := w.key("EnableAutomaticRotation", "true", "RotationInterval", "7d")
			w.advance(5 * day)
			w.ok(step.off[0], append([]string{"KeyId", k}, step.off[1:]...)...)
			w.wantPolicy(k, "Suspended", "604800s", 7)
			w.advance(20 * day)
			wantVersions(t, w.versions(k), 0)
			w.wantPolicy(k, "Suspended", "604800s", 7)
			w.ok(step.on[0], "KeyId", k)
			wantVersions(t, w.versions(k), 25, 0)
			w.wantPolicy(k, "Enabled", "604800s", 32)
			w.advance(14 * day)
			wantVersions(t, w.versions(k), 39, 32, 25, 0)

			// One that is not overdue keeps its date.
			w.ok(step.off[0], append([]string{"KeyId", k}, step.off[1:]...)...)
			w.advance(day)
			w.ok(step.on[0], "KeyId", k)
			w.wantPolicy(k, "Enabled", "604800s", 46)
			w.advance(6 * day)
			wantVersions(t, w.versions(k), 46, 39, 32, 25, 0)
		})
	}
}

// Enabling an enabled key changes nothing: what is not yet due does not move.
func TestEnableDoesNotMoveRotation(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k := w.key("EnableAutomaticRotation", "true", "RotationInterval", "7d")
	w.advance(6 * day)
	w.ok("EnableKey", "KeyId", k)
	w.advance(2 * day)
	wantVersions(t, w.versions(k), 7, 0)
}

func TestUpdateRotationPolicyRefuses(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k := w.key()
	w.refused(call.Missing("EnableAutomaticRotation"), "UpdateRotationPolicy", "KeyId", k)
	w.refused(call.Missing("RotationInterval"), "UpdateRotationPolicy", "KeyId", k, "EnableAutomaticRotation", "true")
	w.refused(call.Invalid("RotationInterval"), "UpdateRotationPolicy", "KeyId", k, "EnableAutomaticRotation", "true", "RotationInterval", "6d")
	w.refused(call.Missing("EnableAutomaticRotation"), "UpdateRotationPolicy", "KeyId", k, "EnableAutoRotation", "true", "RotationIntervalInDays", "7")
	w.ok("CreateAlias", "AliasName", "alias/a", "KeyId", k)
	w.refused(call.ErrUnsupportedAlias, "UpdateRotationPolicy", "KeyId", "alias/a", "EnableAutomaticRotation", "false")

	external := w.key("Origin", "EXTERNAL")
	w.refused(pi, "UpdateRotationPolicy", "KeyId", external, "EnableAutomaticRotation", "true", "RotationInterval", "7d") // the state first
	w.change(external, func(k *state.Key) { k.State = state.Enabled })
	w.refused(call.ErrUnsupportedOrigin, "UpdateRotationPolicy", "KeyId", external, "EnableAutomaticRotation", "true", "RotationInterval", "7d")
	w.refused(rej, "CreateKeyVersion", "KeyId", external)

	asymmetric := w.key()
	w.change(asymmetric, func(k *state.Key) { k.Spec = "RSA_2048" })
	w.refused(rej, "UpdateRotationPolicy", "KeyId", asymmetric, "EnableAutomaticRotation", "false")
}

func TestDescribeKeyVersion(t *testing.T) {
	w := newWorld(t, keys.Options{})
	k, other := w.key(), w.key()
	w.ok("CreateAlias", "AliasName", "alias/a", "KeyId", k)
	v, foreign := w.describe(k).str("PrimaryKeyVersion"), w.describe(other).str("PrimaryKeyVersion")
	for _, name := range []string{k, "alias/a"} {
		d := w.ok("DescribeKeyVersion", "KeyId", name, "KeyVersionId", v)
		if d.str("KeyVersion", "KeyId") != k || d.str("KeyVersion", "KeyVersionId") != v || d.str("KeyVersion", "CreationDate") != date(start) {
			t.Errorf("DescribeKeyVersion answers %v", d)
		}
	}
	w.refused(call.ErrKeyVersionNotFound, "DescribeKeyVersion", "KeyId", k, "KeyVersionId", foreign)
	w.refused(call.ErrKeyVersionNotFound, "DescribeKeyVersion", "KeyId", k, "KeyVersionId", "none")
	w.refused(call.ErrKeyNotFound, "DescribeKeyVersion", "KeyId", "none", "KeyVersionId", v)
	w.refused(call.Missing("KeyVersionId"), "DescribeKeyVersion", "KeyId", k)
}

// Events of several keys happen in the order of their dates.
func TestEventsInOrder(t *testing.T) {
	w := newWorld(t, keys.Options{})
	rotating := w.key("EnableAutomaticRotation", "true", "RotationInterval", "7d")
	dying := w.key("EnableAutomaticRotation", "true", "RotationInterval", "7d")
	w.advance(8 * day)
	w.ok("ScheduleKeyDeletion", "KeyId", dying, "PendingWindowInDays", "7")
	late := w.in("42", region).key("EnableAutomaticRotation", "true", "RotationInterval", "7d")
	w.advance(20 * day)
	wantVersions(t, w.versions(rotating), 28, 21, 14, 7, 0)
	w.refused(call.ErrKeyNotFound, "DescribeKey", "KeyId", dying)
	wantVersions(t, w.in("42", region).versions(late), 22, 15, 8)
}
