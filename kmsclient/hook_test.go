package kmsclient_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

func TestLogHook(t *testing.T) {
	var b bytes.Buffer
	log := func(level slog.Level, i kmsclient.CallInfo) string {
		b.Reset()
		l := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		kmsclient.LogHook(l)(context.Background(), i)
		return strings.TrimSpace(b.String())
	}
	fine := kmsclient.CallInfo{Op: "Decrypt", KeyID: "k", Region: "cn-hangzhou", Duration: time.Second, Attempts: 2, RequestID: "r"}
	failed := kmsclient.CallInfo{Op: "Encrypt", KeyID: "alias/a", Region: "cn-hangzhou", Duration: time.Second, Attempts: 1, Code: "Rejected.Disabled", StatusCode: 409, RequestID: "r"}
	for _, tt := range []struct {
		level slog.Level
		info  kmsclient.CallInfo
		want  string
	}{
		{slog.LevelDebug, fine, `level=DEBUG msg="kms call" op=Decrypt key=k region=cn-hangzhou attempts=2 duration=1s request=r`},
		{slog.LevelInfo, fine, ""},
		{slog.LevelInfo, failed, `level=WARN msg="kms call" op=Encrypt key=alias/a region=cn-hangzhou attempts=1 duration=1s request=r code=Rejected.Disabled status=409`},
		{slog.LevelError, failed, ""},
	} {
		if got := log(tt.level, tt.info); got != tt.want {
			t.Errorf("log at %v:\n%s\nwant\n%s", tt.level, got, tt.want)
		}
	}
}

// Every call is told of, once, those that were refused before the wire too; Decrypt with the key that answered.
func TestHook(t *testing.T) {
	var told []kmsclient.CallInfo
	w := newWorld(t, kmsclient.Options{Hook: func(_ context.Context, i kmsclient.CallInfo) { told = append(told, i) }})
	check := func(op, key, code string, status, attempts int) {
		t.Helper()
		if len(told) != 1 {
			t.Fatalf("the hook was told of %d calls", len(told))
		}
		i := told[0]
		told = nil
		if i.Op != op || i.KeyID != key || i.Region != "cn-hangzhou" || i.Code != code || i.StatusCode != status || i.Attempts != attempts || i.Start.IsZero() || (i.RequestID == "") != (attempts == 0) {
			t.Errorf("the hook was told %+v, want %s of %s, %s, %d attempts", i, op, key, code, attempts)
		}
	}
	blob, err := w.client.EncryptBytes(t.Context(), w.key, []byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	check("Encrypt", w.key, "", 0, 1)
	if _, err := w.client.DecryptBytes(t.Context(), blob, nil); err != nil {
		t.Fatal(err)
	}
	check("Decrypt", w.key, "", 0, 1)
	w.client.DecryptBytes(t.Context(), blob, map[string]string{"a": "b"})
	check("Decrypt", "", "InvalidParameter", 400, 1)
	w.client.EncryptBytes(t.Context(), w.key, nil, nil)
	check("Encrypt", w.key, kmsclient.CodeInvalidRequest, 0, 0)
	w.client.EncryptBytes(t.Context(), w.key, make([]byte, 5000), nil)
	check("Encrypt", w.key, kmsclient.CodeTooLarge, 0, 0)
	w.client.DescribeKey(t.Context(), &kmsapi.DescribeKeyRequest{KeyID: strings.Repeat("k", 1000)})
	check("DescribeKey", strings.Repeat("k", 512)+"…", "Forbidden.KeyNotFound", 404, 1)
}
