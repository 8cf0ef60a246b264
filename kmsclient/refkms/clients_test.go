package refkms_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The SDKs of other languages, as they are published: testdata/clients says what to install and which variable names it.
func TestForeignClients(t *testing.T) {
	server, err := newServer(nil)
	if err != nil {
		t.Fatal(err)
	}
	plain, secure := httptest.NewServer(server.Handler()), httptest.NewTLSServer(server.Handler())
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	id, secret := server.AccessKey()
	python := os.Getenv("KMSTEST_PYTHON")
	node := "node"
	if os.Getenv("KMSTEST_NODE_MODULES") == "" {
		node = ""
	}
	for _, tt := range []struct{ script, interpreter, variable string }{
		{"classic.py", python, "KMSTEST_PYTHON"},
		{"tea.py", python, "KMSTEST_PYTHON"},
		{"clients.js", node, "KMSTEST_NODE_MODULES"},
	} {
		t.Run(tt.script, func(t *testing.T) {
			if tt.interpreter == "" {
				t.Skipf("%s does not say where the SDKs are", tt.variable)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, tt.interpreter, "testdata/clients/"+tt.script,
				strings.TrimPrefix(plain.URL, "http://"), strings.TrimPrefix(secure.URL, "https://"), id, secret)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
