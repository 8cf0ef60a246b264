package kmstest

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A kit is what a check works with: the server, seen from one region, and the test that the check is. Its methods end
// the test when a call does not go as it should.
type kit struct {
	*testing.T
	target *Target
	call   Caller
	region string
	store  *store
}

// A store is what checks share.
type store struct {
	fixtures   map[string]string     // keys that no check changes, by kind
	recipients map[string]*recipient // of exported data keys, by the spec of their pairs
	made       []made                // keys and aliases to be removed
}

type made struct{ region, key, alias string }

func newKit(t *testing.T, target Target) *kit {
	t.Helper()
	if target.Scheme == "" {
		target.Scheme = "https"
	}
	if target.Transport == nil {
		target.Transport = new(http.Transport)
	}
	k := &kit{T: t, target: &target, call: target.Call, region: target.Region, store: &store{fixtures: map[string]string{}, recipients: map[string]*recipient{}}}
	if k.call == nil {
		k.call = newOfficialSDK(k.target).call
	}
	return k
}

// of returns the kit of another test.
func (k *kit) of(t *testing.T) *kit {
	other := *k
	other.T = t
	return &other
}

// in returns the kit seen from another region. It skips the check if the target has none such.
func (k *kit) in(region string) *kit {
	k.Helper()
	if region == "" {
		k.Skip("the target has no region of this kind")
	}
	other := *k
	other.region = region
	return &other
}

// cleanUp removes what the checks made, as far as it can be.
func (k *kit) cleanUp() {
	for _, m := range k.store.made {
		if m.alias != "" {
			k.call(m.region, "DeleteAlias", map[string]string{"AliasName": m.alias})
			continue
		}
		k.call(m.region, "SetDeletionProtection", map[string]string{"KeyId": m.key, "EnableDeletionProtection": "false"})
		k.call(m.region, "ScheduleKeyDeletion", map[string]string{"KeyId": m.key, "PendingWindowInDays": "7"})
	}
	k.Logf("kmstest: %d keys and aliases were made and removed", len(k.store.made))
}

// params makes a map of names and values in turn.
func params(pairs []string) map[string]string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// names returns the names of parameters, for messages: values may be secret, or long.
func names(pairs []string) string { return strings.Join(slices.Sorted(maps.Keys(params(pairs))), ", ") }

// try makes a call; pairs are names and values of parameters in turn.
func (k *kit) try(action string, pairs ...string) (doc, error) {
	k.Helper()
	answer, err := k.call(k.region, action, params(pairs))
	if err != nil {
		return nil, err
	}
	d := doc{}
	if err := json.Unmarshal(answer, &d); err != nil {
		k.Fatalf("%s(%s): the answer is no JSON object: %v", action, names(pairs), err)
	}
	if d.str("RequestId") == "" {
		k.Errorf("%s(%s): an answer without RequestId", action, names(pairs))
	}
	if _, has := d["Code"]; has {
		k.Errorf("%s(%s): a success with a Code, which clients take for an error", action, names(pairs))
	}
	return d, nil
}

// ok makes a call that succeeds.
func (k *kit) ok(action string, pairs ...string) doc {
	k.Helper()
	d, err := k.try(action, pairs...)
	if err != nil {
		k.Fatalf("%s(%s) = %v", action, names(pairs), describe(err))
	}
	return d
}

// refused makes a call that is refused with a code or, for the two that name a parameter, with "Code Parameter".
func (k *kit) refused(want, action string, pairs ...string) {
	k.Helper()
	_, err := k.try(action, pairs...)
	k.isRefusal(want, err, action+"("+names(pairs)+")")
}

// isRefusal checks that err is a refusal, with its status and, where the target has it, its wording.
func (k *kit) isRefusal(want string, err error, what string) {
	k.Helper()
	var r *Refusal
	if !errors.As(err, &r) {
		k.Errorf("%s = %v, want %s", what, err, want)
		return
	}
	code, param, _ := strings.Cut(want, " ")
	documented, ok := refusals[code]
	if !ok {
		k.Fatalf("kmstest: internal error: no refusal %q", code)
	}
	if r.Code != code || r.Status != documented.status {
		k.Errorf("%s = %s, want %s (HTTP %d)", what, describe(err), want, documented.status)
	}
	if r.RequestID == "" {
		k.Errorf("%s = %s without a request id", what, code)
	}
	message := strings.Replace(documented.message, "%s", param, 1)
	switch {
	case !k.target.Wording || r.Code != code:
	case strings.HasSuffix(message, "…") && strings.HasPrefix(r.Message, strings.TrimSuffix(message, "…")):
	case strings.ReplaceAll(r.Message, `"`, "") != strings.ReplaceAll(message, `"`, ""): // some name the parameter without quotes
		k.Errorf("%s: the message is %q, want %q", what, r.Message, message)
	}
}

// describe returns an error with the text of a refusal.
func describe(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return fmt.Sprintf("%v: %.300q", r, r.Message)
	}
	return err.Error()
}

// A doc is an answer.
type doc map[string]any

