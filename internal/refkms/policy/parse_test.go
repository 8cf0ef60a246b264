package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/policy"
)

// mustParse parses an identity policy that must be right.
func mustParse(t testing.TB, document string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(document))
	if err != nil {
		t.Fatalf("Parse(%s): %v", document, err)
	}
	return p
}

// statements wraps statements into a document.
func statements(s ...string) string {
	return `{"Version":"1","Statement":[` + strings.Join(s, ",") + `]}`
}

// withCondition is a document that allows everything under a condition block.
func withCondition(block string) string {
	return statements(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + block + `}`)
}

const allowAll = `{"Effect":"Allow","Action":"*","Resource":"*"}`

func TestParseAccepts(t *testing.T) {
	for _, tc := range []struct{ name, document string }{
		{"scalars", statements(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"acs:kms:*:*:key/*"}`)},
		{"lists of one", statements(`{"Effect":"Deny","Action":["kms:Encrypt"],"Resource":["acs:kms:*:*:key/*"]}`)},
		{"lists of two", statements(`{"Effect":"Deny","Action":["kms:Encrypt","kms:D*"],"Resource":["acs:kms:*:*:key/*","acs:kms:*:*:alias"]}`)},
		{"NotAction", statements(`{"Effect":"Allow","NotAction":"kms:Decrypt","Resource":"*"}`)},
		{"two statements", statements(allowAll, allowAll)},
		{"elements in another order", `{"Statement":[{"Resource":"*","Condition":{"Bool":{"acs:SecureTransport":"true"}},"Action":"*","Effect":"Allow"}],"Version":"1"}`},
		{"white space", "\n\t {\"Version\" : \"1\" ,\r\n\"Statement\":[ " + allowAll + " ] } \n"},
		{"Sid", statements(`{"Sid":"any text","Effect":"Allow","Action":"*","Resource":"*"}`)},
		{"empty Sid", statements(`{"Sid":"","Effect":"Allow","Action":"*","Resource":"*"}`)},
		{"escapes", statements(`{"Effect":"Allow","Action":"\u006bms:Encrypt","Resource":"*"}`)},
		{"an escaped element name", `{"\u0056ersion":"1","Statement":[` + allowAll + `]}`},
		{"characters beyond ASCII", withCondition(`{"StringEquals":{"kms:tag/项目":"信封 🔑"}}`)},
		{"a pair of surrogates", withCondition(`{"StringEquals":{"kms:tag/a":"\ud83d\udd11"}}`)},
		{"a resource of wildcards", statements(`{"Effect":"Allow","Action":"*:*","Resource":"acs:*:*cn-beijing*:*:*"}`)},
		{"a resource that begins with a star", statements(`{"Effect":"Allow","Action":"*","Resource":"*:secret/a"}`)},
		{"a list of condition values", withCondition(`{"StringLike":{"acs:SourceIp":["a","b"]},"NotIpAddress":{"acs:SourceIp":"10.0.0.0/8"}}`)},
		{"condition values that compare with nothing", withCondition(`{"NumericEquals":{"a:b":"x"},"DateEquals":{"a:b":"x"},"IpAddress":{"a:b":"x"},"Bool":{"a:b":"x"}}`)},
		{"an empty condition value", withCondition(`{"StringEquals":{"kms:tag/a":["",""]}}`)},
		{"a lone CIDR block", withCondition(`{"IpAddress":{"acs:SourceIp":["192.168.1.0/24"]}}`)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := policy.Parse([]byte(tc.document)); err != nil {
				t.Errorf("Parse: %v", err)
			}
			if _, err := policy.ParseSession([]byte(tc.document)); err != nil {
				t.Errorf("ParseSession: %v", err)
			}
		})
	}
}

func TestParseAcceptsEveryOperator(t *testing.T) {
	for _, name := range []string{
		"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
		"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
		"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals",
		"Bool", "IpAddress", "NotIpAddress",
	} {
		mustParse(t, withCondition(`{"`+name+`":{"acs:SourceIp":"x"}}`))
	}
}

func TestParseRefuses(t *testing.T) {
	statement := func(s string) string { return statements(s) }
	for _, tc := range []struct {
		name, document string
		cause          error
		path           string
	}{
		// JSON
		{"nothing", ``, policy.ErrSyntax, ""},
		{"white space", ` `, policy.ErrSyntax, ""},
		{"not JSON", `Version: 1`, policy.ErrSyntax, ""},
		{"cut short", `{"Version":"1","Statement":[` + allowAll, policy.ErrSyntax, ""},
		{"something after", statements(allowAll) + `{}`, policy.ErrSyntax, ""},
		{"comma at the end", `{"Version":"1","Statement":[` + allowAll + `,]}`, policy.ErrSyntax, ""},
		{"comment", `{"Version":"1",/**/"Statement":[` + allowAll + `]}`, policy.ErrSyntax, ""},
		{"single quotes", `{'Version':'1'}`, policy.ErrSyntax, ""},
		{"byte order mark", "\ufeff" + statements(allowAll), policy.ErrSyntax, ""},
		{"not UTF-8", "{\"Version\":\"1\xff\"}", policy.ErrSyntax, ""},
		{"nested", strings.Repeat("[", 5000), policy.ErrSyntax, ""},
		{"nested and closed", strings.Repeat("[", 3000) + strings.Repeat("]", 3000), policy.ErrType, ""},

		// the document
		{"null", `null`, policy.ErrType, ""},
		{"a string", `"1"`, policy.ErrType, ""},
		{"a number", `1e999999`, policy.ErrType, ""},
		{"a list", `[` + statements(allowAll) + `]`, policy.ErrType, ""},
		{"empty object", `{}`, policy.ErrMissing, "Version"},
		{"no Version", `{"Statement":[` + allowAll + `]}`, policy.ErrMissing, "Version"},
		{"Version 1 as a number", `{"Version":1,"Statement":[` + allowAll + `]}`, policy.ErrType, "Version"},
		{"Version 2", `{"Version":"2","Statement":[` + allowAll + `]}`, policy.ErrValue, "Version"},
		{"Version of another cloud", `{"Version":"2012-10-17","Statement":[` + allowAll + `]}`, policy.ErrValue, "Version"},
		{"empty Version", `{"Version":"","Statement":[` + allowAll + `]}`, policy.ErrValue, "Version"},
		{"no Statement", `{"Version":"1"}`, policy.ErrMissing, "Statement"},
		{"empty Statement", `{"Version":"1","Statement":[]}`, policy.ErrEmpty, "Statement"},
		{"Statement is an object", `{"Version":"1","Statement":` + allowAll + `}`, policy.ErrType, "Statement"},
		{"Statement is null", `{"Version":"1","Statement":null}`, policy.ErrType, "Statement"},
		{"a statement is a string", statement(`"Allow"`), policy.ErrType, "Statement[0]"},
		{"an unknown element", `{"Version":"1","Id":"x","Statement":[` + allowAll + `]}`, policy.ErrElement, "Id"},
		{"an element in lower case", `{"version":"1","Statement":[` + allowAll + `]}`, policy.ErrElement, "version"},
		{"Version twice", `{"Version":"1","Version":"1","Statement":[` + allowAll + `]}`, policy.ErrDuplicate, "Version"},
		{"Version twice, once escaped", `{"Version":"1","\u0056ersion":"1","Statement":[` + allowAll + `]}`, policy.ErrDuplicate, "Version"},

		// a statement
		{"empty statement", statement(`{}`), policy.ErrMissing, "Statement[0].Action"},
		{"no Effect", statement(`{"Action":"*","Resource":"*"}`), policy.ErrMissing, "Statement[0].Effect"},
		{"Effect in lower case", statement(`{"Effect":"allow","Action":"*","Resource":"*"}`), policy.ErrValue, "Statement[0].Effect"},
		{"Effect a list", statement(`{"Effect":["Allow"],"Action":"*","Resource":"*"}`), policy.ErrType, "Statement[0].Effect"},
		{"Effect twice", statement(`{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}`), policy.ErrDuplicate, "Statement[0].Effect"},
		{"no Action", statement(`{"Effect":"Allow","Resource":"*"}`), policy.ErrMissing, "Statement[0].Action"},
		{"Action and NotAction", statement(`{"Effect":"Allow","Action":"*","NotAction":"kms:Decrypt","Resource":"*"}`), policy.ErrDuplicate, "Statement[0].NotAction"},
		{"NotAction and Action", statement(`{"Effect":"Allow","NotAction":"kms:Decrypt","Action":"*","Resource":"*"}`), policy.ErrDuplicate, "Statement[0].Action"},
		{"empty list of actions", statement(`{"Effect":"Allow","Action":[],"Resource":"*"}`), policy.ErrEmpty, "Statement[0].Action"},
		{"empty action", statement(`{"Effect":"Allow","Action":"","Resource":"*"}`), policy.ErrValue, "Statement[0].Action"},
		{"empty action in a list", statement(`{"Effect":"Allow","Action":["kms:*",""],"Resource":"*"}`), policy.ErrValue, "Statement[0].Action"},
		{"an action that is a number", statement(`{"Effect":"Allow","Action":["kms:*",1],"Resource":"*"}`), policy.ErrType, "Statement[0].Action[1]"},
		{"an action that is a list", statement(`{"Effect":"Allow","Action":[["kms:*"]],"Resource":"*"}`), policy.ErrType, "Statement[0].Action[0]"},
		{"an action that is an object", statement(`{"Effect":"Allow","Action":{"kms":"*"},"Resource":"*"}`), policy.ErrType, "Statement[0].Action"},
		{"an action without service", statement(`{"Effect":"Allow","Action":"Encrypt","Resource":"*"}`), policy.ErrValue, "Statement[0].Action"},
		{"an action without name", statement(`{"Effect":"Allow","Action":"kms:","Resource":"*"}`), policy.ErrValue, "Statement[0].Action"},
		{"an action without service but colon", statement(`{"Effect":"Allow","Action":":Encrypt","Resource":"*"}`), policy.ErrValue, "Statement[0].Action"},
		{"an action of three parts", statement(`{"Effect":"Allow","Action":"kms:key:Encrypt","Resource":"*"}`), policy.ErrValue, "Statement[0].Action"},
		{"no Resource", statement(`{"Effect":"Allow","Action":"*"}`), policy.ErrMissing, "Statement[0].Resource"},
		{"NotResource", statement(`{"Effect":"Deny","Action":"*","NotResource":"*"}`), policy.ErrElement, "Statement[0].NotResource"},
		{"NotResource besides Resource", statement(`{"Effect":"Allow","Action":"*","Resource":"*","NotResource":"acs:kms:*:*:key/1"}`), policy.ErrElement, "Statement[0].NotResource"},
		{"empty list of resources", statement(`{"Effect":"Allow","Action":"*","Resource":[]}`), policy.ErrEmpty, "Statement[0].Resource"},
		{"empty resource", statement(`{"Effect":"Allow","Action":"*","Resource":""}`), policy.ErrValue, "Statement[0].Resource"},
		{"an ARN of another cloud", statement(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:kms:*:*:key/1"}`), policy.ErrValue, "Statement[0].Resource"},
		{"a bare key id", statement(`{"Effect":"Allow","Action":"*","Resource":["acs:kms:*:*:key/1","1234abcd"]}`), policy.ErrValue, "Statement[0].Resource"},
		{"Principal", statement(`{"Effect":"Allow","Action":"*","Resource":"*","Principal":{"RAM":["acs:ram::1:root"]}}`), policy.ErrElement, "Statement[0].Principal"},
		{"NotPrincipal", statement(`{"Effect":"Allow","Action":"*","Resource":"*","NotPrincipal":{"RAM":["acs:ram::1:root"]}}`), policy.ErrElement, "Statement[0].NotPrincipal"},
		{"an unknown element of a statement", statement(`{"Effect":"Allow","Action":"*","Resource":"*","Comment":"x"}`), policy.ErrElement, "Statement[0].Comment"},
		{"an element with a blank", statement(`{"Effect ":"Allow","Action":"*","Resource":"*"}`), policy.ErrElement, `Statement[0]["Effect "]`},
		{"an element of no name", statement(`{"":"Allow","Action":"*","Resource":"*"}`), policy.ErrElement, `Statement[0][""]`},
		{"Sid that is a number", statement(`{"Sid":1,"Effect":"Allow","Action":"*","Resource":"*"}`), policy.ErrType, "Statement[0].Sid"},
		{"fault in the second statement", statements(allowAll, `{"Effect":"Allow","Action":"*"}`), policy.ErrMissing, "Statement[1].Resource"},
		{"half a surrogate", statement(`{"Effect":"Deny","Action":"*","Resource":"acs:kms:*:*:secret/\ud83d"}`), policy.ErrValue, "Statement[0].Resource"},
		{"U+FFFD", statement(`{"Effect":"Deny","Action":"*","Resource":"acs:kms:*:*:secret/` + "\ufffd" + `"}`), policy.ErrValue, "Statement[0].Resource"},

		// conditions
		{"empty Condition", withCondition(`{}`), policy.ErrEmpty, "Statement[0].Condition"},
		{"Condition is null", withCondition(`null`), policy.ErrType, "Statement[0].Condition"},
		{"Condition is a list", withCondition(`[{"Bool":{"acs:MFAPresent":"true"}}]`), policy.ErrType, "Statement[0].Condition"},
		{"empty operator", withCondition(`{"Bool":{}}`), policy.ErrEmpty, "Statement[0].Condition.Bool"},
		{"operator of a list", withCondition(`{"Bool":["acs:MFAPresent","true"]}`), policy.ErrType, "Statement[0].Condition.Bool"},
		{"operator twice", withCondition(`{"Bool":{"a:b":"true"},"Bool":{"a:b":"true"}}`), policy.ErrDuplicate, "Statement[0].Condition.Bool"},
		{"key twice", withCondition(`{"Bool":{"a:b":"true","a:b":"false"}}`), policy.ErrDuplicate, "Statement[0].Condition.Bool.a:b"},
		{"key without service", withCondition(`{"IpAddress":{"SourceIp":"10.0.0.0/8"}}`), policy.ErrValue, "Statement[0].Condition.IpAddress.SourceIp"},
		{"empty key", withCondition(`{"IpAddress":{"":"10.0.0.0/8"}}`), policy.ErrValue, `Statement[0].Condition.IpAddress[""]`},
		{"empty list of values", withCondition(`{"IpAddress":{"acs:SourceIp":[]}}`), policy.ErrEmpty, "Statement[0].Condition.IpAddress.acs:SourceIp"},
		{"a value that is a boolean", withCondition(`{"Bool":{"acs:MFAPresent":true}}`), policy.ErrType, "Statement[0].Condition.Bool.acs:MFAPresent"},
		{"a value that is a number", withCondition(`{"NumericEquals":{"a:b":[1]}}`), policy.ErrType, "Statement[0].Condition.NumericEquals.a:b[0]"},
		{"a value that is null", withCondition(`{"StringEquals":{"a:b":null}}`), policy.ErrType, "Statement[0].Condition.StringEquals.a:b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := policy.Parse([]byte(tc.document))
			checkRefused(t, err, tc.cause, tc.path)
			if p != nil {
				t.Errorf("Parse = %v, want nil with an error", p)
			}
			if p, err := policy.ParseSession([]byte(tc.document)); p != nil || !errors.Is(err, tc.cause) && len(tc.document) < policy.MaxSessionSize {
				t.Errorf("ParseSession = %v, %v, want the same", p, err)
			}
		})
	}
}

