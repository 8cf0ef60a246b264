package policy_test

import (
	"fmt"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/policy"
)

// tenPolicies are those of a busy user: ten, of three statements each, the last of which allows what is asked for.
func tenPolicies(tb testing.TB) []*policy.Policy {
	var policies []*policy.Policy
	for i := range 10 {
		policies = append(policies, mustParse(tb, statements(
			allow("kms:List*", "*"),
			fmt.Sprintf(`{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt"],"Resource":"acs:kms:*:*:key/%d*"}`, i),
			`{"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"NotIpAddress":{"acs:SourceIp":["10.0.0.0/8","192.168.0.0/16"]}}}`,
		)))
	}
	return append(policies, mustParse(tb, statements(allow("kms:*", "acs:kms:*:*:key/*"))))
}

func BenchmarkEvaluate(b *testing.B) {
	address := []string{"192.168.1.77"}
	r := &policy.Request{Action: "kms:GenerateDataKey", Resource: key1, Lookup: func(key string) ([]string, bool) {
		return address, key == policy.KeySourceIP
	}}
	for name, policies := range map[string][]*policy.Policy{
		"policies=1":  {mustParse(b, statements(allow("kms:*", "*")))},
		"policies=11": tenPolicies(b),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if v := policy.Evaluate(r, nil, policies); v.Decision != policy.Allow {
					b.Fatal(v)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	document := []byte(withCondition(`{"StringEqualsIgnoreCase":{"kms:tag/Project":["Apollo"]},"IpAddress":{"acs:SourceIp":["192.168.1.0/24"]}}`))
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := policy.Parse(document); err != nil {
			b.Fatal(err)
		}
	}
}
