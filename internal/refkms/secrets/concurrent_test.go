package secrets_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
)

// try makes a call from any goroutine; what is always true is not checked.
func (w *world) try(action string, params ...string) (doc, error) {
	texts := map[string]string{}
	for i := 0; i < len(params); i += 2 {
		texts[params[i]] = params[i+1]
	}
	answer, err := w.server.Call(context.Background(), &server.Request{Action: action, RequestID: "r", Scope: w.scope, Principal: w.caller, Texts: texts})
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	var d doc
	return d, json.Unmarshal(b, &d)
}

// Readers see the current version that was or the one that is, with its own value, and never none, while others put
// versions, move labels, rotate the CMK and move the clock.
func TestConcurrentUse(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	cmk := w.key("EnableAutomaticRotation", "true", "RotationInterval", "7d")
	w.secret("s", "of v0", "VersionId", "v0", "EncryptionKeyId", cmk)
	w.secret("rds", `{"Accounts":[{"AccountName":"u","AccountPassword":"p"}]}`, "SecretType", "Rds", "EncryptionKeyId", cmk,
		"ExtendedConfig", `{"SecretSubType":"SingleUser","DBInstanceId":"i"}`, "EnableAutomaticRotation", "true", "RotationInterval", "1d")
	var stop atomic.Bool
	var readers, writers sync.WaitGroup
	write := func(step func(i int) error) {
		writers.Go(func() {
			for i := 1; !stop.Load(); i++ {
				if err := step(i); err != nil {
					t.Errorf("step %d = %v", i, err)
					return
				}
			}
		})
	}
	for writer := range 2 {
		write(func(i int) error {
			id := fmt.Sprintf("v%d-%d", writer, i)
			_, err := w.try("PutSecretValue", "SecretName", "s", "VersionId", id, "SecretData", "of "+id)
			return err
		})
	}
	write(func(int) error {
		d, err := w.try("ListSecretVersionIds", "SecretName", "s", "IncludeDeprecated", "true")
		if err != nil {
			return err
		}
		versions := d.at("VersionIds", "VersionId").([]any)
		id := d.str("VersionIds", "VersionId", rand.IntN(len(versions)), "VersionId")
		_, err = w.try("UpdateSecretVersionStage", "SecretName", "s", "VersionStage", "ACSCurrent", "MoveToVersion", id)
		if errors.Is(err, call.ErrSecretNotFound) {
			return nil // recycled meanwhile
		}
		return err
	})
	write(func(int) error { return w.server.Advance(day) })
	write(func(i int) error {
		_, err := w.try("TagResources", "ResourceType", "secret", "ResourceId.1", "s", "ResourceId.2", "rds", "Tag.1.Key", fmt.Sprint("k", i%20))
		return err
	})
	for range 4 {
		readers.Go(func() {
			for range 500 {
				d, err := w.try("GetSecretValue", "SecretName", "s")
				if err != nil || d.str("SecretData") != "of "+d.str("VersionId") {
					t.Errorf("GetSecretValue = %v, %v", d, err)
					return
				}
				if _, err := w.try("GetSecretValue", "SecretName", "rds"); err != nil {
					t.Errorf("GetSecretValue = %v", err)
					return
				}
			}
		})
	}
	readers.Wait()
	stop.Store(true)
	writers.Wait()
	w.checkInvariants("all")
}

// Of many who make the same secret one succeeds, and of many who put a version with their own value.
func TestConcurrentCreation(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	for _, race := range []struct {
		action string
		lost   error
	}{{"CreateSecret", call.ErrSecretExists}, {"PutSecretValue", call.ErrSecretVersionExists}} {
		version := map[string]string{"CreateSecret": "v1", "PutSecretValue": "v2"}[race.action]
		var won atomic.Int32
		var group sync.WaitGroup
		for i := range 16 {
			group.Go(func() {
				_, err := w.try(race.action, "SecretName", "s", "VersionId", version, "SecretData", fmt.Sprint(i))
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, race.lost):
					t.Errorf("%s = %v, want %v", race.action, err, race.lost)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 {
			t.Errorf("%d callers of %s have won", won.Load(), race.action)
		}
	}
	w.checkInvariants("all")
}