// at returns what lies at a path of names and indexes, "Keys.Key.0", nil if there is nothing.
func (d doc) at(path string) any {
	var v any = map[string]any(d)
	for step := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(at) {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

// str returns the string at a path, "" if there is none.
func (d doc) str(path string) string {
	s, _ := d.at(path).(string)
	return s
}

// list returns the list at a path. It ends the test if there is none: an empty list is one.
func (k *kit) list(d doc, path string) []any {
	k.Helper()
	list, ok := d.at(path).([]any)
	if !ok {
		k.Fatalf("%s is %T, want a list", path, d.at(path))
	}
	return list
}

// number returns the number at a path. It ends the test if there is none.
func (k *kit) number(d doc, path string) int {
	k.Helper()
	n, ok := d.at(path).(float64)
	if !ok {
		k.Fatalf("%s is %T, want a number", path, d.at(path))
	}
	return int(n)
}

// equal checks a value.
func (k *kit) equal(what string, got, want any) {
	k.Helper()
	if got != want {
		k.Errorf("%s is %.200q, want %.200q", what, fmt.Sprint(got), fmt.Sprint(want))
	}
}

// key makes a key and returns its id.
func (k *kit) key(pairs ...string) string {
	k.Helper()
	id := k.ok("CreateKey", pairs...).str("KeyMetadata.KeyId")
	if id == "" {
		k.Fatal("CreateKey answers without KeyId")
	}
	k.store.made = append(k.store.made, made{region: k.region, key: id})
	return id
}

// keyIn makes a key in a state, for a check that may change it. In PendingImport it is one without material.
func (k *kit) keyIn(state string) string {
	k.Helper()
	switch state {
	case "Enabled":
		return k.key()
	case "Disabled":
		id := k.key()
		k.ok("DisableKey", "KeyId", id)
		return id
	case "PendingDeletion":
		id := k.key()
		k.ok("ScheduleKeyDeletion", "KeyId", id)
		return id
	case "PendingImport":
		return k.key("Origin", "EXTERNAL")
	}
	k.Fatalf("kmstest: internal error: no state %q", state)
	return ""
}

// fixture returns a key of a state that checks share: they must not change it.
func (k *kit) fixture(state string) string {
	k.Helper()
	name := k.region + "/" + state
	if k.store.fixtures[name] == "" {
		k.store.fixtures[name] = k.keyIn(state)
	}
	return k.store.fixtures[name]
}

// enabled returns a symmetric key that checks share.
func (k *kit) enabled() string { k.Helper(); return k.fixture("Enabled") }

// alias makes an alias of a key and returns its name.
func (k *kit) alias(key string) string {
	k.Helper()
	name := newAliasName()
	k.ok("CreateAlias", "AliasName", name, "KeyId", key)
	k.store.made = append(k.store.made, made{region: k.region, alias: name})
	return name
}

// newAliasName returns the name of an alias that nobody has.
func newAliasName() string { return "alias/kmstest/" + strings.ToLower(rand.Text()) }

// absentKey is the id of no key.
const absentKey = "00000000-0000-4000-8000-000000000000"

// metadata returns what DescribeKey says of a key.
func (k *kit) metadata(key string) doc {
	k.Helper()
	m, _ := k.ok("DescribeKey", "KeyId", key).at("KeyMetadata").(map[string]any)
	return m
}

// state checks the state of a key.
func (k *kit) state(key, want string) {
	k.Helper()
	k.equal("KeyState", k.metadata(key).str("KeyState"), want)
}

// arn returns the ARN of something in the kit's region. The account is that of the target or, if that does not say, the
// one of the shared key.
func (k *kit) arn(resource string) string {
	k.Helper()
	account := k.target.Account
	if account == "" {
		account = k.metadata(k.enabled()).str("Creator")
	}
	return "acs:kms:" + k.region + ":" + account + ":" + resource
}

// limited returns a kit of a server whose quotas are small. It skips the check if the target makes none.
func (k *kit) limited(keys, aliases int) *kit {
	k.Helper()
	if k.target.Limited == nil {
		k.Skip("the quotas of the target cannot be set")
	}
	other := newKit(k.T, k.target.Limited(k.T, keys, aliases))
	k.Cleanup(other.cleanUp)
	return other
}

// advance moves the time of the service ahead. It skips the check if the target cannot.
func (k *kit) advance(d time.Duration) {
	k.Helper()
	k.needsTime()
	if err := k.target.Advance(d); err != nil {
		k.Fatalf("Advance(%v) = %v", d, err)
	}
	delete(k.store.fixtures, k.region+"/PendingDeletion") // it may be gone
}

// needsTime skips a check of what takes time, before it makes anything, if the target's time cannot be moved.
func (k *kit) needsTime() {
	k.Helper()
	if k.target.Advance == nil {
		k.Skip("the time of the target cannot be moved")
	}
}

const day = 24 * time.Hour

// date reads a date of the service. It ends the test if it is none.
func (k *kit) date(text string) time.Time {
	k.Helper()
	t, err := time.Parse("2006-01-02T15:04:05Z", text)
	if err != nil || strings.Contains(text, ".") {
		k.Fatalf("the date %q is not one in whole seconds", text)
	}
	return t
}

// isUUID reports whether s is a UUID in lower case.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, r := range s {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (r == '-') || !dash && !strings.ContainsRune("0123456789abcdef", r) {
			return false
		}
	}
	return true
}
