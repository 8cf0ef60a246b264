package wire

import "strings"

// A charset holds the bytes that a percent-encoding leaves as they are.
type charset [256]bool

func newCharset(bare string) *charset {
	var c charset
	for i := range len(bare) {
		c[bare[i]] = true
	}
	return &c
}

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

var (
	// rfc3986 is the encoding of all signatures: the unreserved characters of RFC 3986, Section 2.3.
	rfc3986 = newCharset(alphanumeric + "-_.~")
	// ecmaScript is that of encodeURIComponent and of Node's querystring.stringify (ECMA-262, uriUnescaped).
	ecmaScript = newCharset(alphanumeric + "-_.~!'()*")
)

const upperHex = "0123456789ABCDEF"

// appendEncoded appends s, percent-encoded with upper-case digits.
func appendEncoded(dst []byte, s string, bare *charset) []byte {
	for i := range len(s) {
		if c := s[i]; bare[c] {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// appendTwice appends s, percent-encoded twice.
func appendTwice(dst []byte, s string, bare *charset) []byte {
	for i := range len(s) {
		if c := s[i]; bare[c] {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', '2', '5', upperHex[c>>4], upperHex[c&15]) // the second time, % becomes %25
		}
	}
	return dst
}

// decode returns s as a form means it: + is a blank, %XY a byte. It reports whether every % begins two digits.
func decode(s string) (string, bool) {
	if !strings.ContainsAny(s, "%+") {
		return s, true
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '+':
			b.WriteByte(' ')
		case '%':
			if i+2 >= len(s) {
				return "", false
			}
			high, low := unhex(s[i+1]), unhex(s[i+2])
			if high > 15 || low > 15 {
				return "", false
			}
			b.WriteByte(high<<4 | low)
			i += 2
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

// unhex returns the value of a hexadecimal digit, more than 15 for any other byte.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
