package refkms_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"index/suffixarray"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/xinfeng-kms/xinfeng/kmsclient/kmstest"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// A confidant is a transport that remembers all that goes through it in confidence: what was sent and what was answered,
// in calls that succeed and calls that are refused.
type confidant struct {
	base    http.RoundTripper
	mu      sync.Mutex
	secrets map[string]bool
}

// sentInConfidence and toldInConfidence are the names of what must be in no record.
var (
	sentInConfidence = []string{"Plaintext", "SecretData", "EncryptedKeyMaterial", "ImportToken", "Signature", "SecurityToken"}
	toldInConfidence = map[string]bool{"Plaintext": true, "SecretData": true, "RandomPassword": true, "ImportToken": true,
		"AccessKeySecret": true, "SecurityToken": true}
)

// minSecret is how long a secret is that is looked for: a shorter one could be found where it only happens to occur.
const minSecret = 12

func (c *confidant) keep(secret string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.secrets == nil {
		c.secrets = map[string]bool{}
	}
	raw, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		raw = []byte(secret)
	}
	for _, form := range []string{secret, string(raw), base64.StdEncoding.EncodeToString([]byte(secret))} {
		if len(form) >= minSecret && strings.Trim(form, form[:1]) != "" { // a row of one character is in many places
			c.secrets[form] = true
		}
	}
}

func (c *confidant) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	form, _ := url.ParseQuery(string(body)) // of a body that is a form
	for _, values := range []url.Values{r.URL.Query(), form} {
		for _, name := range sentInConfidence {
			for _, value := range values[name] {
				c.keep(value)
			}
		}
	}
	resp, err := c.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	var doc any
	if json.Unmarshal(answer, &doc) == nil {
		c.listen(doc)
	}
	return resp, nil
}

// listen keeps what an answer tells in confidence.
func (c *confidant) listen(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if s, ok := value.(string); ok && toldInConfidence[name] {
				c.keep(s)
			}
			c.listen(value)
		}
	case []any:
		for _, value := range v {
			c.listen(value)
		}
	}
}

// search looks for every secret in the records, which are JSON.
func (c *confidant) search(t *testing.T, records string) {
	t.Helper()
	index := suffixarray.New([]byte(records)) // thousands of secrets, megabytes of records
	for secret := range c.secrets {
		quoted, err := json.Marshal(secret)
		must(t, err)
		for _, form := range [][]byte{[]byte(secret), quoted[1 : len(quoted)-1]} {
			if at := index.Lookup(form, 1); at != nil {
				t.Errorf("a record holds %.40q: …%.300s", secret, records[max(0, at[0]-200):])
				break
			}
		}
	}
}

// A recorder keeps all records of a server, as JSON.
type recorder struct {
	mu  sync.Mutex
	log strings.Builder
}

func (r *recorder) audit(e refkms.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := json.NewEncoder(&r.log).Encode(e); err != nil {
		panic(err)
	}
}

// Of all that the suite of KMS servers sends and is told in confidence, nothing is in the records of its some thousand calls.
func TestNoSecretOfTheSuiteReachesARecord(t *testing.T) {
	if testing.Short() || inFile() {
		t.Skip("it runs the whole suite")
	}
	var records recorder
	server, err := refkms.New(&refkms.Options{Quotas: &refkms.Quotas{None: true}, Audit: records.audit, SpareKeyPairs: -1})
	must(t, err)
	id, secret := server.AccessKey()
	told := &confidant{base: server.Transport()}
	kmstest.Run(t, kmstest.Target{Region: "cn-hangzhou", OtherRegion: "ap-southeast-1", PlainRegion: "cn-qingdao", Account: refkms.DefaultAccount,
		AccessKeyID: id, AccessKeySecret: secret, Transport: told, Advance: server.Advance})
	told.keep(secret)
	n := strings.Count(records.log.String(), "\n")
	t.Logf("%d secrets, %d records of %d KB", len(told.secrets), n, records.log.Len()>>10)
	if len(told.secrets) < 100 || n < 100 {
		t.Error("the test has lost its point")
	}
	told.search(t, records.log.String())
}
