package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"slices"
	"strings"

	"github.com/emmansun/gmsm/sm3"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// Signature version 3: action, version, date and nonce are header fields, the signature stands in Authorization, and
// parameters are in the query and the form.
//
//	Authorization: ACS3-HMAC-SHA256 Credential=<id>,SignedHeaders=<h1;h2;…>,Signature=<hex>
//
//	canonical request = METHOD LF / LF canonical query LF canonical headers LF SignedHeaders LF hex(H(body))
//	StringToSign      = algorithm LF hex(H(canonical request))
//	Signature         = hex(HMAC-H(secret, StringToSign))
//
// Version 4 differs in the key and in how an empty parameter is written: v4.go.

// An algorithm is a way to sign by header fields.
type algorithm struct {
	hash func() hash.Hash
	v4   bool
}

// algorithms holds those of the scheme that need no key pair.
var algorithms = map[string]algorithm{
	"ACS3-HMAC-SHA256": {hash: sha256.New},
	"ACS3-HMAC-SM3":    {hash: sm3.New},
	"ACS4-HMAC-SHA256": {hash: sha256.New, v4: true},
	"ACS4-HMAC-SM3":    {hash: sm3.New, v4: true},
}

// An authorization is the header field of that name, in its parts.
type authorization struct {
	algorithm                            string
	credential, signedHeaders, signature string
}

// parseAuthorization reads an Authorization field. Blanks after its commas are tolerated; what else is in it is not
// looked at.
func parseAuthorization(field string) (a authorization, ok bool) {
	algorithm, rest, _ := strings.Cut(field, " ")
	a.algorithm = algorithm
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			a.credential = value
		case "SignedHeaders":
			a.signedHeaders = value
		case "Signature":
			a.signature = value
		}
	}
	return a, a.credential != "" && a.signedHeaders != "" && a.signature != ""
}

// claimHeaders returns what the header fields claim.
func (r *request) claimHeaders() (claim, error) {
	auth, ok := parseAuthorization(r.headerValue("Authorization"))
	alg, known := algorithms[auth.algorithm]
	contentHash := r.headerValue("x-acs-content-sha256")
	if contentHash == "" && known && strings.HasSuffix(auth.algorithm, "-SM3") {
		contentHash = r.headerValue("x-acs-content-sm3") // the name other signers than Go's use
	}
	switch {
	case r.headerValue("x-acs-date") == "":
		return claim{}, call.ErrIllegalTimestamp
	case r.headerValue("x-acs-signature-nonce") == "":
		return claim{}, call.Missing("x-acs-signature-nonce")
	case contentHash == "":
		return claim{}, call.Missing("x-acs-content-sha256")
	case !ok:
		return claim{}, call.ErrIncompleteSignature
	case !known:
		return claim{}, call.ErrInvalidSignatureMethod
	}
	names := strings.Split(auth.signedHeaders, ";")
	if !r.signsAll(names) {
		return claim{}, call.ErrIncompleteSignature
	}
	c := claim{
		accessKeyID: auth.credential,
		date:        r.headerValue("x-acs-date"),
		token:       r.headerValue("x-acs-security-token"),
		nonce:       r.headerValue("x-acs-signature-nonce"),
	}
	signingKey := func(secret []byte) []byte { return secret }
	if alg.v4 {
		s, ok := parseScope(auth.credential)
		if !ok || s.date != compactDate(c.date) || s.product != productName {
			return claim{}, call.ErrIncompleteSignature
		}
		c.accessKeyID = s.accessKeyID
		signingKey = func(secret []byte) []byte { return s.signingKey(alg.hash, secret) }
	}
	c.verify = func(secret []byte) error {
		h := alg.hash()
		h.Write(r.body)
		bodyHash := hex.EncodeToString(h.Sum(nil))
		key := signingKey(secret)
		matches := func(canonical []byte) (stringToSign string, ok bool) {
			h.Reset()
			h.Write(canonical)
			stringToSign = auth.algorithm + "\n" + hex.EncodeToString(h.Sum(nil))
			mac := hmac.New(alg.hash, key)
			mac.Write([]byte(stringToSign))
			// Both are compared whatever the first says. The hash of the body is signed where it stands, in the header.
			return stringToSign, subtle.ConstantTimeCompare([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(auth.signature))&
				subtle.ConstantTimeCompare([]byte(bodyHash), []byte(contentHash)) == 1
		}
		canonical := r.canonicalRequest(names, bodyHash, !alg.v4)
		stringToSign, ok := matches(canonical)
		if !ok && alg.v4 {
			_, ok = matches(r.canonicalRequest(names, bodyHash, true)) // the SDK for Python keeps to version 3 there
		}
		if !ok {
			return call.HeaderSignatureMismatch(stringToSign, string(canonical))
		}
		return nil
	}
	return c, nil
}

// signsAll reports whether names, the SignedHeaders, are in lower case and ascending and leave out nothing that counts:
// host, every x-acs- field (an unsigned x-acs-action could be swapped) and, if there is one, the content type.
func (r *request) signsAll(names []string) bool {
	for i, name := range names {
		if name != strings.ToLower(name) || i > 0 && names[i-1] >= name {
			return false
		}
	}
	signed := func(name string) bool {
		_, found := slices.BinarySearch(names, name)
		return found
	}
	for name := range r.header {
		name = strings.ToLower(name)
		if (strings.HasPrefix(name, "x-acs-") || name == "content-type") && !signed(name) {
			return false
		}
	}
	return signed("host")
}

// canonicalRequest returns the canonical request, an empty parameter in it as name= or as the name alone.
func (r *request) canonicalRequest(signedHeaders []string, bodyHash string, equals bool) []byte {
	n := len(r.method) + len(r.rawQuery) + len(bodyHash) + 64
	for _, name := range signedHeaders {
		n += 2*len(name) + 64
	}
	b := make([]byte, 0, n)
	b = append(b, r.method...)
	b = append(b, "\n/\n"...)
	for i, p := range r.query {
		if i > 0 {
			b = append(b, '&')
		}
		b = appendEncoded(b, p.name, rfc3986)
		if p.value != "" || equals {
			b = append(b, '=')
		}
		b = appendEncoded(b, p.value, rfc3986)
	}
	b = append(b, '\n')
	for _, name := range signedHeaders {
		b = append(b, name...)
		b = append(b, ':')
		if name == "host" { // net/http takes it out of the header
			b = append(b, strings.TrimSpace(r.host)...)
		} else {
			b = append(b, r.headerValue(name)...)
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	for i, name := range signedHeaders {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	b = append(b, '\n')
	return append(b, bodyHash...)
}

// canonicalValue returns the value of a header field as signatures have it: trimmed; of several, the sorted list.
func canonicalValue(values []string) string {
	switch len(values) {
	case 0:
		return ""
	case 1:
		return strings.TrimSpace(values[0])
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.TrimSpace(v)
	}
	slices.Sort(trimmed)
	return strings.Join(trimmed, ",")
}
