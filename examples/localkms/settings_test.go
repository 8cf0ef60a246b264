package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A command line that makes no sense is refused by the names of its flags, with exit status 2.
func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"unknown flag", []string{"-nothing"}, "flag provided but not defined: -nothing"},
		{"flag without a value", []string{"-listen"}, "flag needs an argument: -listen"},
		{"argument", []string{"serve"}, `argument "serve": there are only flags`},
		{"address apart from -control", []string{"-control", "127.0.0.1:0"}, `argument "127.0.0.1:0": there are only flags, with values as in -control=ADDR`},
		{"no address", []string{"-listen", ""}, "-listen: an address is host:port"},
		{"no port", []string{"-listen", "localhost"}, "-listen: address localhost: missing port in address"},
		{"no port of control", []string{"-control=localhost"}, "-control: address localhost: missing port in address"},
		{"certificate alone", []string{"-tls-cert", "x"}, "-tls-cert and -tls-key go together"},
		{"key alone", []string{"-tls-key", "x"}, "-tls-cert and -tls-key go together"},
		{"TLS and plain", []string{"-tls-cert", "x", "-tls-key", "x", "-insecure-allow-plain-http"}, "-insecure-allow-plain-http and -tls-cert exclude each other"},
		{"key without a store", []string{"-key-file", "x"}, "-key-file without -store"},
		{"passphrase without a store", []string{"-passphrase-env", "HOME"}, "-passphrase-env without -store"},
		{"store without a key", []string{"-store", "x"}, "-store needs -key-file or -passphrase-env"},
		{"key and passphrase", []string{"-store", "x", "-key-file", "y", "-passphrase-env", "HOME"}, "-key-file and -passphrase-env exclude each other"},
		{"key in the store", []string{"-store", "x", "-key-file", "x"}, "-key-file and -store are one file"},
		{"key in the store, spelt otherwise", []string{"-store", "x", "-key-file", "./x"}, "-key-file and -store are one file"},
		{"audit in the store", []string{"-store", "x", "-key-file", "y", "-audit", "./x"}, "-audit and -store are one file"},
		{"audit in the key", []string{"-store", "x", "-key-file", "y", "-audit", "y"}, "-audit and -key-file are one file"},
		{"audit in the configuration", []string{"-config", "settings.go", "-audit", "../localkms/settings.go"}, "-config and -audit are one file"},
		{"audit in the certificate", []string{"-tls-cert", "settings.go", "-tls-key", "settings.go", "-audit", "./settings.go"}, "-tls-cert and -audit are one file"},
		{"no passphrase", []string{"-store", "x", "-passphrase-env", "LOCALKMS_TEST_NONE"}, "-passphrase-env LOCALKMS_TEST_NONE: there is no such variable, or nothing in it"},
		{"region of a store", []string{"-store", "x", "-key-file", "y", "-region", "HANGZHOU"}, `region "HANGZHOU": want lower-case letters`},
		{"id alone", []string{"-access-key-id", "x"}, "-access-key-id and -access-key-secret go together"},
		{"secret alone", []string{"-access-key-secret", "s3cret"}, "-access-key-id and -access-key-secret go together"},
		{"id", []string{"-access-key-id", "a/b", "-access-key-secret", "s3cret"}, `access key id "a/b": want letters`},
		{"log", []string{"-log", "xml"}, `-log "xml": want text or json`},
		{"token without control", []string{"-control-token", "s3cret-s3cret-s3cret"}, "-control-token without -control"},
		{"short token", []string{"-control", "-control-token", "s3cret"}, "-control-token: control: token of 6 bytes, want 16 to 256"},
		{"empty region", []string{"-region", ""}, `invalid value "" for flag -region: a region has a name`},
		{"region", []string{"-region", "HANGZHOU"}, `region "HANGZHOU": want lower-case letters`},
		{"further region", []string{"-region", "cn-hangzhou", "-region", "HANGZHOU"}, `regions[1]: "HANGZHOU" is not the name of one`},
		{"account", []string{"-account", "me"}, `account "me": want digits`},
		{"open without TLS", []string{"-listen", "0.0.0.0:0"}, "-listen 0.0.0.0:0 takes calls from other machines: add -tls-cert and -tls-key, or -insecure-allow-plain-http"},
		{"open by no host", []string{"-listen", ":0"}, "-listen :0 takes calls from other machines"},
		{"open control", []string{"-control=0.0.0.0:0"}, "-control=0.0.0.0:0: the control face is for this machine alone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			status := run(t.Context(), tt.args, &stdout, &stderr)
			if status != 2 || stdout.Len() != 0 || !strings.HasPrefix(stderr.String(), "localkms: ") || !strings.Contains(stderr.String(), tt.want) ||
				!strings.HasSuffix(stderr.String(), "\nrun localkms -h for its flags\n") {
				t.Errorf("run %q = %d\n%s%s\nwant %s", tt.args, status, &stdout, &stderr, tt.want)
			}
			if strings.Contains(stderr.String(), "s3cret") {
				t.Errorf("it prints a secret: %s", &stderr)
			}
		})
	}
}

// A failure is told with the flag it belongs to, and exit status 1.
func TestFailures(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	none := filepath.Join(dir, "none")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"no configuration", []string{"-config", none}, "-config: open " + none},
		{"malformed configuration", []string{"-config", file("a.json", `{"acounts": []}`, 0o600)}, `a.json: refkms: config: at byte 15: json: unknown field "acounts"`},
		{"wrong configuration", []string{"-config", file("b.json", `{"accounts": [{"id": "me"}]}`, 0o600)}, `b.json: refkms: config: accounts[0]: id "me"`},
		{"no certificate", []string{"-tls-cert", none, "-tls-key", none}, "-tls-cert, -tls-key: open " + none},
		{"no such folder", []string{"-audit", filepath.Join(none, "a")}, "-audit: open " + none},
		{"audit for all", []string{"-audit", file("audit", "", 0o644)}, "audit: mode -rw-r--r--, want one for its owner alone, as chmod 600 makes it"},
		{"address in use", []string{"-listen", taken.Addr().String()}, "-listen: listen tcp " + taken.Addr().String()},
		{"no such port", []string{"-listen", "127.0.0.1:99999"}, "-listen: address 99999: invalid port"},
		{"no such port of control", []string{"-control=127.0.0.1:99999"}, "-control: address 99999: invalid port"},
		{"control address in use", []string{"-control=" + taken.Addr().String()}, "-control: listen tcp " + taken.Addr().String()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			status := run(t.Context(), tt.args, &stdout, &stderr)
			if status != 1 || stdout.Len() != 0 || !strings.HasPrefix(stderr.String(), "localkms: ") || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("run %q = %d\n%s%s\nwant %s", tt.args, status, &stdout, &stderr, tt.want)
			}
		})
	}
}

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"": "''", "LTAI.a-b_C9": "LTAI.a-b_C9", "a b": "'a b'", "$(x)": "'$(x)'", "it's": `'it'\''s'`, "a;b": "'a;b'", "a\nb": "'a\nb'", "é": "'é'",
	} {
		if got := quote(word); got != want {
			t.Errorf("quote(%q) = %s, want %s", word, got, want)
		}
	}
}
