package keys_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// slowPairs holds one private key of each spec that is slow to make, for all tests that only use it.
var slowPairs = map[string]func() state.Material{
	"RSA_3072": sync.OnceValue(func() state.Material { return newPair(material.RSA3072) }),
	"RSA_4096": sync.OnceValue(func() state.Material { return newPair(material.RSA4096) }),
}

func newPair(spec material.PairSpec) state.Material {
	pair, err := material.GeneratePair(spec)
	if err != nil {
		panic(err)
	}
	private, err := pair.Marshal()
	if err != nil {
		panic(err)
	}
	return state.NewMaterial(private)
}

// pair makes an asymmetric key and returns its id and that of its version: in an HSM, where every spec can be.
func (w *world) pair(spec, usage string) (key, version string) {
	w.t.Helper()
	private := slowPairs[spec]
	if private == nil {
		key = w.key("KeySpec", spec, "KeyUsage", usage, "ProtectionLevel", "HSM")
		return key, w.versionIDs(key)[0]
	}
	key, version = w.pair("EC_P256", "")
	w.change(key, func(k *state.Key) { k.Spec, k.Usage = spec, usage })
	w.setMaterial(version, private())
	return key, version
}

// setMaterial gives a version other material.
func (w *world) setMaterial(version string, m state.Material) {
	w.t.Helper()
	w.update(func(tx state.Tx) {
		v := *state.Versions.Get(tx, w.scope, version)
		v.Material = m
		state.Versions.Put(tx, w.scope, version, &v)
	})
}

// versionIDs returns the ids of the versions of a key, newest first.
func (w *world) versionIDs(key string) (ids []string) {
	w.t.Helper()
	d := w.ok("ListKeyVersions", "KeyId", key, "PageSize", "100")
	list, _ := d.at("KeyVersions", "KeyVersion").([]any)
	for _, v := range list {
		ids = append(ids, v.(map[string]any)["KeyVersionId"].(string))
	}
	return ids
}

func TestCreateAsymmetricKey(t *testing.T) {
	const encrypt, sign = "ENCRYPT/DECRYPT", "SIGN/VERIFY"
	for _, tt := range []struct {
		name, region, spec, usage, level string
		want                             string // the usage of the key that is made
		err                              error
	}{
		{name: "RSA_2048", spec: "RSA_2048", want: encrypt},
		{name: "RSA_2048 to sign", spec: "RSA_2048", usage: sign, want: sign},
		{name: "RSA_2048 to encrypt", spec: "RSA_2048", usage: encrypt, want: encrypt},
		{name: "RSA_2048 in an HSM", spec: "RSA_2048", level: "HSM", want: encrypt},
		{name: "RSA_2048 in a FIPS HSM", region: "us-east-1", spec: "RSA_2048", level: "HSM", want: encrypt},
		{name: "RSA_2048 where there is no HSM", region: "eu-central-1", spec: "RSA_2048", level: "HSM", err: call.ErrUnsupportedLevel},
		{name: "RSA_3072", spec: "RSA_3072", usage: sign, want: sign},
		{name: "RSA_4096", spec: "RSA_4096", want: encrypt},
		{name: "EC_P256", spec: "EC_P256", want: sign},
		{name: "EC_P256 to sign", spec: "EC_P256", usage: sign, want: sign},
		{name: "EC_P256 to encrypt", spec: "EC_P256", usage: encrypt, err: call.Invalid("KeyUsage")},
		{name: "EC_P256 in an HSM", spec: "EC_P256", level: "HSM", want: sign},
		{name: "EC_P256K", spec: "EC_P256K", want: sign},
		{name: "EC_P256K to encrypt", spec: "EC_P256K", usage: encrypt, err: call.Invalid("KeyUsage")},
		{name: "EC_P256K outside the HSM regions", region: "eu-west-1", spec: "EC_P256K", want: sign},
		{name: "EC_SM2", spec: "EC_SM2", level: "HSM", want: encrypt},
		{name: "EC_SM2 to sign", spec: "EC_SM2", usage: sign, level: "HSM", want: sign},
		{name: "EC_SM2 in software", spec: "EC_SM2", err: call.Invalid("KeySpec")},
		{name: "EC_SM2 in a FIPS HSM", region: "us-east-1", spec: "EC_SM2", level: "HSM", err: call.Invalid("KeySpec")},
		{name: "EC_SM2 where there is no HSM", region: "eu-central-1", spec: "EC_SM2", level: "HSM", err: call.Invalid("KeySpec")},
		{name: "unknown usage", spec: "EC_P256", usage: "SIGN", err: call.Invalid("KeyUsage")},
		{name: "RSA_1024", spec: "RSA_1024", err: call.Invalid("KeySpec")},
		{name: "rsa_2048", spec: "rsa_2048", err: call.Invalid("KeySpec")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, keys.Options{})
			if tt.region != "" {
				w = w.in(account, tt.region)
			}
			params := []string{"KeySpec", tt.spec, "KeyUsage", tt.usage, "ProtectionLevel", tt.level}
			if tt.err != nil {
				w.refused(tt.err, "CreateKey", params...)
				return
			}
			m := w.describe(w.key(params...))
			for name, want := range (doc{"KeySpec": tt.spec, "KeyUsage": tt.want, "KeyState": "Enabled", "Origin": "Aliyun_KMS",
				"AutomaticRotation": "Disabled", "LastRotationDate": date(start), "PrimaryKeyVersion": nil}) {
				if m[name] != want {
					t.Errorf("%s = %v, want %v", name, m[name], want)
				}
			}
			if n := len(w.versionIDs(m.str("KeyId"))); n != 1 {
				t.Errorf("the key has %d versions, want the first", n)
			}
		})
	}
	t.Run("what only symmetric keys have", func(t *testing.T) {
		w := newWorld(t, keys.Options{})
		w.refused(call.Invalid("Origin"), "CreateKey", "KeySpec", "EC_P256", "Origin", "EXTERNAL")
		w.refused(call.Invalid("EnableAutomaticRotation"), "CreateKey", "KeySpec", "EC_P256",
			"EnableAutomaticRotation", "true", "RotationInterval", "30d")
		k, _ := w.pair("EC_P256", "")
		w.refused(call.ErrRejectedOperation, "UpdateRotationPolicy", "KeyId", k, "EnableAutomaticRotation", "true", "RotationInterval", "30d")
	})
}

