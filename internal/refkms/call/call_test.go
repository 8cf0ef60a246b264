package call_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

const (
	account = "1234567890123456"
	region  = "cn-hangzhou"
	world   = "acs:kms:cn-hangzhou:1234567890123456:"
)

// inView runs fn with a call in a store that knows the alias alias/a of key k.
func inView(t *testing.T, fn func(c *call.Call)) {
	t.Helper()
	s, scope := state.NewMemory(), state.In(account, region)
	s.Update(func(tx state.Tx) error {
		state.Aliases.Put(tx, scope, "alias/a", &state.Alias{Name: "alias/a", KeyID: "k"})
		return nil
	})
	s.View(func(tx state.Tx) error {
		fn(&call.Call{Scope: scope, Tx: tx})
		return nil
	})
}

func TestResolveKey(t *testing.T) {
	for _, tt := range []struct {
		name, key string
		alias     bool
		want      string
		err       error
	}{
		{name: "key id", key: "1234abcd-12ab-34cd-56ef-12345678abcd", want: "1234abcd-12ab-34cd-56ef-12345678abcd"},
		{name: "any other text is a key id too", key: "key-hzz62f1cb66fa42qo", want: "key-hzz62f1cb66fa42qo"},
		{name: "ARN", key: world + "key/k", want: "k"},
		{name: "ARN of another region", key: "acs:kms:cn-beijing:" + account + ":key/k", err: call.ErrKeyNotFound},
		{name: "ARN of another account", key: "acs:kms:cn-hangzhou:1:key/k", err: call.ErrKeyNotFound},
		{name: "ARN of another service", key: "acs:oss:cn-hangzhou:" + account + ":key/k", err: call.ErrKeyNotFound},
		{name: "ARN of a container", key: world + "key", err: call.ErrKeyNotFound},
		{name: "ARN cut short", key: "acs:kms", err: call.ErrKeyNotFound},
		{name: "alias", key: "alias/a", alias: true, want: "k"},
		{name: "alias where none is allowed", key: "alias/a", err: call.ErrUnsupportedAlias},
		{name: "alias unknown", key: "alias/b", alias: true, err: call.ErrAliasNotFound},
		{name: "alias in another case", key: "alias/A", alias: true, err: call.ErrAliasNotFound},
		{name: "alias ARN", key: world + "alias/a", alias: true, want: "k"},
		{name: "alias ARN where none is allowed", key: world + "alias/a", err: call.ErrUnsupportedAlias},
		{name: "alias ARN of another region", key: "acs:kms:cn-beijing:" + account + ":alias/a", alias: true, err: call.ErrAliasNotFound},
		{name: "key ARN with the name of an alias", key: world + "key/alias/a", alias: true, want: "alias/a"},
		{name: "longer than any name", key: strings.Repeat("k", 513), err: call.ErrKeyNotFound},
		{name: "not UTF-8", key: "\xff", err: call.ErrKeyNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inView(t, func(c *call.Call) {
				got, err := c.ResolveKey(tt.key, tt.alias)
				if got != tt.want || !errors.Is(err, tt.err) {
					t.Errorf("ResolveKey(%q, %v) = %q, %v, want %q, %v", tt.key, tt.alias, got, err, tt.want, tt.err)
				}
			})
		})
	}
}

func TestARN(t *testing.T) {
	c := &call.Call{Scope: state.In(account, region)}
	for want, r := range map[string]call.Resource{
		world + "key/k":   {Kind: call.KeyKind, ID: "k"},
		world + "alias/a": {Kind: call.AliasKind, ID: "alias/a"},
		world + "key":     {Kind: call.KeyContainer},
		world + "alias":   {Kind: call.AliasContainer},
		world + "secret":  {Kind: call.SecretContainer},

		world + "secret/a/b":  {Kind: call.SecretKind, ID: "a/b"},
		"*":                   {Kind: call.Nothing},
		"acs:ram::2:role/app": {Kind: call.RoleKind, ID: "acs:ram::2:role/app"},
	} {
		if got := c.ARN(r); got != want {
			t.Errorf("ARN(%v) = %s, want %s", r, got, want)
		}
	}
}

