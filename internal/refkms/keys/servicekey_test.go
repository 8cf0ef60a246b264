package keys_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

func TestServiceKey(t *testing.T) {
	w := newWorld(t, keys.Options{MaxKeys: 1, MaxAliases: 1})
	w.key() // service keys and their aliases count for no quota
	serviceKey := func(service string) (id string, err error) {
		w.update(func(tx state.Tx) { id, err = keys.ServiceKey(tx, w.scope, service, state.At(start)) })
		return id, err
	}
	oss, err := serviceKey("OSS")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"OSS", "oss"} {
		if again, err := serviceKey(name); again != oss || err != nil {
			t.Errorf("ServiceKey(%s) = %s, %v, want %s", name, again, err, oss)
		}
	}
	if long, err := serviceKey(strings.Repeat("x", 32)); long == oss || err != nil {
		t.Errorf("ServiceKey of another service = %s, %v", long, err)
	}
	m := w.describe("alias/acs/oss")
	if m["KeyId"] != oss || m["Creator"] != "OSS" || m["KeyState"] != "Enabled" || m["KeySpec"] != "Aliyun_AES_256" || m["AutomaticRotation"] != "Disabled" {
		t.Errorf("DescribeKey = %v", m)
	}
	w.ok("Decrypt", "CiphertextBlob", w.ok("Encrypt", "KeyId", oss, "Plaintext", "x").str("CiphertextBlob"))
	w.refused(call.ErrUnsupportedOperation, "DisableKey", "KeyId", oss)
	for _, name := range []string{"", "O S", "o/s", "ö", strings.Repeat("x", 33)} {
		if id, err := serviceKey(name); id != "" || !errors.Is(err, call.Invalid("Service")) {
			t.Errorf("ServiceKey(%q) = %q, %v, want it refused", name, id, err)
		}
	}
}
