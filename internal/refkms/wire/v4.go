package wire

import (
	"crypto/hmac"
	"hash"
	"strings"
)

// Signature version 4 is version 3 with a key that is good for one day, one region and one product:
//
//	Credential=<id>/<yyyymmdd>/<region>/<product>/aliyun_v4_request
//
//	k1 = HMAC("aliyun_v4" || secret, date)   k2 = HMAC(k1, region)   k3 = HMAC(k2, product)
//	signing key = HMAC(k3, "aliyun_v4_request")
//
// and with an empty parameter written without "=" in the canonical query. The vendor's SDKs disagree on the latter (Go
// without, Python with), so either is taken.

// productName is the service's name in a credential of version 4.
const productName = "Kms"

const (
	scopePrefix = "aliyun_v4"
	scopeSuffix = "aliyun_v4_request"
)

// A scope is the Credential of version 4. The region is taken as the client guessed it: it guesses "center" for an
// address.
type scope struct{ accessKeyID, date, region, product string }

func parseScope(credential string) (s scope, ok bool) {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 || parts[4] != scopeSuffix {
		return scope{}, false
	}
	return scope{parts[0], parts[1], parts[2], parts[3]}, parts[0] != "" && parts[2] != ""
}

// signingKey derives the key that signs in the scope.
func (s scope) signingKey(h func() hash.Hash, secret []byte) []byte {
	key := append([]byte(scopePrefix), secret...)
	for _, part := range [...]string{s.date, s.region, s.product, scopeSuffix} {
		mac := hmac.New(h, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return key
}

// compactDate returns the day of a date, 20060102 of 2006-01-02T15:04:05Z.
func compactDate(date string) string {
	day, _, _ := strings.Cut(date, "T")
	return strings.ReplaceAll(day, "-", "")
}
