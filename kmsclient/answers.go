package kmsclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A result is the answer of an operation as it is on the wire. The names of its fields are matched without regard to
// case, as package encoding/json does.
type result interface {
	missing() string // the name of a field that must be there and is not, "" if all are
	requestID() string
	wipe() // its plaintext
}

type common struct {
	RequestID string `json:"RequestId"`
}

func (c *common) requestID() string { return plain(c.RequestID, maxRequestID) }
func (c *common) wipe()             {}

type generateDataKeyResult struct {
	common
	KeyID          string `json:"KeyId"`
	KeyVersionID   string `json:"KeyVersionId"`
	CiphertextBlob string
	Plaintext      secretText
}

func (r *generateDataKeyResult) missing() string {
	return firstEmpty("KeyId", r.KeyID, "CiphertextBlob", r.CiphertextBlob, "Plaintext", mark(r.Plaintext))
}

func (r *generateDataKeyResult) wipe() { clear(r.Plaintext) }

type encryptResult struct {
	common
	KeyID          string `json:"KeyId"`
	KeyVersionID   string `json:"KeyVersionId"`
	CiphertextBlob string
}

func (r *encryptResult) missing() string {
	return firstEmpty("KeyId", r.KeyID, "CiphertextBlob", r.CiphertextBlob)
}

type decryptResult struct {
	common
	KeyID        string `json:"KeyId"`
	KeyVersionID string `json:"KeyVersionId"`
	Plaintext    secretText
}

func (r *decryptResult) missing() string {
	return firstEmpty("KeyId", r.KeyID, "Plaintext", mark(r.Plaintext))
}

func (r *decryptResult) wipe() { clear(r.Plaintext) }

type describeKeyResult struct {
	common
	KeyMetadata struct {
		KeyID             string `json:"KeyId"`
		ARN               string `json:"Arn"`
		KeyState          string
		KeySpec           string
		KeyUsage          string
		PrimaryKeyVersion string
	}
}

func (r *describeKeyResult) missing() string {
	return firstEmpty("KeyMetadata.KeyId", r.KeyMetadata.KeyID, "KeyMetadata.KeyState", r.KeyMetadata.KeyState)
}

// firstEmpty returns the first name whose value is empty.
func firstEmpty(namesAndValues ...string) string {
	for i := 0; i < len(namesAndValues); i += 2 {
		if namesAndValues[i+1] == "" {
			return namesAndValues[i]
		}
	}
	return ""
}

// mark stands for a text that is not shown: "" if it is empty.
func mark(t secretText) string { return strings.Repeat("x", min(len(t), 1)) }

// secretText is a text that is decoded without ever being a string, so that it can be wiped, if it has no escapes: base64
// has none. null leaves it empty.
type secretText []byte

func (t *secretText) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		return nil
	case b[0] != '"' || !utf8.Valid(b):
		return &json.UnmarshalTypeError{Value: "other", Type: reflect.TypeFor[string]()}
	case bytes.IndexByte(b, '\\') < 0:
		*t = bytes.Clone(b[1 : len(b)-1])
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err // unreachable: json hands over what it has checked
	}
	*t = []byte(s)
	return nil
}

// decode reads the answer of success into v, strictly: JSON and nothing after it, every field of its own type, those that
// matter not empty. It wipes the body.
func (a *answer) decode(op string, v result) *Error {
	defer clear(a.body)
	bad := func(text string) *Error {
		v.wipe()
		e := newError(op, CodeInvalidAnswer, a.status, text)
		e.RequestID = plain(a.header.Get("X-Acs-Request-Id"), maxRequestID)
		return e
	}
	// What json says of an error can be a character of the body.
	if err := json.Unmarshal(a.body, v); err != nil {
		var typed *json.UnmarshalTypeError
		if errors.As(err, &typed) && typed.Field != "" {
			return bad(fmt.Sprintf("field %s is of another type", cut(typed.Field, maxCode)))
		}
		return bad(fmt.Sprintf("%d bytes that are not the JSON of an answer", len(a.body)))
	}
	if name := v.missing(); name != "" {
		return bad("field " + name + " is missing")
	}
	return nil
}

// refusal reads an answer that is not one of success. params are those of the request, which its text must not repeat.
func refusal(op string, a *answer, params url.Values) *Error {
	var doc struct {
		Code, Message any
		RequestID     any `json:"RequestId"`
	}
	json.Unmarshal(a.body, &doc) // what it is not, it has not
	text := func(v any) string { s, _ := v.(string); return s }
	code, message := plain(text(doc.Code), maxCode), text(doc.Message)
	requestID := plain(text(doc.RequestID), maxRequestID)
	if requestID == "" {
		requestID = plain(a.header.Get("X-Acs-Request-Id"), maxRequestID)
	}
	var e *Error
	switch {
	case code == "" || strings.HasPrefix(code, "Client."):
		// Not the service's words: of a proxy or a balancer before it.
		c := CodeInvalidAnswer
		if a.status >= 500 || a.status == http.StatusTooManyRequests {
			c = CodeUnreachable
		}
		e = newError(op, c, a.status, fmt.Sprintf("HTTP %d without a code of KMS", a.status))
		if c == CodeUnreachable {
			e.because(causeOf("", a.status))
		}
	default:
		e = newError(op, code, a.status, "")
		if code == "InvalidParameter" && blames(op, message) {
			e.because(invalidCiphertext)
		}
		// Who complains of a signature quotes the string that was to be signed.
		if !strings.Contains(code, "Signature") && !repeats(message, params) {
			e.Message = cut(message, maxMessage)
		}
	}
	e.RequestID = requestID
	return e
}

// blames reports whether the message of InvalidParameter is about a ciphertext, or the encryption context it was made
// with: that the context is well-formed we know ourselves. The newer wording names no parameter; where a Decrypt is
// refused with it, there is no other that it could mean.
func blames(op, message string) bool {
	switch op {
	case "Decrypt":
		return strings.Contains(message, "CiphertextBlob") || strings.Contains(message, "EncryptionContext") ||
			strings.HasPrefix(message, "The specified parameter is not valid")
	case "ReEncrypt":
		return strings.Contains(message, "CiphertextBlob") || strings.Contains(message, "SourceEncryptionContext")
	}
	return false
}

// maxDelay is the longest delay that a service is believed to mean.
const maxDelay = time.Hour

// delay returns how long the service asks to wait before the next request, 0 if it does not.
func (a *answer) delay() time.Duration {
	if d := milliseconds(a.header.Get("X-Acs-Retry-After")); d > 0 {
		return d
	}
	for _, name := range []string{"X-Ratelimit-User-Api", "X-Ratelimit-User"} { // Limit:1,Remain:0,TimeLeft:2000
		for field := range strings.SplitSeq(a.header.Get(name), ",") {
			if left, ok := strings.CutPrefix(strings.TrimSpace(field), "TimeLeft:"); ok {
				return milliseconds(left)
			}
		}
	}
	return 0
}

// milliseconds reads a decimal number of them; what is none, is 0.
func milliseconds(s string) time.Duration {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Millisecond, maxDelay)
}