func TestResolveSecret(t *testing.T) {
	for _, tt := range []struct {
		name, secret, want string
		err                error
	}{
		{"name", "db_cred", "db_cred", nil},
		{"name with slashes", "acs/x/y", "acs/x/y", nil},
		{"ARN", world + "secret/a/b", "a/b", nil},
		{"ARN of another region", "acs:kms:cn-beijing:" + account + ":secret/a", "", call.ErrSecretNotFound},
		{"ARN of another account", "acs:kms:cn-hangzhou:1:secret/a", "", call.NoPermission("acs:kms:cn-hangzhou:1:secret/a")},
		{"ARN of another account and region", "acs:kms:cn-beijing:1:secret/a", "", call.NoPermission("acs:kms:cn-beijing:1:secret/a")},
	} {
		c := &call.Call{Scope: state.In(account, region)}
		if got, err := c.ResolveSecret(tt.secret); got != tt.want || fmt.Sprint(err) != fmt.Sprint(tt.err) {
			t.Errorf("%s: ResolveSecret(%q) = %q, %v, want %q, %v", tt.name, tt.secret, got, err, tt.want, tt.err)
		}
	}
}

func TestFindSecret(t *testing.T) {
	type named struct {
		Key    string `param:"K,key"`
		Secret string `param:"S,secret"`
	}
	op := call.Define("Op", func(*call.Call, *named) (*answer, error) { return &answer{}, nil }, call.Row[named]{})
	inView(t, func(c *call.Call) {
		for _, tt := range []struct {
			req  named
			want []call.Resource
			err  error
		}{
			{named{Secret: "s"}, []call.Resource{{Kind: call.SecretKind, ID: "s"}}, nil},
			{named{Key: "k", Secret: world + "secret/s"}, []call.Resource{{Kind: call.KeyKind, ID: "k"}, {Kind: call.SecretKind, ID: "s"}}, nil},
			{named{Secret: "acs:kms:cn-beijing:" + account + ":secret/s"}, []call.Resource{}, call.ErrSecretNotFound},
		} {
			op.Accept(c, &tt.req)
			if err := op.Find(c); fmt.Sprint(err) != fmt.Sprint(tt.err) || fmt.Sprint(c.Found) != fmt.Sprint(tt.want) {
				t.Errorf("Find(%+v) = %v, found %v, want %v", tt.req, err, c.Found, tt.want)
			}
		}
	})
}

type onKeys struct {
	A string `param:"A,key"`
	B string `param:"B,key,alias"`
}

