package identity_test

import (
	"fmt"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A pair is a right and what it is asked on, as a call would.
type pair struct {
	action   string
	resource call.Resource
	product  call.Product
}

func (p pair) String() string { return p.action + " on " + call.ARN(account, region, p.resource) }

func on(action string, kind call.Kind, id string) pair {
	return pair{action: action, resource: call.Resource{Kind: kind, ID: id}}
}

// secret is a right on a secret, or on the container without a name.
func secret(action, name string) pair {
	if name == "" {
		return on(action, call.SecretContainer, "")
	}
	return on(action, call.SecretKind, name)
}

// allowed asks for one right, as the caller of w.
func (w *world) allowed(p pair) (ok bool) {
	w.t.Helper()
	err := w.store.View(func(tx state.Tx) error {
		who, err := w.server.Credential(tx, w.key).Prove(w.token, start)
		if err != nil {
			w.t.Fatal(err)
		}
		c := &call.Call{Op: &call.Operation{Product: p.product}, Principal: who, Origin: w.origin, Scope: state.In(who.Account, region),
			Now: state.At(start), Instant: start, Tx: tx}
		ok = w.identity.Authorize(c, p.action, p.resource) == nil
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return ok
}

// The duties that are kept apart, and every sample policy, as they are meant: what they must allow and must not.
func TestSamplePolicies(t *testing.T) {
	w := newWorld(t)
	tagged := func(tags string) string { return w.newKey("Tags", tags) }
	plain := w.newKey()
	apollo := tagged(`[{"TagKey":"Project","TagValue":"apollo"}]`)
	Apollo := tagged(`[{"TagKey":"Project","TagValue":"Apollo"}]`)
	gemini := tagged(`[{"TagKey":"Project","TagValue":"Gemini"}]`)
	lower := tagged(`[{"TagKey":"project","TagValue":"Apollo"}]`)
	key := func(action, id string) pair { return on("kms:"+action, call.KeyKind, id) }
	keyList := func(action string) pair { return on("kms:"+action, call.KeyContainer, "") }
	none := func(action string) pair { return on(action, call.Nothing, "") }
	const crypto = `"kms:Encrypt","kms:Decrypt","kms:GenerateDataKey"`

	for _, tt := range []struct {
		name, policy string
		from         string
		may, mayNot  []pair
	}{
		{
			name: "SecurityAdmin: makes and removes keys, and cannot use them",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"},
				{"Effect":"Deny","Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:GenerateAndExportDataKey",
				"kms:ExportDataKey","kms:Asymmetric*","kms:GetSecretValue"],"Resource":"*"}]}`,
			may: []pair{keyList("CreateKey"), keyList("ListKeys"), key("ScheduleKeyDeletion", plain), key("DescribeKey", plain), key("ImportKeyMaterial", plain),
				key("GetPublicKey", plain), secret("kms:DescribeSecret", "s"), none("kms:OpenKmsService")},
			mayNot: []pair{key("Encrypt", plain), key("Decrypt", plain), key("ReEncryptFrom", plain), key("ReEncryptTo", plain), key("GenerateDataKey", plain),
				key("GenerateDataKeyWithoutPlaintext", plain), key("GenerateAndExportDataKey", plain), key("ExportDataKey", plain), key("AsymmetricSign", plain),
				key("AsymmetricDecrypt", plain), secret("kms:GetSecretValue", "s"), none("actiontrail:LookupEvents")},
		},
		{
			name:   "CryptoUser: uses the named keys and sees no material",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":[` + crypto + `],"Resource":"acs:kms:*:*:key/` + plain + `"}]}`,
			may:    []pair{key("Encrypt", plain), key("Decrypt", plain), key("GenerateDataKey", plain)},
			mayNot: []pair{key("Encrypt", apollo), key("GetParametersForImport", plain), key("ImportKeyMaterial", plain), key("DescribeKey", plain),
				key("GenerateDataKeyWithoutPlaintext", plain), keyList("CreateKey"), keyList("ListKeys")},
		},
		{
			name:   "Auditor: reads the trail and changes nothing",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":"actiontrail:LookupEvents","Resource":"*"}]}`,
			may:    []pair{{"actiontrail:LookupEvents", call.Resource{Kind: call.Nothing}, call.ActionTrail}},
			mayNot: []pair{keyList("ListKeys"), key("DescribeKey", plain), keyList("CreateKey"), key("Encrypt", plain), secret("kms:GetSecretValue", "s")},
		},
		{
			name:   "everything",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:*"],"Resource":["*"]}]}`,
			may: []pair{keyList("CreateKey"), key("Decrypt", plain), on("kms:CreateAlias", call.AliasKind, "alias/a"), on("kms:ListAliases", call.AliasContainer, ""),
				secret("kms:GetSecretValue", "s"), none("kms:GetRandomPassword"), key("ReEncryptTo", plain)},
		},
		{
			name:   "reading, and symmetric cryptography",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:List*","kms:Describe*",` + crypto + `],"Resource":["*"]}]}`,
			may:    []pair{keyList("ListKeys"), secret("kms:ListSecrets", ""), secret("kms:DescribeSecret", "s"), key("Encrypt", plain)},
			mayNot: []pair{keyList("CreateKey"), key("GetPublicKey", plain), secret("kms:GetSecretValue", "s"), key("ReEncryptFrom", plain),
				key("ReEncryptTo", plain), key("GenerateDataKeyWithoutPlaintext", plain), key("TagResource", plain)},
		},
		{
			name: "cryptography with keys of a tag",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":[` + crypto + `],"Resource":"*",
				"Condition":{"StringEqualsIgnoreCase":{"kms:tag/Project":["Apollo"]}}}]}`,
			may: []pair{key("Encrypt", apollo), key("Decrypt", apollo), key("Encrypt", Apollo)},
			mayNot: []pair{key("Encrypt", plain), key("Encrypt", gemini), key("Encrypt", lower), key("DescribeKey", apollo), key("Encrypt", "no-key"),
				on("kms:Encrypt", call.AliasKind, "alias/a"), keyList("Encrypt")},
		},
		{
			name: "moving one alias between two keys",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:UpdateAlias"],"Resource":["` + arns + "key/" + plain + `","` + arns + "key/" + apollo +
				`","` + arns + `alias/a"]}]}`,
			may: []pair{on("kms:UpdateAlias", call.AliasKind, "alias/a"), key("UpdateAlias", plain), key("UpdateAlias", apollo)},
			mayNot: []pair{on("kms:UpdateAlias", call.AliasKind, "alias/ab"), key("UpdateAlias", gemini), on("kms:DeleteAlias", call.AliasKind, "alias/a"),
				on("kms:UpdateAlias", call.AliasContainer, "")},
		},
		{
			name:   "listing aliases",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:ListAliases"],"Resource":["` + arns + `alias"]}]}`,
			may:    []pair{on("kms:ListAliases", call.AliasContainer, "")},
			mayNot: []pair{key("ListAliasesByKeyId", plain), on("kms:DeleteAlias", call.AliasKind, "alias/a"), on("kms:ListAliases", call.AliasKind, "alias/a")},
		},
		{
			name:   "everything, from an address inside",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:*"],"Resource":["*"],"Condition":{"IpAddress":{"acs:SourceIp":["192.168.1.0/24"]}}}]}`,
			from:   "192.168.1.77",
			may:    []pair{key("Encrypt", plain), keyList("CreateKey")},
		},
		{
			name:   "everything, from an address outside",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:*"],"Resource":["*"],"Condition":{"IpAddress":{"acs:SourceIp":["192.168.1.0/24"]}}}]}`,
			from:   "192.168.2.77",
			mayNot: []pair{key("Encrypt", plain), keyList("CreateKey")},
		},
		{
			name:   "everything from inside, without any address",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":["kms:*"],"Resource":["*"],"Condition":{"IpAddress":{"acs:SourceIp":["192.168.1.0/24"]}}}]}`,
			mayNot: []pair{key("Encrypt", plain), keyList("CreateKey")},
		},
		{
			name:   "containers and what is in them",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":["acs:kms:*:*:key/*","acs:kms:*:*:secret"]}]}`,
			may:    []pair{key("DescribeKey", plain), secret("kms:ListSecrets", "")},
			mayNot: []pair{keyList("ListKeys"), secret("kms:DescribeSecret", "s"), none("kms:GetRandomPassword")},
		},
		{
			name:   "containers with what is in them",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"acs:kms:*:*:key*"}]}`,
			may:    []pair{key("DescribeKey", plain), keyList("ListKeys")},
			mayNot: []pair{on("kms:ListAliases", call.AliasContainer, "")},
		},
		{
			name:   "no resource, by a pattern of resources",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:GetRandomPassword","Resource":"acs:kms:*:*:secret/*"}]}`,
			mayNot: []pair{none("kms:GetRandomPassword")},
		},
		{
			name:   "over TLS",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"Bool":{"acs:SecureTransport":"true"}}}]}`,
			may:    []pair{keyList("ListKeys")},
		},
		{
			name:   "with a second factor, which an access key does not have",
			policy: `{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"Bool":{"acs:MFAPresent":"false"}}}]}`,
			mayNot: []pair{keyList("ListKeys")},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := w.user(fmt.Sprintf("u%d", len(tt.policy)*1000+len(tt.name)), tt.policy).from(tt.from)
			for _, p := range tt.may {
				if !u.allowed(p) {
					t.Errorf("denies %s", p)
				}
			}
			for _, p := range tt.mayNot {
				if u.allowed(p) {
					t.Errorf("allows %s", p)
				}
			}
		})
	}
}

// A condition may ask who calls: a user by its own name, a session by that of its role.
func TestPrincipalCondition(t *testing.T) {
	w := newWorld(t)
	only := func(arn string) string {
		return allow([]string{"kms:ListKeys"}, all, `{"StringEquals":{"acs:PrincipalArn":"acs:ram::`+account+`:`+arn+`"}}`)
	}
	w.role("app", only("role/app"))
	w.role("other", only("user/alice"))
	alice := w.user("alice", only("user/alice"), allow([]string{"sts:AssumeRole"}, all))
	list := on("kms:ListKeys", call.KeyContainer, "")
	for name, tt := range map[string]struct {
		w    *world
		want bool
	}{
		"alice": {alice, true}, "session": {alice.assume("app"), true}, "session of another role": {alice.assume("other"), false},
	} {
		if got := tt.w.allowed(list); got != tt.want {
			t.Errorf("%s: ListKeys is allowed: %v, want %v", name, got, tt.want)
		}
	}
}

// A cloud service needs no grant for its own key, and reaches nothing else.
func TestServicePrincipal(t *testing.T) {
	w := newWorld(t)
	plain := w.newKey()
	if err := w.store.Update(func(tx state.Tx) error {
		state.Keys.Put(tx, state.In(account, region), "oss", &state.Key{ID: "oss", Service: "OSS", State: state.Enabled})
		state.Keys.Put(tx, state.In(account, region), "rds", &state.Key{ID: "rds", Service: "RDS", State: state.Enabled})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	err := w.store.View(func(tx state.Tx) error {
		c := &call.Call{Op: new(call.Operation), Principal: call.Principal{Kind: call.Service, Account: account, Name: "OSS"},
			Scope: state.In(account, region), Tx: tx}
		for resource, want := range map[call.Resource]bool{
			{Kind: call.KeyKind, ID: "oss"}:   true,
			{Kind: call.KeyKind, ID: "rds"}:   false,
			{Kind: call.KeyKind, ID: plain}:   false,
			{Kind: call.KeyKind, ID: "none"}:  false,
			{Kind: call.AliasKind, ID: "oss"}: false,
			{Kind: call.KeyContainer}:         false,
			{Kind: call.Nothing}:              false,
		} {
			if err := w.identity.Authorize(c, "kms:GenerateDataKey", resource); (err == nil) != want {
				t.Errorf("OSS on %v: %v, allowed should be %v", resource, err, want)
			}
		}
		if _, err := w.identity.GetCallerIdentity(c, new(identity.GetCallerIdentityRequest)); err == nil {
			t.Error("a cloud service is somebody in the account")
		}
		stranger := &call.Call{Op: new(call.Operation), Principal: call.Principal{Kind: call.Root, Account: "42"}, Scope: state.In(account, region), Tx: tx}
		if err := w.identity.Authorize(stranger, "kms:ListKeys", call.Resource{Kind: call.KeyContainer}); err == nil {
			t.Error("the root of another account is allowed something")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
