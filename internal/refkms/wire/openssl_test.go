package wire_test

import (
	"bytes"
	"encoding/hex"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// openssl returns what openssl dgst prints in hex. It skips the test where that is missing, or has no SM3.
func openssl(t *testing.T, input string, options ...string) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is missing: not cross-checked")
	}
	cmd := exec.CommandContext(t.Context(), "openssl", append([]string{"dgst", "-r"}, options...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		if bytes.Contains(out, []byte("sm3")) {
			t.Skipf("openssl has no SM3: not cross-checked: %s", out)
		}
		t.Fatalf("openssl dgst %q: %v: %s", options, err, out)
	}
	sum, _, _ := strings.Cut(string(out), " ")
	return sum
}

// A request that openssl hashes and signs is proven, by SHA-256 and by SM3, which this package and its tests have from one
// library.
func TestOpenSSLSigns(t *testing.T) {
	for algorithm, hash := range map[string]string{"ACS3-HMAC-SHA256": "-sha256", "ACS3-HMAC-SM3": "-sm3"} {
		t.Run(algorithm, func(t *testing.T) {
			w := newWorld(t)
			m := message{header: w.headers("ListKeys"), query: map[string]string{"PageSize": "3", "x": "a b+c/d=*~e&张三"}}
			m.header["x-acs-content-sha256"] = openssl(t, "", hash)
			fields := maps.Clone(m.header)
			fields["host"] = host
			names := slices.Sorted(maps.Keys(fields))
			canonicalRequest := "POST\n/\n" + canonical(m.query, "=") + "\n"
			for _, name := range names {
				canonicalRequest += name + ":" + fields[name] + "\n"
			}
			signedHeaders := strings.Join(names, ";")
			canonicalRequest += "\n" + signedHeaders + "\n" + m.header["x-acs-content-sha256"]
			signature := openssl(t, algorithm+"\n"+openssl(t, canonicalRequest, hash), hash, "-mac", "HMAC",
				"-macopt", "hexkey:"+hex.EncodeToString([]byte(testSecret)))
			m.header["Authorization"] = algorithm + " Credential=" + testID + ",SignedHeaders=" + signedHeaders + ",Signature=" + signature
			if got := w.ok(m.request())["PageSize"]; got != 3.0 {
				t.Errorf("PageSize %v", got)
			}
		})
	}
}
