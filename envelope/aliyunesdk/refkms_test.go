package aliyunesdk_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// world is a reference KMS with keys in two regions.
type world struct {
	server *refkms.Server
	keys   []aliyunesdk.Key // two of one region, one of another
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{server: server}
	for _, region := range []string{"cn-hangzhou", "cn-hangzhou", "cn-beijing"} {
		kms := server.Client(&refkms.ClientOptions{Region: region})
		cmk, err := kms.CreateKey(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		w.keys = append(w.keys, aliyunesdk.Key{ARN: cmk.ARN, API: kms})
	}
	return w
}

// The life of a message against the reference KMS, under keys of two regions.
func TestAgainstReferenceKMS(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	ec := aliyunesdk.Context{"tenant": "42", "键": "<&>"}
	plaintext := random(100_000)
	for _, alg := range []aliyunesdk.Algorithm{aliyunesdk.AES128GCM, aliyunesdk.AES256GCM, aliyunesdk.SM4GCM} {
		all := newClient(t, &aliyunesdk.Options{Algorithm: alg}, w.keys...)
		one, err := all.Encrypt(ctx, plaintext, ec)
		if err != nil {
			t.Fatal(err)
		}
		for _, message := range [][]byte{one, writeStream(t, all, plaintext, ec, 70_000)} {
			for _, k := range w.keys {
				for name, read := range readings {
					if got, err := read(newClient(t, nil, k), ctx, message, ec); err != nil || !bytes.Equal(got, plaintext) {
						t.Errorf("%v under %s: %s = %d bytes, %v", alg, k.ARN, name, len(got), err)
					}
				}
			}
		}
	}
	message, err := newClient(t, nil, w.keys...).Encrypt(ctx, plaintext, ec)
	if err != nil {
		t.Fatal(err)
	}
	// The wrapped key of one CMK under the name of another: the service opens it, and the answer tells.
	m := parseDER(t, message)
	keys := m.child(0).child(2)
	for i := range keys.children {
		if id := keys.child(i).child(0); bytes.Equal(id.content, []byte(w.keys[0].ARN)) {
			id.content = []byte(w.keys[1].ARN)
		} else if bytes.Equal(id.content, []byte(w.keys[1].ARN)) {
			id.content = []byte(w.keys[0].ARN)
		}
	}
	sortDER(keys)
	if _, err := newClient(t, nil, w.keys[0]).Decrypt(ctx, m.marshal(), ec); !errors.Is(err, aliyunesdk.ErrWrongKey) {
		t.Errorf("key ids exchanged: %v, want ErrWrongKey", err)
	}
	// A disabled key stops the reader who has no other.
	kms := w.keys[0].API.(*refkms.Client)
	if err := kms.Do(ctx, "DisableKey", map[string]string{"KeyId": rawID(w.keys[0].ARN)}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := newClient(t, nil, w.keys[0]).Decrypt(ctx, message, ec); !errors.Is(err, kmsapi.ErrDisabled) {
		t.Errorf("key disabled: %v, want ErrDisabled", err)
	}
	if _, err := newClient(t, nil, w.keys...).Decrypt(ctx, message, ec); err != nil {
		t.Errorf("one of the keys disabled: %v", err)
	}
}
