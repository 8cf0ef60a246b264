package refkms_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		name string
		opts *refkms.Options
		want string // part of the error, "" for none
	}{
		{"nil", nil, ""},
		{"zero", &refkms.Options{}, ""},
		{"all", &refkms.Options{Region: "eu-west-1", Account: "42", Quotas: &refkms.Quotas{Keys: 1, Aliases: 1}, MaxDeletionDays: 366}, ""},
		{"region", &refkms.Options{Region: "cn/hangzhou"}, `refkms: region "cn/hangzhou": want lower-case letters, digits and hyphens`},
		{"long region", &refkms.Options{Region: strings.Repeat("a", 65)}, "refkms: region or account of more than 64 bytes"},
		{"account", &refkms.Options{Account: "me"}, `refkms: account "me": want digits`},
		{"days", &refkms.Options{MaxDeletionDays: 29}, "refkms: options: a longest deletion window of 29 days, want 30 or more"},
		{"quota", &refkms.Options{Quotas: &refkms.Quotas{Keys: -1}}, "refkms: options: a negative quota"},
		{"quota of versions", &refkms.Options{Quotas: &refkms.Quotas{KeyVersions: -1}}, "refkms: options: a negative quota"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := newServer(tt.opts)
			if tt.want == "" && (err != nil || s == nil) || tt.want != "" && (err == nil || err.Error() != tt.want || s != nil) {
				t.Errorf("New = %v, %v, want the error %q", s, err, tt.want)
			}
		})
	}
}

func TestClientPanicsOnMisuse(t *testing.T) {
	s, _ := client(t, nil)
	for _, opts := range []refkms.ClientOptions{{Region: "a/b"}, {Account: "1/2"}} {
		func() {
			defer func() {
				if r := fmt.Sprint(recover()); !strings.HasPrefix(r, "refkms: ") {
					t.Errorf("Client(%+v): recover() = %v, want a panic of package refkms", opts, r)
				}
			}()
			s.Client(&opts)
		}()
	}
	defer func() {
		if recover() == nil {
			t.Error("Advance(-1) does not panic")
		}
	}()
	s.Advance(-1)
}

// Accounts and regions are separate worlds of one server.
func TestWorlds(t *testing.T) {
	s, here := client(t, &refkms.Options{Region: "cn-beijing", Account: "1"})
	same := s.Client(&refkms.ClientOptions{Region: "cn-beijing", Account: "1"})
	region := s.Client(&refkms.ClientOptions{Region: "cn-shanghai"})
	account := s.Client(&refkms.ClientOptions{Account: "2"})
	ctx := t.Context()
	key := newKey(t, here)
	if err := here.CreateAlias(ctx, "alias/a", key); err != nil {
		t.Fatal(err)
	}
	d, err := same.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: "alias/a"})
	if err != nil || d.ARN != "acs:kms:cn-beijing:1:key/"+key {
		t.Errorf("DescribeKey = %+v, %v", d, err)
	}
	enc, err := here.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: key, Plaintext: plaintext("x")})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*refkms.Client{"region": region, "account": account} {
		for _, id := range []string{key, d.ARN, "alias/a"} {
			if _, err := c.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: id}); !errors.Is(err, kmsapi.ErrKeyNotFound) {
				t.Errorf("in another %s DescribeKey(%s) = %v, want ErrKeyNotFound", name, id, err)
			}
		}
		if _, err := c.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: enc.CiphertextBlob}); !errors.Is(err, kmsapi.ErrKeyNotFound) {
			t.Errorf("in another %s Decrypt = %v, want ErrKeyNotFound", name, err)
		}
		if err := c.CreateAlias(ctx, "alias/a", newKey(t, c)); err != nil {
			t.Errorf("in another %s CreateAlias = %v", name, err)
		}
	}
}

