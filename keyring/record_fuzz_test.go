package keyring_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// FuzzDecryptRecord gives records that anyone may have edited, and some that no format could hold, to Discovery and to a
// Multi. Nothing panics, nobody is called more often than is promised, and what opens is the genuine wrapped key under
// its own name.
func FuzzDecryptRecord(f *testing.F) {
	home, remote := newRegion("cn-hangzhou", account, prod, dev), newRegion("cn-shanghai", account, away)
	discovery, err := keyring.NewDiscovery(map[string]kmsapi.API{"cn-hangzhou": home, "cn-shanghai": remote}, []string{account})
	if err != nil {
		f.Fatal(err)
	}
	strict, err := keyring.NewKMS(home, prodARN, nil)
	if err != nil {
		f.Fatal(err)
	}
	raw, err := keyring.NewRawAES("a", make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	multi, err := keyring.NewMulti([]keyring.KeyProvider{strict, raw}, nil)
	if err != nil {
		f.Fatal(err)
	}
	reader, err := keyring.NewMulti([]keyring.KeyProvider{multi, discovery}, nil)
	if err != nil {
		f.Fatal(err)
	}
	genuine, err := multi.GenerateDataKey(f.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Size: -1})
	if err != nil {
		f.Fatal(err)
	}

	// A line is an entry: provider, a blank, key id, a blank, and the ciphertext, which may be named: kms and raw are the
	// genuine ones.
	for _, lines := range []string{
		"", "\n", "kms " + prodARN + " kms", "kms " + prodARN + " kms\nraw a raw", "raw a raw\nkms " + prodARN + " kms",
		"kms " + prod + " kms", "kms " + arn("cn-hangzhou", account, dev) + " kms", "kms " + awayARN + " kms", "raw b raw", "kms a raw",
		strings.Repeat("kms "+prodARN+" x\n", 20), strings.Repeat("kms "+awayARN+" kms\n", 4), strings.Repeat("raw a x\n", 17),
		"kms " + awayARN + " " + away + "\x00", "kms acs:kms:x@127.0.0.1#:1:key/x kms", "kms " + prodARN + " " + strings.Repeat("x", 5000),
		"kms " + arn("cn-hangzhou", account, "1") + " x\nkms " + arn("cn-hangzhou", account, "2") + " x\nkms " + arn("cn-hangzhou", account, "3") + " x\nkms " + prodARN + " kms",
	} {
		f.Add(lines)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		var r format.Record
		for line := range strings.Lines(lines) {
			if len(r) == 64 {
				break
			}
			var e format.WrappedKey
			var ciphertext string
			e.Provider, ciphertext, _ = strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			e.KeyID, ciphertext, _ = strings.Cut(ciphertext, " ")
			e.Ciphertext = []byte(ciphertext)
			for _, g := range genuine.Record() {
				if ciphertext == g.Provider {
					e.Ciphertext = g.Ciphertext
				}
			}
			r = append(r, e)
		}
		for _, tt := range []struct {
			name              string
			p                 keyring.KeyProvider
			decrypt, describe int
		}{
			{"Discovery", discovery, 3, 1},
			{"Multi", multi, 1, 0},
			{"Multi with Discovery", reader, 4, 1},
		} {
			home.calls, remote.calls = map[string]int{}, map[string]int{}
			k, err := tt.p.Decrypt(t.Context(), &keyring.DecryptRequest{Suite: format.AES256GCM, Record: r})
			if (k == nil) == (err == nil) {
				t.Fatalf("%s: Decrypt = %v, %v", tt.name, k, err)
			}
			if k != nil {
				provider, id := k.OpenedBy()
				// The strict provider takes the bare id for its own, too.
				if !k.Equal(genuine) || !slices.Contains([]string{"kms " + prodARN, "kms " + prod, "raw a"}, provider+" "+id) || tt.p == discovery && id != prodARN {
					t.Errorf("%s: opened by %s %q", tt.name, provider, id)
				}
				k.Destroy()
			}
			if errors.Is(err, keyring.ErrUnauthenticatedSender) || errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%s: Decrypt = %v", tt.name, err)
			}
			decrypts, describes := home.count("Decrypt")+remote.count("Decrypt"), home.count("DescribeKey")+remote.count("DescribeKey")
			if decrypts > tt.decrypt || describes > tt.describe || home.total()+remote.total() != decrypts+describes {
				t.Errorf("%s: calls %v and %v, want at most %d of Decrypt and %d of DescribeKey", tt.name, home.calls, remote.calls, tt.decrypt, tt.describe)
			}
		}
	})
}
