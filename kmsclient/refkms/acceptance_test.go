package refkms_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

const arns = "acs:kms:cn-hangzhou:1234567890123456:"

// A caller calls a server by the official SDK, as whoever has an access key. Parameters are names and values in turn.
type caller struct {
	t      testing.TB
	server *refkms.Server
	told   *confidant // what all callers of the server have said and heard in confidence
	client *kms.Client
	scheme string
	format string
}

// rootCaller returns a new server and its account. At the end of the test nothing that was said in confidence may be in a
// record.
func rootCaller(t *testing.T, opts *refkms.Options) *caller {
	t.Helper()
	var o refkms.Options
	if opts != nil {
		o = *opts
	}
	records := new(recorder)
	o.Audit = records.audit
	server, err := refkms.New(&o)
	must(t, err)
	id, secret := server.AccessKey()
	c := &caller{t: t, server: server, told: &confidant{base: server.Transport()}, scheme: "https", format: "JSON"}
	t.Cleanup(func() { c.told.search(t, records.log.String()) })
	return c.with(id, secret, "")
}

// with returns the caller with another access key, and a token if there is one.
func (c caller) with(id, secret, token string) *caller {
	c.t.Helper()
	var err error
	if token == "" {
		c.client, err = kms.NewClientWithAccessKey("cn-hangzhou", id, secret)
	} else {
		c.client, err = kms.NewClientWithStsToken("cn-hangzhou", id, secret, token)
	}
	must(c.t, err)
	c.client.SetTransport(c.told)
	return &c
}

// user makes a user with policies.
func (c *caller) user(name string, policies ...string) *caller {
	c.t.Helper()
	newUser(c.t, c.server, name, policies...)
	id, secret, err := c.server.RAM("").CreateAccessKey(name)
	must(c.t, err)
	return c.with(id, secret, "")
}

// from returns the caller at an address: the request comes as from there, over TLS.
func (c caller) from(addr string) *caller {
	c.client.SetTransport(peer{c.server.Handler(), addr})
	return &c
}

// plain returns the caller without TLS.
func (c caller) plain() *caller {
	c.scheme = "http"
	return &c
}

// in returns the caller who asks for a format.
func (c caller) in(format string) *caller {
	c.format = format
	return &c
}

// A peer is a transport to a handler, which sees the requests come from an address.
type peer struct {
	handler http.Handler
	addr    string
}

func (p peer) RoundTrip(r *http.Request) (*http.Response, error) {
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), r.Body)
	in.Host, in.RemoteAddr, in.TLS = r.URL.Host, p.addr+":4711", new(tls.ConnectionState)
	for name, values := range r.Header {
		in.Header[http.CanonicalHeaderKey(name)] = values
	}
	rec := httptest.NewRecorder()
	p.handler.ServeHTTP(rec, in)
	return rec.Result(), nil
}

// A doc is an answer.
type doc map[string]any

// at returns what is at a path, whose steps are names and indexes.
func (d doc) at(path ...any) any {
	var v any = map[string]any(d)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if v = nil; step < len(l) {
				v = l[step]
			}
		}
	}
	return v
}

// str returns the text at a path, "" if there is none.
func (d doc) str(path ...any) string { s, _ := d.at(path...).(string); return s }

// len returns how long the list at a path is.
func (d doc) len(path ...any) int { l, _ := d.at(path...).([]any); return len(l) }

// versions are those of the products beside KMS.
var versions = map[string]string{"AssumeRole": "2015-04-01", "GetCallerIdentity": "2015-04-01", "LookupEvents": "2020-07-06"}

// raw makes a call and returns the answer as it came; the error is the SDK's.
func (c *caller) raw(action string, params ...string) ([]byte, error) {
	r := requests.NewCommonRequest()
	r.Scheme, r.Method, r.Domain, r.ApiName, r.AcceptFormat = c.scheme, requests.POST, "kms.cn-hangzhou.aliyuncs.com", action, c.format
	if r.Version = versions[action]; r.Version == "" {
		r.Version = "2016-01-20"
	}
	for i := 0; i < len(params); i += 2 {
		r.QueryParams[params[i]] = params[i+1]
	}
	answer, err := c.client.ProcessCommonRequest(r)
	if err != nil {
		return nil, err
	}
	return answer.GetHttpContentBytes(), nil
}

// call makes a call that is answered in JSON.
func (c *caller) call(action string, params ...string) (doc, error) {
	c.t.Helper()
	body, err := c.raw(action, params...)
	if err != nil {
		return nil, err
	}
	var d doc
	if err := json.Unmarshal(body, &d); err != nil || d.str("RequestId") == "" {
		c.t.Fatalf("%s answers %s: %v", action, body, err)
	}
	return d, nil
}