func TestQuotas(t *testing.T) {
	for _, tt := range []struct {
		name          string
		quotas        *refkms.Quotas
		keys, aliases int // made before one is refused; 0: 301 are made
	}{
		{"service's", nil, 200, 300},
		{"zero is the service's", &refkms.Quotas{}, 200, 300},
		{"set", &refkms.Quotas{Keys: 3, Aliases: 2}, 3, 2},
		{"none", &refkms.Quotas{Keys: 3, Aliases: 2, None: true}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, c := client(t, &refkms.Options{Quotas: tt.quotas})
			ctx := t.Context()
			made := func(limit int, one func(i int) error) {
				t.Helper()
				for i := range 301 {
					err := one(i)
					switch {
					case err == nil && (limit == 0 || i < limit):
					case i == limit && limit > 0 && errors.Is(err, kmsapi.ErrLimitExceeded):
						return
					default:
						t.Fatalf("number %d = %v, want %d to be made", i+1, err, limit)
					}
				}
				if limit != 0 {
					t.Errorf("301 were made, want %d", limit)
				}
			}
			var key string
			made(tt.keys, func(int) error {
				k, err := c.CreateKey(ctx, nil)
				if err == nil {
					key = k.KeyID
				}
				return err
			})
			made(tt.aliases, func(i int) error { return c.CreateAlias(ctx, fmt.Sprintf("alias/%d", i), key) })
		})
	}
}

func TestVersionQuota(t *testing.T) {
	for _, tt := range []struct {
		name   string
		quotas *refkms.Quotas
		want   int // versions made before one is refused; 0: 51 are made
	}{
		{"service's", nil, 50},
		{"set", &refkms.Quotas{KeyVersions: 2}, 2},
		{"none", &refkms.Quotas{KeyVersions: 2, None: true}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, c := client(t, &refkms.Options{Quotas: tt.quotas})
			key, err := c.CreateKey(t.Context(), &refkms.CreateKeyRequest{KeySpec: "EC_P256"})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 51 {
				s.Advance(7 * day)
				err := c.Do(t.Context(), "CreateKeyVersion", map[string]string{"KeyId": key.KeyID}, nil)
				if refused := tt.want != 0 && i >= tt.want; refused != errors.Is(err, kmsapi.ErrLimitExceeded) || !refused && err != nil {
					t.Fatalf("version %d after the first = %v, want %d to be made", i+1, err, tt.want)
				}
			}
		})
	}
}

func TestMaxDeletionDays(t *testing.T) {
	s, c := client(t, &refkms.Options{MaxDeletionDays: 366})
	key := newKey(t, c)
	if err := c.ScheduleKeyDeletion(t.Context(), key, 366); err != nil {
		t.Fatal(err)
	}
	s.Advance(365 * day)
	if err := c.CancelKeyDeletion(t.Context(), key); err != nil {
		t.Errorf("CancelKeyDeletion = %v", err)
	}
}

// The switch has contexts collide as the vendor's layer does; without it they do not.
func TestInsecureCollidingContext(t *testing.T) {
	for insecure, want := range map[bool]error{true: nil, false: kmsapi.ErrInvalidCiphertext} {
		_, c := client(t, &refkms.Options{InsecureCollidingContext: insecure})
		enc, err := c.Encrypt(t.Context(), &kmsapi.EncryptRequest{KeyID: newKey(t, c), Plaintext: plaintext("x"),
			EncryptionContext: map[string]string{"a": "1&b=2"}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Decrypt(t.Context(), &kmsapi.DecryptRequest{CiphertextBlob: enc.CiphertextBlob, EncryptionContext: map[string]string{"a": "1", "b": "2"}})
		if !errors.Is(err, want) {
			t.Errorf("insecure %v: Decrypt = %v, want %v", insecure, err, want)
		}
	}
}

// A snapshot brings back what was, as often as it is asked for; the clock stays.
func TestSnapshot(t *testing.T) {
	s, c := client(t, frozen())
	ctx := t.Context()
	key := newKey(t, c)
	if err := c.UpdateRotationPolicy(ctx, key, 7*day); err != nil {
		t.Fatal(err)
	}
	restore := s.Snapshot()
	count := func(op string, want int) {
		t.Helper()
		var list struct{ TotalCount int }
		if err := c.Do(ctx, op, map[string]string{"KeyId": key}, &list); err != nil || list.TotalCount != want {
			t.Errorf("%s counts %d, %v, want %d", op, list.TotalCount, err, want)
		}
	}
	for range 2 {
		newKey(t, c)
		count("ListKeys", 2)
		s.Advance(7 * day)
		if err := restore(); err != nil {
			t.Fatal(err)
		}
		count("ListKeys", 1)
	}
	count("ListKeyVersions", 3) // two weeks have passed, and the rotations happen again
}
