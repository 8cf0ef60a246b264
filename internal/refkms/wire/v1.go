package wire

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// Signature version 1: everything is a parameter, of the query or the form.
//
//	StringToSign = METHOD & %2F & encode(canonical query)
//	Signature    = base64(HMAC-SHA1(secret & "&", StringToSign))
//
// The canonical query is every parameter but Signature, name=value, both encoded, ascending by name. What the newer SDKs
// call version 2 is the same.

// claimV1 returns what the parameters claim.
func (r *request) claimV1() (claim, error) {
	for _, name := range [...]string{"AccessKeyId", "SignatureMethod", "SignatureVersion", "Timestamp", "Signature"} {
		if r.params.get(name) != "" {
			continue
		}
		if name == "Timestamp" {
			return claim{}, call.ErrIllegalTimestamp
		}
		return claim{}, call.Missing(name)
	}
	switch {
	case r.params.get("SignatureMethod") != "HMAC-SHA1":
		return claim{}, call.ErrInvalidSignatureMethod
	case r.params.get("SignatureVersion") != "1.0":
		return claim{}, call.Invalid("SignatureVersion")
	case r.params.get("SignatureType") != "": // SDKs send it empty
		return claim{}, call.Invalid("SignatureType")
	}
	return claim{
		accessKeyID: r.params.get("AccessKeyId"),
		date:        r.params.get("Timestamp"),
		token:       r.params.get("SecurityToken"),
		nonce:       r.params.get("SignatureNonce"),
		verify:      r.verifyV1,
	}, nil
}

// verifyV1 checks the signature.
func (r *request) verifyV1(secret []byte) error {
	key := append(append(make([]byte, 0, len(secret)+1), secret...), '&')
	want := []byte(r.params.get("Signature"))
	matches := func(stringToSign []byte) bool {
		mac := hmac.New(sha1.New, key)
		mac.Write(stringToSign)
		var sum [sha1.Size]byte
		var text [(sha1.Size + 2) / 3 * 4]byte
		base64.StdEncoding.Encode(text[:], mac.Sum(sum[:0]))
		return subtle.ConstantTimeCompare(text[:], want) == 1
	}
	signed := r.stringToSignV1(rfc3986, true)
	if matches(signed) {
		return nil
	}
	// The old kms-sdk of Node, the only client without a nonce, encodes as ECMAScript does, and does not sign a number 0
	// that it sends. Here that cannot be told from a text "0", which it signs.
	if r.params.get("SignatureNonce") == "" &&
		(matches(r.stringToSignV1(ecmaScript, true)) || matches(r.stringToSignV1(ecmaScript, false))) {
		return nil
	}
	return call.RPCSignatureMismatch(string(signed))
}

// stringToSignV1 returns the string to sign, with or without the parameters whose value is 0.
func (r *request) stringToSignV1(bare *charset, zeros bool) []byte {
	n := len(r.method) + len("&%2F&")
	for _, p := range r.params {
		n += len(p.name) + len(p.value)*3/2 + len("%3D%26")
	}
	b := make([]byte, 0, n)
	b = append(b, r.method...)
	b = append(b, "&%2F&"...)
	first := true
	for _, p := range r.params {
		if p.name == "Signature" || p.value == "0" && !zeros {
			continue
		}
		if !first {
			b = append(b, "%26"...)
		}
		first = false
		b = appendTwice(b, p.name, bare)
		b = append(b, "%3D"...)
		b = appendTwice(b, p.value, bare)
	}
	return b
}