// ok makes a call that succeeds.
func (c *caller) ok(action string, params ...string) doc {
	c.t.Helper()
	d, err := c.call(action, params...)
	if err != nil {
		c.t.Fatalf("%s(%.200q) = %v", action, params, err)
	}
	return d
}

// refused makes a call that is refused with a status and a code, and returns the message.
func (c *caller) refused(status int, code, action string, params ...string) string {
	c.t.Helper()
	_, err := c.call(action, params...)
	var e *sdkerrors.ServerError
	if !errors.As(err, &e) || e.ErrorCode() != code || e.HttpStatus() != status {
		c.t.Errorf("%s(%.200q) = %v, want %d %s", action, params, err, status, code)
		return ""
	}
	return e.Message()
}

// denied makes a call that lacks a right, on a resource that the refusal names, "" for none.
func (c *caller) denied(resource, action string, params ...string) {
	c.t.Helper()
	want := "This operation for " + resource + " is forbidden by permission system."
	if resource == "" {
		want = "This operation is forbidden by permission system."
	}
	if got := c.refused(403, "Forbidden.NoPermission", action, params...); got != "" && got != want {
		c.t.Errorf("%s(%.200q) is refused with %q, want %q", action, params, got, want)
	}
}

// key makes a CMK.
func (c *caller) key(params ...string) string {
	c.t.Helper()
	return c.ok("CreateKey", params...).str("KeyMetadata", "KeyId")
}

// secret makes a secret of version v1.
func (c *caller) secret(name, value string, params ...string) {
	c.t.Helper()
	c.ok("CreateSecret", append([]string{"SecretName", name, "VersionId", "v1", "SecretData", value}, params...)...)
}

// value returns a value of a secret.
func (c *caller) value(name string, params ...string) string {
	c.t.Helper()
	return c.ok("GetSecretValue", append([]string{"SecretName", name}, params...)...).str("SecretData")
}

// labels returns the versions of a secret with their labels, as in "v1[ACSPrevious] v2[ACSCurrent A] v3[]".
func (c *caller) labels(name string) string {
	c.t.Helper()
	d := c.ok("ListSecretVersionIds", "SecretName", name, "IncludeDeprecated", "true")
	var out []string
	for i := range d.len("VersionIds", "VersionId") {
		var stages []string
		for j := range d.len("VersionIds", "VersionId", i, "VersionStages", "VersionStage") {
			stages = append(stages, d.str("VersionIds", "VersionId", i, "VersionStages", "VersionStage", j))
		}
		out = append(out, fmt.Sprintf("%s[%s]", d.str("VersionIds", "VersionId", i, "VersionId"), strings.Join(stages, " ")))
	}
	return strings.Join(out, " ")
}

// xml makes a call that is answered in XML, refused or not, and returns the names and texts of the elements below the
// root in their order.
func (c *caller) xml(action string, params ...string) (elements []string) {
	c.t.Helper()
	body, err := c.in("XML").raw(action, params...)
	var e *sdkerrors.ServerError
	switch {
	case errors.As(err, &e):
		body = []byte(e.Message()) // what is not JSON the SDK takes for the message
	case err != nil:
		c.t.Fatalf("%s in XML = %v", action, err)
	}
	var open []string
	dec := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			c.t.Fatalf("%s answers what is no XML: %v: %s", action, err, body)
		}
		switch token := token.(type) {
		case xml.StartElement:
			open = append(open, token.Name.Local)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) == 0 || open[0] != "KMS" {
				c.t.Errorf("%s answers with the root %q", action, open)
			}
			elements = append(elements, strings.Join(slices.Clone(open), "/")+"="+string(token))
		}
	}
	if !slices.ContainsFunc(elements, func(e string) bool { return strings.HasPrefix(e, "KMS/RequestId=") }) {
		c.t.Errorf("%s answers without a request id: %s", action, body)
	}
	return elements
}

// grant returns a policy that allows actions on resources, with a condition if there is one.
func grant(actions, resources string, condition ...string) string {
	return statement("Allow", actions, resources, condition...)
}

func statement(effect, actions, resources string, condition ...string) string {
	list := func(blanks string) string {
		doc, err := json.Marshal(strings.Fields(blanks))
		if err != nil {
			panic(err)
		}
		return string(doc)
	}
	when := ""
	if len(condition) > 0 {
		when = `,"Condition":` + condition[0]
	}
	return `{"Version":"1","Statement":[{"Effect":"` + effect + `","Action":` + list(actions) + `,"Resource":` + list(resources) + when + `}]}`
}
