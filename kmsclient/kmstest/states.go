package kmstest

import "strings"

// states are those of a key.
var states = [...]string{"Enabled", "Disabled", "PendingDeletion", "PendingImport"}

// A stateRow is one of the table of operations and states.
type stateRow struct {
	operation string
	answers   [len(states)]string // in each state, "" for success
	more      []string            // its parameters besides KeyId
	changes   bool                // a success changes the key, so that it needs one of its own
}

const (
	disabled      = "Rejected.Disabled"
	deletion      = "Rejected.PendingDeletion"
	pendingImport = "Rejected.PendingImport"
	failed        = "Rejected.StateModifiedFailed"
)

// stateRows is the service's table of states, with what symmetric keys have to do with it.
var stateRows = []stateRow{
	{"Encrypt", [...]string{"", disabled, deletion, pendingImport}, []string{"Plaintext", "hello"}, false},
	{"GenerateDataKey", [...]string{"", disabled, deletion, pendingImport}, nil, false},
	{"GenerateDataKeyWithoutPlaintext", [...]string{"", disabled, deletion, pendingImport}, nil, false},
	{"CreateKeyVersion", [...]string{"Rejected.UnsupportedOperation", disabled, deletion, pendingImport}, nil, false},
	{"UpdateRotationPolicy", [...]string{"", disabled, deletion, pendingImport}, []string{"EnableAutomaticRotation", "false"}, false},
	{"DescribeKey", [...]string{"", "", "", ""}, nil, false},
	{"ListKeyVersions", [...]string{"", "", "", ""}, nil, false},
	{"ListAliasesByKeyId", [...]string{"", "", "", ""}, nil, false},
	{"UpdateKeyDescription", [...]string{"", "", deletion, ""}, []string{"Description", "edited"}, false},
	{"EnableKey", [...]string{"", "", failed, failed}, nil, true},
	{"DisableKey", [...]string{"", "", failed, failed}, nil, true},
	{"ScheduleKeyDeletion", [...]string{"", "", failed, ""}, []string{"PendingWindowInDays", "7"}, true},
	{"CancelKeyDeletion", [...]string{failed, failed, "", failed}, nil, true},
	{"CreateAlias", [...]string{"", "", failed, ""}, []string{"AliasName", ""}, false},
	{"UpdateAlias", [...]string{"", "", deletion, ""}, []string{"AliasName", ""}, false},
}

