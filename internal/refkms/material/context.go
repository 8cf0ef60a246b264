package material

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxContext is the longest encryption context, in characters of its JSON text.
const MaxContext = 8192

var errContext = errors.New("material: not an encryption context")

// A Context is an encryption context: pairs that are authenticated with a ciphertext and not stored in it. An empty
// one is none. It must not be modified while a call uses it.
type Context map[string]string

// SetParam reads an encryption context from JSON: an object of strings, of at most [MaxContext] code points white space
// included. null and {} are no context. Of a repeated key the last one counts. Anything else is refused, an unpaired
// surrogate too: encoding/json would take it for U+FFFD, and two contexts for one.
func (c *Context) SetParam(text string) error {
	*c = nil
	if len(text) > utf8.UTFMax*MaxContext || utf8.RuneCountInString(text) > MaxContext ||
		!utf8.ValidString(text) || !json.Valid([]byte(text)) || !paired(text) {
		return errContext
	}
	d := json.NewDecoder(strings.NewReader(text))
	switch open, err := d.Token(); {
	case err == nil && open == nil: // null
		return nil
	case err != nil || open != json.Delim('{'):
		return errContext
	}
	pairs := Context{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return errContext // unreachable: the text is valid JSON
		}
		value, err := d.Token()
		if err != nil {
			return errContext // unreachable: likewise
		}
		text, ok := value.(string)
		if !ok {
			return errContext
		}
		pairs[key.(string)] = text // a key is a string in valid JSON
	}
	if len(pairs) > 0 {
		*c = pairs
	}
	return nil
}

// paired reports whether every surrogate that a \u escape in text stands for is one of a pair. text is valid JSON, so a
// backslash begins an escape inside a string, and \u has its four digits.
func paired(text string) bool {
	for {
		i := strings.IndexByte(text, '\\')
		if i < 0 {
			return true
		}
		text = text[i:]
		if text[1] != 'u' {
			text = text[2:]
			continue
		}
		switch text[2:4] {
		case "d8", "d9", "da", "db", "dA", "dB", "Da", "Db", "DA", "DB", "D8", "D9": // first half
			text = text[6:]
			if len(text) < 6 || text[0] != '\\' || text[1] != 'u' || !secondHalf(text[2:4]) {
				return false
			}
		default:
			if secondHalf(text[2:4]) {
				return false
			}
		}
		text = text[6:]
	}
}

func secondHalf(digits string) bool {
	return (digits[0] == 'd' || digits[0] == 'D') && strings.IndexByte("cdefCDEF", digits[1]) >= 0
}

// CheckParam checks a context that was set as a map, to the rules of SetParam: UTF-8, and at most [MaxContext]
// characters as the shortest JSON.
func (c *Context) CheckParam() error {
	n := 1 // the braces, less the comma that the first pair has too many
	for key, value := range *c {
		k, v := jsonLen(key), jsonLen(value)
		if n += 2 + k + v; k < 0 || v < 0 || n > MaxContext { // colon and comma
			return errContext
		}
	}
	return nil
}

// jsonLen returns the number of characters of s as a JSON string with the shortest escapes, quotes included; -1 if s is
// not UTF-8 or longer than any context.
func jsonLen(s string) int {
	if len(s) > utf8.UTFMax*MaxContext || !utf8.ValidString(s) {
		return -1
	}
	n := 2
	for _, r := range s {
		switch {
		case r == '"' || r == '\\' || r == '\n' || r == '\r' || r == '\t' || r == '\b' || r == '\f':
			n += 2
		case r < ' ':
			n += 6
		default:
			n++
		}
	}
	return n
}

// AAD says how a blob authenticates its encryption context.
type AAD uint8

const (
	// InjectiveAAD authenticates the version id and the pairs so that no two of them look alike. It is the default.
	InjectiveAAD AAD = 0
	// CollidingAAD authenticates what the vendor's layer does: nothing without pairs, else SHA-256 of "k1=v1&k2=v2" by
	// sorted keys. {"a":"1&b=2"} and {"a":"1","b":"2"} are one context to it. It is for tests of what must not rely on
	// the service to tell them apart.
	CollidingAAD AAD = 1
)

// of returns the associated data of a blob.
//
// Injective: the version id, whose length is fixed, then for each pair by ascending key its key and value, each after
// its length as a u32. The id is there because it selects the key and is not otherwise authenticated: two versions
// with the same imported material would open each other's blobs.
func (mode AAD) of(versionID []byte, ec Context) []byte {
	if mode == CollidingAAD {
		return collidingAAD(ec)
	}
	if len(ec) == 0 {
		return versionID
	}
	size := len(versionID)
	for k, v := range ec {
		size += 8 + len(k) + len(v)
	}
	aad := append(make([]byte, 0, size), versionID...)
	for _, k := range slices.Sorted(maps.Keys(ec)) {
		v := ec[k]
		aad = binary.BigEndian.AppendUint32(aad, uint32(len(k)))
		aad = append(aad, k...)
		aad = binary.BigEndian.AppendUint32(aad, uint32(len(v)))
		aad = append(aad, v...)
	}
	return aad
}

func collidingAAD(ec Context) []byte {
	if len(ec) == 0 {
		return nil
	}
	h := sha256.New()
	for i, k := range slices.Sorted(maps.Keys(ec)) {
		if i > 0 {
			io.WriteString(h, "&")
		}
		io.WriteString(h, k)
		io.WriteString(h, "=")
		io.WriteString(h, ec[k])
	}
	return h.Sum(nil)
}
