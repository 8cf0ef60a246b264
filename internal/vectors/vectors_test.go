package vectors_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/vectors"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

func TestFileRoundTrip(t *testing.T) {
	v := &vectors.Vector{
		Name: "all-keys", Comment: "every key: a colon, too", Structure: vectors.Cell, Suite: 2,
		Parses: true, Expect: vectors.AuthenticationAtEnd, Calls: 1, KMSCalls: 3, Released: 1 << 40, Payload: [32]byte{1, 31: 2},
		Given: map[string]string{"a": "<&>\n", "b": "é"}, AcceptUnseen: []string{"*"}, AcceptSuites: []uint16{1, 2},
		HasSize: true, Size: -5, DataKey: []byte{1, 2, 3},
		Providers: []vectors.Provider{
			{Type: "kms", KeyID: "alias/x", Opens: []string{"a", "b"}}, {Type: "raw", KeyID: "k", Key: "00"},
			{Type: "passphrase", Passphrase: "p", MaxMemoryKiB: 1, MaxPasses: 2, MaxLanes: 3},
			{Type: "recipients", PrivateKeys: []string{"a", "b"}},
			{Type: "discovery", Accounts: []string{"1"}, Regions: []string{"r"}},
		},
		KMSDecrypt:  []vectors.DecryptAnswer{{Ciphertext: "AA==", Plaintext: "BB\n", KeyID: "k"}, {Context: map[string]string{"a": "1"}}},
		KMSDescribe: []vectors.DescribeAnswer{{Alias: "alias/x", KeyID: "k"}},
		KeyFiles:    [][]byte{{1}, {2, 3}}, OpenedBefore: []byte{4}, Data: []byte("\n\nname: no\n\xff"),
	}
	got, err := vectors.Parse(v.Marshal())
	if err != nil || !reflect.DeepEqual(got, v) {
		t.Errorf("Parse(Marshal) = %+v, %v, want %+v", got, err, v)
	}
}

func TestParseRefuses(t *testing.T) {
	v := &vectors.Vector{Name: "n", Structure: vectors.Message, Expect: vectors.Success, Given: map[string]string{"a": "1", "b": "2"}, Data: []byte("x")}
	good := string(v.Marshal())
	if _, err := vectors.Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, old, new string }{
		{"no end", "\n\nx", "\n"},
		{"no colon", "name: n", "name n"},
		{"unknown key", "name: n", "title: n"},
		{"other version", "vector: 1", "vector: 2"},
		{"repeated", "name: n\n", "name: n\nname: n\n"},
		{"missing", "released: 0\n", ""},
		{"other order", "calls: 0\nkms-calls: 0\n", "kms-calls: 0\ncalls: 0\n"},
		{"space", "calls: 0", "calls:  0"},
		{"carriage return", "calls: 0\n", "calls: 0\r\n"},
		{"unknown outcome", "expect: success", "expect: failure"},
		{"unknown structure", "structure: message", "structure: letter"},
		{"bad number", "released: 0", "released: many"},
		{"bad hexadecimal", "payload: 00", "payload: zz"},
		{"bad suite", "suite: 0000", "suite: 10000"},
		{"bad JSON", `{"a":"1","b":"2"}`, `{"a":"1"`},
		{"JSON in other order", `{"a":"1","b":"2"}`, `{"b":"2","a":"1"}`},
		{"bad provider", "\n\nx", "\nprovider: {\n\nx"},
		{"unknown field of provider", "\n\nx", "\nprovider: {\"type\":\"kms\",\"x\":1}\n\nx"},
		{"bad base64", "\n\nx", "\nkey-file: *\n\nx"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bad := strings.Replace(good, tt.old, tt.new, 1)
			if bad == good {
				t.Fatalf("%q is not in the file", tt.old)
			}
			if v, err := vectors.Parse([]byte(bad)); v != nil || err == nil || !strings.HasPrefix(err.Error(), "vectors: ") {
				t.Errorf("Parse = %v, %v, want an error", v, err)
			}
		})
	}
}