func TestFindByParameters(t *testing.T) {
	op := call.Define("Op", func(*call.Call, *onKeys) (*answer, error) { return &answer{}, nil }, call.Row[onKeys]{On: call.KeyContainer})
	inView(t, func(c *call.Call) {
		if err := op.Accept(c, &onKeys{A: "x", B: "alias/a"}); err != nil {
			t.Fatal(err)
		}
		for range 2 { // a second look begins anew
			if err := op.Find(c); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := fmt.Sprint(c.Found), fmt.Sprint([]call.Resource{{Kind: call.KeyContainer}, {Kind: call.KeyKind, ID: "x"}, {Kind: call.KeyKind, ID: "k"}}); got != want {
			t.Errorf("Found = %v, want %v", got, want)
		}
		if got := op.Action(0) + op.Action(2); got != "kms:Opkms:Op" {
			t.Errorf("the actions are %s, want kms:Op for each", got)
		}
		op.Accept(c, &onKeys{B: "alias/none"})
		if err := op.Find(c); !errors.Is(err, call.ErrAliasNotFound) {
			t.Errorf("Find of an unknown alias = %v, want ErrAliasNotFound", err)
		}
	})
}

func TestRowFunctions(t *testing.T) {
	refused := errors.New("refused")
	op := call.Define("Op", func(c *call.Call, r *onKeys) (*answer, error) {
		if c.Prepared == nil {
			return nil, refused
		}
		return &answer{}, nil
	}, call.Row[onKeys]{
		Check: func(_ *call.Call, r *onKeys) error {
			if r.A == "bad" {
				return refused
			}
			return nil
		},
		Find:    func(c *call.Call, r *onKeys) error { c.Touch(call.Resource{Kind: call.AliasKind, ID: r.A}); return nil },
		Actions: []string{"kms:One", "kms:Two"},
		Prepare: func(_ *call.Call, r *onKeys) (any, error) { return r.A, nil },
		Event:   call.Write,
	})
	c := &call.Call{}
	if err := op.Accept(c, &onKeys{A: "bad"}); !errors.Is(err, refused) {
		t.Errorf("Accept = %v, want the error of Check", err)
	}
	if err := op.Decode(c, map[string]string{"A": "bad"}); !errors.Is(err, refused) {
		t.Errorf("Decode = %v, want the error of Check", err)
	}
	if err := op.Accept(c, &onKeys{A: "good"}); err != nil {
		t.Fatal(err)
	}
	if got, err := op.Handle(c); got != nil || !errors.Is(err, refused) {
		t.Errorf("Handle = %v, %v, want nil and the handler's error", got, err)
	}
	if err := op.Find(c); err != nil || len(c.Found) != 1 || c.Found[0].ID != "good" {
		t.Errorf("Find = %v, found %v", err, c.Found)
	}
	if got := op.Action(0) + op.Action(1) + op.Action(2); got != "kms:Onekms:Twokms:Two" {
		t.Errorf("the actions are %s", got)
	}
	if err := op.Prepare(c); !op.Prepares() || err != nil || c.Prepared != "good" {
		t.Errorf("Prepare = %v, prepared %v", err, c.Prepared)
	}
	if _, err := op.Handle(c); err != nil {
		t.Errorf("Handle = %v", err)
	}
	if got := call.Read.String() + call.Write.String() + call.Effect(9).String(); got != "ReadWriteEffect(9)" {
		t.Errorf("the effects are called %s", got)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		err     *call.Error
		status  int
		code    string
		message string
	}{
		{call.Missing("KeyId"), 400, "MissingParameter", `The parameter "KeyId" is needed but not provided.`},
		{call.Invalid("KeyId"), 400, "InvalidParameter", `The specified parameter "KeyId" is not valid.`},
		{call.NoPermission(world + "key/k"), 403, "Forbidden.NoPermission", "This operation for " + world + "key/k is forbidden by permission system."},
		{call.ErrKeyNotFound, 404, "Forbidden.KeyNotFound", "The specified Key is not found."},
		{call.ErrDisabled, 409, "Rejected.Disabled", "The request was rejected because the key state is Disabled."},
		{call.ErrThrottling, 429, "Rejected.Throttling", "QPS Limit Exceeded"},
	} {
		if e := tt.err; e.Status != tt.status || e.Code != tt.code || e.Message != tt.message {
			t.Errorf("got %+v, want %d %s %q", *e, tt.status, tt.code, tt.message)
		}
	}
	invalid := call.Invalid("Plaintext")
	for _, tt := range []struct {
		target error
		want   bool
	}{
		{call.ErrInvalidParameter, true}, {call.Invalid("Plaintext"), true}, {call.Invalid("KeyId"), false},
		{call.ErrMissingParameter, false}, {errors.New("x"), false},
	} {
		if got := errors.Is(invalid, tt.target); got != tt.want {
			t.Errorf("errors.Is(%v, %v) = %v, want %v", invalid, tt.target, got, tt.want)
		}
	}
	if got, want := invalid.Error(), `InvalidParameter: The specified parameter "Plaintext" is not valid.`; got != want {
		t.Errorf("Error = %s, want %s", got, want)
	}
}

func TestNewID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for range 1000 {
		for _, id := range []string{call.NewID(), call.NewRequestID()} {
			if !form.MatchString(id) || seen[id] {
				t.Fatalf("%q is no UUID, or there again", id)
			}
			seen[id] = true
		}
	}
}

func TestTextShowsOnlyOnTheWire(t *testing.T) {
	text := call.Text("top secret")
	if doc, err := json.Marshal(struct{ T call.Text }{text}); err != nil || string(doc) != `{"T":"top secret"}` {
		t.Errorf("json.Marshal = %s, %v, want the text", doc, err)
	}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb, struct{ T call.Text }{text})
		fmt.Fprintf(&out, verb, text)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "t", text)
	if s := out.String(); strings.Contains(s, "secret") || strings.Contains(s, "746f70") || strings.Contains(s, "116 111") {
		t.Errorf("the text shows: %s", s)
	}
}

func TestInner(t *testing.T) {
	refused := errors.New("refused")
	c := &call.Call{Corridor: func(_ *call.Call, name string, req any) (any, error) {
		if name != "Op" {
			return nil, refused
		}
		return &answer{call.Answer{RequestID: req.(string)}}, nil
	}}
	if got, err := call.Inner[*answer](c, "Op", "x"); err != nil || got.RequestID != "x" {
		t.Errorf("Inner = %v, %v", got, err)
	}
	if got, err := call.Inner[*answer](c, "Other", "x"); got != nil || !errors.Is(err, refused) {
		t.Errorf("Inner = %v, %v, want the corridor's error", got, err)
	}
}
