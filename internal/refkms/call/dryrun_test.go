package call_test

import (
	"context"
	"errors"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

type rehearsed struct {
	Need   string `param:"Need,required"`
	DryRun bool   `param:"DryRun"`
}

func TestDryRunIsRead(t *testing.T) {
	var kept rehearsed
	op := define(&kept)
	for _, tt := range []struct {
		name  string
		texts map[string]string
		want  bool
		err   error
	}{
		{"absent", map[string]string{"Need": "x"}, false, nil},
		{"true", map[string]string{"Need": "x", "DryRun": "True"}, true, nil},
		{"false", map[string]string{"Need": "x", "DryRun": "false"}, false, nil},
		{"no boolean", map[string]string{"Need": "x", "DryRun": "1"}, false, call.Invalid("DryRun")},
		{"before what is missing", map[string]string{"DryRun": "true"}, true, call.Missing("Need")},
	} {
		c := &call.Call{}
		if err := op.Decode(c, tt.texts); !errors.Is(err, tt.err) || c.DryRun != tt.want {
			t.Errorf("%s: Decode = %v, DryRun %v, want %v, %v", tt.name, err, c.DryRun, tt.err, tt.want)
		}
	}
	c := &call.Call{}
	if err := op.Accept(c, &rehearsed{DryRun: true}); !errors.Is(err, call.Missing("Need")) || !c.DryRun {
		t.Errorf("Accept = %v, DryRun %v, want what is missing, in a dry run", err, c.DryRun)
	}
	if err := op.Accept(c, &rehearsed{Need: "x"}); err != nil || c.DryRun {
		t.Errorf("Accept = %v, DryRun %v, want neither", err, c.DryRun)
	}
	// An operation without the parameter ignores it.
	var other request
	texts := valid()
	texts["DryRun"] = "true"
	if err := define(&other).Decode(c, texts); err != nil || c.DryRun {
		t.Errorf("Decode = %v, DryRun %v of an operation that has none", err, c.DryRun)
	}
	defer func() {
		if recover() == nil {
			t.Error("an operation that writes has a dry run")
		}
	}()
	call.Define("Op", func(*call.Call, *rehearsed) (*answer, error) { return nil, nil }, call.Row[rehearsed]{Writes: true})
}

func TestDryRunOutcome(t *testing.T) {
	for _, tt := range []struct {
		name          string
		err           error
		code, message string
		status        int
	}{
		{name: "success", code: "DryRunOperationError", status: 400, message: "The request would have succeeded, but the DryRun parameter is set."},
		{name: "missing", err: call.Missing("KeyId"), code: "ValidationError", status: 400, message: `The parameter "KeyId" is needed but not provided.`},
		{name: "invalid", err: call.Invalid("KeyId"), code: "ValidationError", status: 400, message: `The specified parameter "KeyId" is not valid.`},
		{name: "alias", err: call.ErrUnsupportedAlias, code: "ValidationError", status: 400, message: "Alias is not valid for this api."},
		{name: "denied", err: call.NoPermission("arn"), code: "AccessDeniedError", status: 403, message: "You are not authorized to operate on the KMS resource."},
		{name: "not found", err: call.ErrKeyNotFound, code: "Forbidden.KeyNotFound", status: 404, message: call.ErrKeyNotFound.Message},
		{name: "disabled", err: call.ErrDisabled, code: "Rejected.Disabled", status: 409, message: call.ErrDisabled.Message},
	} {
		var got *call.Error
		if err := call.DryRunOutcome(tt.err); !errors.As(err, &got) || got.Code != tt.code || got.Status != tt.status || got.Message != tt.message {
			t.Errorf("%s: DryRunOutcome = %+v, want %s", tt.name, got, tt.code)
		}
	}
	if call.ErrKeyNotFound.Code != "Forbidden.KeyNotFound" || call.ErrUnsupportedAlias.Code != "Unsupported.Alias" {
		t.Error("the table of codes was changed")
	}
	if err := call.DryRunOutcome(context.Canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("DryRunOutcome = %v, want what is no refusal as it is", err)
	}
}