func checkRefused(t *testing.T, err, cause error, path string) {
	t.Helper()
	var e *policy.Error
	if !errors.As(err, &e) || !errors.Is(err, cause) || e.Path != path {
		t.Errorf("error %v, want %q at %q", err, cause, path)
	}
}

func TestParseRefusesOperatorsOfOthers(t *testing.T) {
	for _, name := range []string{
		"Null", "StringEqualsIfExists", "BoolIfExists", "IpAddressIfExists", "ForAnyValue:StringEquals", "ForAllValues:StringLike",
		"ArnEquals", "ArnLike", "BinaryEquals", "BoolNotEquals", "stringequals", "STRINGEQUALS", "StringEquals ", "IPAddress", "NotIPAddress", "",
	} {
		_, err := policy.Parse([]byte(withCondition(`{"` + name + `":{"acs:SourceIp":"x"}}`)))
		if !errors.Is(err, policy.ErrOperator) {
			t.Errorf("Parse with %q: %v, want ErrOperator", name, err)
		}
		if err != nil && name != "" && !strings.Contains(err.Error(), strings.TrimSpace(name)) {
			t.Errorf("error %v does not name %q", err, name)
		}
	}
}

func TestParseSizes(t *testing.T) {
	// A document of exactly n characters, padded inside its Sid.
	document := func(n int, filler string) []byte {
		d := statements(`{"Sid":"#","Effect":"Allow","Action":"*","Resource":"*"}`)
		return []byte(strings.Replace(d, "#", strings.Repeat(filler, n-len(d)+1), 1))
	}
	for name, tc := range map[string]struct {
		parse func([]byte) error
		limit int
	}{
		"identity": {func(d []byte) error { _, err := policy.Parse(d); return err }, 6144},
		"session":  {func(d []byte) error { _, err := policy.ParseSession(d); return err }, 2048},
	} {
		for _, filler := range []string{"x", "é", "信", "🔑"} { // characters count, not bytes
			if err := tc.parse(document(tc.limit, filler)); err != nil {
				t.Errorf("%s: %d characters %q: %v", name, tc.limit, filler, err)
			}
			if err := tc.parse(document(tc.limit+1, filler)); !errors.Is(err, policy.ErrSize) {
				t.Errorf("%s: %d characters %q: %v, want ErrSize", name, tc.limit+1, filler, err)
			}
		}
		if err := tc.parse(make([]byte, 1<<24)); !errors.Is(err, policy.ErrSize) {
			t.Errorf("%s: 16 MiB: %v, want ErrSize", name, err)
		}
	}
	padded := []byte(statements(allowAll) + strings.Repeat(" ", policy.MaxSize))
	if _, err := policy.Parse(padded); !errors.Is(err, policy.ErrSize) {
		t.Errorf("white space: %v, want ErrSize", err)
	}
}