func TestReadAll(t *testing.T) {
	dir := t.TempDir()
	if v, err := vectors.ReadAll(dir); v != nil || err == nil {
		t.Errorf("ReadAll(empty folder) = %v, %v, want an error", v, err)
	}
	if v, err := vectors.ReadAll("["); v != nil || err == nil {
		t.Errorf("ReadAll(no pattern) = %v, %v, want an error", v, err)
	}
	v := &vectors.Vector{Name: "a", Structure: vectors.Message, Expect: vectors.Success}
	write := func(name string, b []byte) string {
		t.Helper()
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, b, 0o666); err != nil {
			t.Fatal(err)
		}
		return f
	}
	write("a.vec", v.Marshal())
	if all, err := vectors.ReadAll(dir); err != nil || len(all) != 1 || all[0].Name != "a" {
		t.Fatalf("ReadAll = %v, %v, want a", all, err)
	}
	f := write("b.vec", v.Marshal())
	if all, err := vectors.ReadAll(dir); all != nil || err == nil {
		t.Errorf("ReadAll(a under the name b) = %v, %v, want an error", all, err)
	}
	write("b.vec", []byte("x"))
	if all, err := vectors.ReadAll(dir); all != nil || err == nil {
		t.Errorf("ReadAll(no vector) = %v, %v, want an error", all, err)
	}
	if err := os.Remove(f); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(f, 0o777); err != nil {
		t.Fatal(err)
	}
	if all, err := vectors.ReadAll(dir); all != nil || err == nil {
		t.Errorf("ReadAll(folder) = %v, %v, want an error", all, err)
	}
}

func TestKMS(t *testing.T) {
	k := vectors.NewKMS(&vectors.Vector{
		KMSDecrypt: []vectors.DecryptAnswer{
			{Ciphertext: "AA==", Plaintext: "none", KeyID: "k"},
			{Ciphertext: "AA==", Context: map[string]string{"a": "1"}, Plaintext: "one", KeyID: "l"},
		},
		KMSDescribe: []vectors.DescribeAnswer{{Alias: "alias/x", KeyID: "k"}},
	})
	for _, tt := range []struct {
		blob    string
		context map[string]string
		want    string
	}{{"AA==", nil, "none"}, {"AA==", map[string]string{"a": "1"}, "one"}, {"AA==", map[string]string{"a": "2"}, ""}, {"AB==", nil, ""}} {
		resp, err := k.Decrypt(t.Context(), &kmsapi.DecryptRequest{CiphertextBlob: tt.blob, EncryptionContext: tt.context})
		switch {
		case tt.want == "":
			if resp != nil || !errors.Is(err, kmsapi.ErrInvalidCiphertext) {
				t.Errorf("Decrypt(%s, %v) = %v, %v, want ErrInvalidCiphertext", tt.blob, tt.context, resp, err)
			}
		case err != nil || !bytes.Equal(resp.Plaintext.Bytes(), []byte(tt.want)):
			t.Errorf("Decrypt(%s, %v) = %v, want %s", tt.blob, tt.context, err, tt.want)
		}
	}
	if resp, err := k.DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: "alias/x"}); err != nil || resp.KeyID != "k" {
		t.Errorf("DescribeKey = %v, %v, want k", resp, err)
	}
	if resp, err := k.DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: "alias/y"}); resp != nil || !errors.Is(err, kmsapi.ErrKeyNotFound) {
		t.Errorf("DescribeKey(unknown) = %v, %v, want ErrKeyNotFound", resp, err)
	}
	_, err1 := k.GenerateDataKey(t.Context(), nil)
	_, err2 := k.Encrypt(t.Context(), nil)
	_, err3 := k.ReEncrypt(t.Context(), nil)
	for i, err := range []error{err1, err2, err3} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("operation %d of a writer: %v, want errors.ErrUnsupported", i, err)
		}
	}
	if k.Decrypts() != 4 {
		t.Errorf("Decrypts = %d, want 4", k.Decrypts())
	}
}
