package kmsclient

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// The tests here are white-box because most codes cannot be provoked.

// Every code of keys, of cryptography and of the gateway that the reference KMS can answer has a cause: its source is read, since nothing may be shared with it.
func TestEveryCodeOfTheReferenceHasACause(t *testing.T) {
	found := 0
	for _, file := range []string{"codes.go", "codes_gateway.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), "../internal/refkms/call/"+file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			field, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			if key, ok := field.Key.(*ast.Ident); !ok || key.Name != "Code" {
				return true
			}
			literal, ok := field.Value.(*ast.BasicLit)
			if !ok {
				return true
			}
			code, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			found++
			switch {
			case code == "EntityNotExist.Role", code == "InvalidQueryParameter", code == "Certificate.NotFound":
				// Of STS, of ActionTrail and of certificates: no operation here answers them.
			case causes[code] == nil && causeOf(code, 400) == unknown:
				t.Errorf("code %s is not in the table", code)
			}
			return true
		})
	}
	if found < 40 {
		t.Errorf("found %d codes: the test does not see them", found)
	}
}

func TestTable(t *testing.T) {
	for code, c := range causes {
		if len(c.matches) == 0 {
			t.Errorf("%s matches nothing", code)
		}
		if c.remedy == "" && c != invalidParameter && c != canceled {
			t.Errorf("%s has no remedy", code)
		}
		if strings.HasSuffix(c.remedy, ".") || plain(code, maxCode) != code {
			t.Errorf("%s: %q", code, c.remedy)
		}
	}
}

func TestCauseOf(t *testing.T) {
	for _, tt := range []struct {
		code   string
		status int
		want   error
		retry  bool
	}{
		{"Throttling.Api", 400, kmsapi.ErrThrottled, true},
		{"Some.Throttling.Else", 400, kmsapi.ErrThrottled, true},
		{"New", 429, kmsapi.ErrThrottled, true},
		{"New", 500, kmsapi.ErrUnavailable, true},
		{"New", 503, kmsapi.ErrUnavailable, true},
		{"Rejected.Disabled", 500, kmsapi.ErrDisabled, true}, // by its status, whatever it says
		{"InternalFailure", 400, kmsapi.ErrUnavailable, true},
		{"InvalidSecurityToken.New", 400, kmsapi.ErrUnauthenticated, false},
		{"InvalidAccessKeyId.New", 404, kmsapi.ErrUnauthenticated, false},
		{"InvalidParameter.New", 400, kmsapi.ErrInvalidParameter, false},
		{"InvalidTimeStamp.New", 400, ErrClockSkewed, false},
		{"InvalidTimeStamp.New", 400, kmsapi.ErrUnauthenticated, false},
		{"New", 401, kmsapi.ErrUnauthenticated, false},
		{"New", 403, kmsapi.ErrAccessDenied, false},
		{"Forbidden.New", 403, kmsapi.ErrAccessDenied, false},
		{"Forbidden.New", 404, nil, false},
		{"New", 400, nil, false},
		// The names of the guide.
		{"Forbidden.Unauthorized", 403, kmsapi.ErrAccessDenied, false},
		{"InvalidKey.NotFound", 404, kmsapi.ErrKeyNotFound, false},
		{"QuotaExceeded.Key", 400, kmsapi.ErrLimitExceeded, false},
	} {
		e := newError("Op", tt.code, tt.status, "")
		if tt.want == nil && len(e.causes) > 0 || tt.want != nil && !errors.Is(e, tt.want) || e.retry != tt.retry {
			t.Errorf("%s with %d: %v, again %t; want %v, %t", tt.code, tt.status, e.causes, e.retry, tt.want, tt.retry)
		}
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 4, ""},
		{"abcd", 4, "abcd"},
		{"abcde", 4, "abcd…"},
		{"信封", 4, "信…"},
		{"信封", 2, "…"},
		{"a\xff", 4, "a�"},
	} {
		if got := cut(tt.in, tt.limit); got != tt.want {
			t.Errorf("cut(%q, %d) = %q, want %q", tt.in, tt.limit, got, tt.want)
		}
	}
	for in, want := range map[string]string{
		"Forbidden.KeyNotFound": "Forbidden.KeyNotFound", "a b": "", "a\n": "", "a%3D": "", "a=b": "", `a"`: "", "é": "", "12345678901": "",
	} {
		if got := plain(in, max(len(want), 10)); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestErrorText(t *testing.T) {
	e := newError("Decrypt", "Forbidden.KeyNotFound", 404, "The specified \"Key\" is\nnot found.")
	e.RequestID, e.Attempts, e.note = "e85db688", 3, "no time"
	const want = `kmsclient: Decrypt: Forbidden.KeyNotFound: "The specified \"Key\" is\nnot found." (HTTP 404, request e85db688, ` +
		`3 attempts, no time): check key id, region and account: a key exists in one region of one account, and is gone after its deletion window`
	if e.Error() != want {
		t.Errorf("Error() = %s\nwant      %s", e, want)
	}
	if got := newError("Op", CodeCanceled, 0, "").Error(); got != "kmsclient: Op: Client.Canceled" {
		t.Errorf("Error() = %s", got)
	}
	if e.Remedy() == "" || !strings.HasSuffix(e.Error(), e.Remedy()) {
		t.Errorf("Remedy() = %q", e.Remedy())
	}
	f := e.ended(errors.ErrUnsupported)
	if !errors.Is(f, errors.ErrUnsupported) || !errors.Is(f, kmsapi.ErrKeyNotFound) || errors.Is(e, errors.ErrUnsupported) || errors.Is(keyNotFound.matches[0], errors.ErrUnsupported) {
		t.Errorf("ended = %v", f.causes)
	}
	if len(keyNotFound.matches) != 1 {
		t.Error("ended has changed the table")
	}
}