func TestParseKeepsNothingOfTheDocument(t *testing.T) {
	document := []byte(statements(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"acs:kms:*:*:key/1"}`))
	p, err := policy.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	for i := range document {
		document[i] = 'x'
	}
	r := &policy.Request{Action: "kms:Encrypt", Resource: "acs:kms:cn-hangzhou:1:key/1"}
	if v := policy.Evaluate(r, nil, []*policy.Policy{p}); v.Decision != policy.Allow {
		t.Errorf("Evaluate = %v, want Allow", v.Decision)
	}
}

func TestErrorText(t *testing.T) {
	long := strings.Repeat("a", 5000)
	for _, tc := range []struct{ document, want string }{
		{withCondition(`{"StringEqualsIfExists":{"a:b":"c"}}`),
			`policy: Statement[0].Condition.StringEqualsIfExists: the condition operator is not supported "StringEqualsIfExists", at byte 109`},
		{`{"Version":"1","Statement":[{"Effect":"Allow","Action":"*"}]}`, `policy: Statement[0].Resource: element is missing, at byte 59`},
		{`{"Version":"1"`, `policy: not JSON, at byte 14`},
		{`{"Version":null}`, `policy: Version: value of the wrong type "null", at byte 15`},
		{`{"Version":{}}`, `policy: Version: value of the wrong type "{", at byte 12`},
		{`{"Version":"1","a\nb":2}`, `policy: ["a\nb"]: unknown element, at byte 21`},
		{`{"Version":"` + long + `"}`, `policy: Version: value is not valid "` + long[:64] + `", at byte 5013`},
		{`{"` + long + `":1}`, `policy: ["` + long[:64] + `"]: unknown element, at byte 5003`},
	} {
		_, err := policy.Parse([]byte(tc.document))
		if err == nil || err.Error() != tc.want {
			t.Errorf("error %q, want %q", err, tc.want)
		}
	}
	_, err := policy.Parse(make([]byte, 1<<20))
	if want := `policy: document is too long, limit 6144 characters, at byte 0`; err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}