// stateChecks are those of the states of a key.
func stateChecks() []check {
	var checks []check
	for _, row := range stateRows {
		for i, want := range row.answers {
			state := states[i]
			rule := row.operation + ": of a key in " + state
			if want == "" {
				checks = append(checks, check{rule + " it succeeds", func(k *kit) { row.succeeds(k, state) }})
			} else {
				checks = append(checks, check{rule + " it is " + want, func(k *kit) {
					k.refused(want, row.operation, row.with(k, k.fixture(state))...)
				}})
			}
		}
	}
	return append(checks,
		check{"States: DisableKey and EnableKey change the state at once, and back", func(k *kit) {
			id := k.keyIn("Disabled")
			k.state(id, "Disabled")
			k.ok("EnableKey", "KeyId", id)
			k.state(id, "Enabled")
		}},
		check{"States: EnableKey and DisableKey may be repeated", func(k *kit) {
			id := k.keyIn("Enabled")
			k.ok("EnableKey", "KeyId", id)
			k.state(id, "Enabled")
			k.ok("DisableKey", "KeyId", id)
			k.ok("DisableKey", "KeyId", id)
			k.state(id, "Disabled")
		}},
		check{"States: a disabled key opens nothing, and after it is enabled all again", func(k *kit) {
			id := k.keyIn("Enabled")
			blob := k.ok("Encrypt", "KeyId", id, "Plaintext", "hello").str("CiphertextBlob")
			k.ok("DisableKey", "KeyId", id)
			k.refused(disabled, "Decrypt", "CiphertextBlob", blob)
			k.ok("EnableKey", "KeyId", id)
			k.equal("Plaintext", k.ok("Decrypt", "CiphertextBlob", blob).str("Plaintext"), "hello")
		}},
		check{"States: a key in PendingDeletion opens nothing", func(k *kit) {
			id := k.keyIn("Enabled")
			blob := k.ok("Encrypt", "KeyId", id, "Plaintext", "hello").str("CiphertextBlob")
			k.ok("ScheduleKeyDeletion", "KeyId", id)
			k.refused(deletion, "Decrypt", "CiphertextBlob", blob)
		}},
		check{"States: CancelKeyDeletion enables, even a key that was disabled", func(k *kit) {
			id := k.keyIn("Disabled")
			k.ok("ScheduleKeyDeletion", "KeyId", id)
			k.state(id, "PendingDeletion")
			k.ok("CancelKeyDeletion", "KeyId", id)
			k.state(id, "Enabled")
			k.equal("DeleteDate", k.metadata(id).str("DeleteDate"), "")
		}},
		check{"States: CancelKeyDeletion of a key without material has it wait for its import", func(k *kit) {
			id := k.keyIn("PendingImport")
			k.ok("ScheduleKeyDeletion", "KeyId", id)
			k.ok("CancelKeyDeletion", "KeyId", id)
			k.state(id, "PendingImport")
		}},
		check{"States: CancelKeyDeletion may not be repeated", func(k *kit) {
			id := k.keyIn("PendingDeletion")
			k.ok("CancelKeyDeletion", "KeyId", id)
			k.refused(failed, "CancelKeyDeletion", "KeyId", id)
		}},
		check{"ScheduleKeyDeletion: a second call does not move the date", func(k *kit) {
			id := k.keyIn("PendingDeletion")
			date := k.metadata(id).str("DeleteDate")
			k.refused(failed, "ScheduleKeyDeletion", "KeyId", id, "PendingWindowInDays", "7")
			k.equal("DeleteDate", k.metadata(id).str("DeleteDate"), date)
		}},
		check{"ScheduleKeyDeletion: the window is 7 to 30 days, by default 30", func(k *kit) {
			for _, days := range []string{"7", "30", ""} {
				id := k.key()
				was := k.date(k.metadata(id).str("CreationDate"))
				if days == "" {
					k.ok("ScheduleKeyDeletion", "KeyId", id)
				} else {
					k.ok("ScheduleKeyDeletion", "KeyId", id, "PendingWindowInDays", days)
				}
				window := map[string]float64{"7": 7, "30": 30, "": 30}[days]
				got := k.date(k.metadata(id).str("DeleteDate")).Sub(was)
				// The key may be a minute old on a slow line.
				if early := got.Hours()/24 - window; early < 0 || early > 1.0/24/60 {
					k.Errorf("a window of %q days ends after %v", days, got)
				}
			}
		}},
		check{"ScheduleKeyDeletion: any other window is InvalidParameter PendingWindowInDays", func(k *kit) {
			for _, days := range []string{"0", "6", "31", "-7", "7.5", "seven", "7d", "99999999999999999999"} {
				k.refused("InvalidParameter PendingWindowInDays", "ScheduleKeyDeletion", "KeyId", k.enabled(), "PendingWindowInDays", days)
			}
			k.state(k.enabled(), "Enabled")
		}},
		check{"States: at the end of the window the key is gone, with its versions and aliases", func(k *kit) {
			k.needsTime()
			id := k.key()
			alias := k.alias(id)
			blob := k.ok("Encrypt", "KeyId", id, "Plaintext", "hello").str("CiphertextBlob")
			version := k.metadata(id).str("PrimaryKeyVersion")
			k.ok("ScheduleKeyDeletion", "KeyId", id, "PendingWindowInDays", "7")
			k.advance(7*day - 60e9)
			k.state(id, "PendingDeletion")
			k.advance(61e9)
			k.refused("Forbidden.KeyNotFound", "DescribeKey", "KeyId", id)
			k.refused("Forbidden.KeyNotFound", "CancelKeyDeletion", "KeyId", id)
			k.refused("Forbidden.KeyNotFound", "Decrypt", "CiphertextBlob", blob)
			k.refused("Forbidden.KeyNotFound", "DescribeKeyVersion", "KeyId", id, "KeyVersionId", version)
			k.refused("Forbidden.AliasNotFound", "DescribeKey", "KeyId", alias)
			k.ok("CreateAlias", "AliasName", alias, "KeyId", k.enabled())
		}},
		check{"States: rotation is suspended while a key is disabled or pending deletion", func(k *kit) {
			id := k.key("EnableAutomaticRotation", "true", "RotationInterval", "30d")
			next := k.metadata(id).str("NextRotationDate")
			for _, change := range [][]string{{"DisableKey", "EnableKey"}, {"ScheduleKeyDeletion", "CancelKeyDeletion"}} {
				k.ok(change[0], "KeyId", id)
				m := k.metadata(id)
				k.equal("AutomaticRotation", m.str("AutomaticRotation"), "Suspended")
				k.equal("RotationInterval", m.str("RotationInterval"), "2592000s")
				k.equal("NextRotationDate", m.str("NextRotationDate"), next)
				k.ok(change[1], "KeyId", id)
				k.equal("AutomaticRotation", k.metadata(id).str("AutomaticRotation"), "Enabled")
			}
		}},
	)
}

// with returns the parameters of the operation for a key.
func (r *stateRow) with(k *kit, key string) []string {
	k.Helper()
	pairs := append([]string{"KeyId", key}, r.more...)
	if len(r.more) == 2 && r.more[0] == "AliasName" {
		pairs[3] = newAliasName()
		if strings.HasPrefix(r.operation, "Update") {
			pairs[3] = k.alias(k.enabled())
		}
	}
	return pairs
}

// succeeds checks a cell without a refusal.
func (r *stateRow) succeeds(k *kit, state string) {
	k.Helper()
	key := ""
	if r.changes {
		key = k.keyIn(state)
	} else {
		key = k.fixture(state)
	}
	pairs := r.with(k, key)
	k.ok(r.operation, pairs...)
	if r.operation == "CreateAlias" {
		k.store.made = append(k.store.made, made{region: k.region, alias: params(pairs)["AliasName"]})
	}
}