func TestCreateKeyVersion(t *testing.T) {
	w := newWorld(t, keys.Options{MaxVersions: 3})
	k, first := w.pair("EC_P256", "")
	w.ok("CreateAlias", "AliasName", "alias/sign", "KeyId", k)

	w.advance(7*day - time.Second)
	w.refused(call.ErrRejectedOperation, "CreateKeyVersion", "KeyId", k) // a week after the key was made
	w.advance(time.Second)
	d := w.ok("CreateKeyVersion", "KeyId", "alias/sign")
	second := d.str("KeyVersion", "KeyVersionId")
	if !uuid.MatchString(second) || second == first || d.str("KeyVersion", "KeyId") != k ||
		d.str("KeyVersion", "CreationDate") != date(start.Add(7*day)) {
		t.Errorf("CreateKeyVersion answers %v", d)
	}
	if got := w.versionIDs(k); !slices.Equal(got, []string{second, first}) {
		t.Errorf("the versions are %v, want the new one and the old", got)
	}
	if got := w.describe(k)["LastRotationDate"]; got != date(start.Add(7*day)) {
		t.Errorf("LastRotationDate = %v, want the date of the new version", got)
	}
	w.refused(call.ErrRejectedOperation, "CreateKeyVersion", "KeyId", k) // a week after the last version
	for range 2 {
		w.advance(7 * day)
		w.ok("CreateKeyVersion", "KeyId", k)
	}
	w.refused(call.ErrRejectedOperation, "CreateKeyVersion", "KeyId", k) // too early is told before too many
	w.advance(7 * day)
	w.refused(call.ErrLimitExceeded, "CreateKeyVersion", "KeyId", k)
	if n := len(w.versionIDs(k)); n != 4 {
		t.Errorf("the key has %d versions, want the first and three more", n)
	}

	for _, symmetric := range [][]string{nil, {"Origin", "EXTERNAL"}} {
		key := w.key(symmetric...)
		w.change(key, func(k *state.Key) { k.State = state.Enabled })
		w.advance(7 * day)
		w.refused(call.ErrRejectedOperation, "CreateKeyVersion", "KeyId", key)
	}
	w.refused(call.ErrKeyNotFound, "CreateKeyVersion", "KeyId", "none")
	w.nobody().refused(call.NoPermission(arns+"key/none"), "CreateKeyVersion", "KeyId", "none")
}

func TestCreateKeyVersionByState(t *testing.T) {
	for st, want := range map[state.KeyState]error{
		state.Enabled: nil, state.Disabled: d, state.PendingDeletion: pd, state.PendingImport: pi,
	} {
		w := newWorld(t, keys.Options{})
		k, _ := w.pair("EC_P256K", "")
		w.advance(7 * day)
		w.change(k, func(k *state.Key) { k.State = st })
		if want != nil {
			w.refused(want, "CreateKeyVersion", "KeyId", k)
			continue
		}
		w.ok("CreateKeyVersion", "KeyId", k)
	}
}

// A key that may not be made costs nothing: neither the quota nor a context that is done waits for a pair.
func TestPairsAreNotMadeInVain(t *testing.T) {
	w := newWorld(t, keys.Options{MaxKeys: 1})
	w.pair("EC_P256", "")
	for range 1000 { // seven minutes of RSA_4096, were they made
		w.refused(call.ErrLimitExceeded, "CreateKey", "KeySpec", "RSA_4096")
	}
	w = newWorld(t, keys.Options{})
	for range 1000 {
		w.refused(call.ErrLimitExceeded, "CreateKey", "KeySpec", "RSA_4096", "Tags", tagList(21))
	}
	ctx, cancel := context.WithCancel(t.Context())
	made := make(chan error)
	go func() {
		_, err := w.server.Call(ctx, &server.Request{Action: "CreateKey", Scope: w.scope, Principal: w.caller,
			Texts: map[string]string{"KeySpec": "RSA_4096"}})
		made <- err
	}()
	cancel()
	if err := <-made; !errors.Is(err, context.Canceled) {
		t.Errorf("CreateKey = %v, want the context's error", err)
	}
	if n := w.ok("ListKeys").at("TotalCount"); n != 0.0 {
		t.Errorf("%v keys were made", n)
	}
}
