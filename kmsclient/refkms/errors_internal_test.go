package refkms

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// Every code of the server's table has its sentinel here. The test is white-box because most codes cannot be provoked;
// it reads the table's source because the table is declarations.
func TestEveryCodeHasACause(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../internal/refkms/call/codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
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
		if causes[code] == nil {
			t.Errorf("code %s matches no sentinel of kmsapi", code)
		}
		return true
	})
	if found < 30 {
		t.Errorf("found %d codes in the table: the test does not see it", found)
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want error
	}{
		{"throttled", call.ErrThrottling, kmsapi.ErrThrottled},
		{"parameter", call.Invalid("KeyId"), kmsapi.ErrInvalidParameter},
		{"ciphertext", call.Invalid("CiphertextBlob"), kmsapi.ErrInvalidCiphertext},
		{"denied", call.NoPermission("acs:kms:r:a:key/k"), kmsapi.ErrAccessDenied},
		{"cancelled", context.Canceled, context.Canceled},
		{"store", errors.New("disk on fire"), kmsapi.ErrUnavailable},
	} {
		err := wrap("Op", "r", tt.err)
		if !errors.Is(err, tt.want) || !strings.HasPrefix(err.Error(), "refkms: Op: ") {
			t.Errorf("%s: wrap = %v, want %v", tt.name, err, tt.want)
		}
	}
	if err := wrap("Op", "r", &call.Error{Code: "New", Status: 418}); errors.Is(err, kmsapi.ErrUnavailable) || err.(*Error).StatusCode != 418 {
		t.Errorf("a code without a cause is wrapped as %v", err)
	}
}
