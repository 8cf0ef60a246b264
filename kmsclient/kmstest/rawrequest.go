package kmstest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A rawRequest is a request that no SDK would make. It is signed here, by code that shares nothing with a server.
type rawRequest struct {
	method string            // default POST
	path   string            // default /
	query  map[string]string // its signature, if it is signed by parameters, stands among them
	form   map[string]string
	header map[string]string
	spell  func(encoded string) string // how a query is spelt on the wire; default as it is encoded
}

// A rawAnswer is what came back.
type rawAnswer struct {
	status int
	header http.Header
	body   []byte
}

// v1 returns the parameters of a request that is signed by them.
func (k *kit) v1(action string, pairs ...string) map[string]string {
	q := map[string]string{
		"Action": action, "Version": apiVersion, "Format": "JSON", "AccessKeyId": k.target.AccessKeyID,
		"SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0", "SignatureNonce": rand.Text(),
		"Timestamp": timestamp(0), "RegionId": k.region,
	}
	maps.Copy(q, params(pairs))
	return q
}

// v3 returns the header fields of a request that is signed by them.
func (k *kit) v3(action string, pairs ...string) map[string]string {
	h := map[string]string{"x-acs-action": action, "x-acs-version": apiVersion, "x-acs-date": timestamp(0), "x-acs-signature-nonce": rand.Text()}
	maps.Copy(h, params(pairs))
	return h
}

// timestamp returns the date that is so far from now.
func timestamp(d time.Duration) string { return time.Now().Add(d).UTC().Format("2006-01-02T15:04:05Z") }

func (r *rawRequest) defaults() {
	if r.method == "" {
		r.method = http.MethodPost
	}
	if r.path == "" {
		r.path = "/"
	}
	if r.spell == nil {
		r.spell = func(encoded string) string { return encoded }
	}
}

// percentEncode encodes as signatures do (RFC 3986).
func percentEncode(s string) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(url.QueryEscape(s))
}

// canonicalQuery returns name=value, joined by &, ascending.
func canonicalQuery(params map[string]string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		pairs = append(pairs, percentEncode(name)+"="+percentEncode(params[name]))
	}
	return strings.Join(pairs, "&")
}

// stringToSign returns what a signature of version 1 signs.
func (r rawRequest) stringToSign() string {
	r.defaults()
	all := maps.Clone(r.query)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, r.form)
	delete(all, "Signature")
	return r.method + "&%2F&" + percentEncode(canonicalQuery(all))
}

// signV1 returns the request signed by parameters. Signature stands where AccessKeyId does.
func (r rawRequest) signV1(secret string) rawRequest {
	mac := hmac.New(sha1.New, []byte(secret+"&"))
	io.WriteString(mac, r.stringToSign())
	signature := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if _, inForm := r.form["AccessKeyId"]; inForm {
		r.form = maps.Clone(r.form)
		r.form["Signature"] = signature
	} else {
		r.query = maps.Clone(r.query)
		r.query["Signature"] = signature
	}
	return r
}

// signV3 returns the request signed by header fields, but for those in unsigned.
func (r rawRequest) signV3(host, id, secret string, unsigned ...string) rawRequest {
	r.defaults()
	r.header = maps.Clone(r.header)
	body := sha256.Sum256([]byte(canonicalQuery(r.form)))
	if r.header["x-acs-content-sha256"] == "" {
		r.header["x-acs-content-sha256"] = hex.EncodeToString(body[:])
	}
	if r.form != nil {
		r.header["content-type"] = "application/x-www-form-urlencoded"
	}
	fields := maps.Clone(r.header)
	fields["host"] = host
	for _, name := range unsigned {
		delete(fields, name)
	}
	names := slices.Sorted(maps.Keys(fields))
	var lines strings.Builder
	for _, name := range names {
		lines.WriteString(name + ":" + strings.TrimSpace(fields[name]) + "\n")
	}
	signedHeaders := strings.Join(names, ";")
	request := sha256.Sum256([]byte(r.method + "\n/\n" + canonicalQuery(r.query) + "\n" + lines.String() + "\n" + signedHeaders + "\n" + hex.EncodeToString(body[:])))
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, "ACS3-HMAC-SHA256\n"+hex.EncodeToString(request[:]))
	r.header["Authorization"] = "ACS3-HMAC-SHA256 Credential=" + id + ",SignedHeaders=" + signedHeaders + ",Signature=" + hex.EncodeToString(mac.Sum(nil))
	return r
}

// send sends the request. It ends the test if no answer comes.
func (k *kit) send(r rawRequest) rawAnswer {
	k.Helper()
	r.defaults()
	var body io.Reader = http.NoBody
	if r.form != nil {
		body = strings.NewReader(canonicalQuery(r.form))
	}
	address := k.target.Scheme + "://" + k.target.endpoint(k.region) + r.path
	if len(r.query) > 0 {
		address += "?" + r.spell(canonicalQuery(r.query))
	}
	request, err := http.NewRequestWithContext(k.Context(), r.method, address, body)
	if err != nil {
		k.Fatalf("%s: %v", r.method, unquoted(err))
	}
	if r.form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range r.header {
		request.Header.Set(name, value)
	}
	response, err := k.target.Transport.RoundTrip(request)
	if err != nil {
		k.Fatalf("%s: %v", r.method, unquoted(err))
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		k.Fatalf("%s: the answer breaks off: %v", r.method, err)
	}
	return rawAnswer{response.StatusCode, response.Header, answer}
}

// unquoted returns the cause of an error that quotes a URL, which holds a signature.
func unquoted(err error) error {
	var quoting *url.Error
	if errors.As(err, &quoting) {
		return quoting.Err
	}
	return err
}

// json reads the answer.
func (k *kit) json(a rawAnswer) doc {
	k.Helper()
	d := doc{}
	if err := json.Unmarshal(a.body, &d); err != nil {
		k.Fatalf("HTTP %d with what is no JSON object: %v", a.status, err)
	}
	return d
}

// xml reads the answer, which must be well-formed, and returns the name of its root and the texts of its elements.
func (k *kit) xml(a rawAnswer) (root string, texts map[string]string) {
	k.Helper()
	texts = map[string]string{}
	dec := xml.NewDecoder(strings.NewReader(string(a.body)))
	var open []string
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return root, texts
		}
		if err != nil {
			k.Fatalf("HTTP %d with what is no XML: %v", a.status, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if root == "" {
				root = token.Name.Local
			}
			open = append(open, token.Name.Local)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				texts[strings.Join(open[1:], ".")] += string(token)
			}
		}
	}
}

// accepts sends a request that succeeds.
func (k *kit) accepts(r rawRequest) doc {
	k.Helper()
	a := k.send(r)
	d := k.json(a)
	if a.status != http.StatusOK {
		k.Fatalf("HTTP %d %s: %.300q", a.status, d.str("Code"), d.str("Message"))
	}
	return d
}

// rejects sends a request that is refused, and returns the document.
func (k *kit) rejects(want string, r rawRequest) doc {
	k.Helper()
	a := k.send(r)
	d := k.json(a)
	err := error(&Refusal{Status: a.status, Code: d.str("Code"), Message: d.str("Message"), RequestID: d.str("RequestId")})
	if a.status == http.StatusOK {
		err = errors.New("success")
	}
	k.isRefusal(want, err, fmt.Sprintf("%s %s", r.method, r.query["Action"]))
	return d
}
