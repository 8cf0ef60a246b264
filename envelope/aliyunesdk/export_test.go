package aliyunesdk

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A Vector is a message that the vendor's Java SDK made with a fixed data key and fixed IVs; the wrapped keys are made up.
type Vector struct {
	Name       string
	Encoding   Encoding
	Algorithm  Algorithm
	KeyIDs     []string
	Context    map[string]string
	DataKey    []byte
	HeaderIV   []byte
	BodyIV     []byte
	Plaintext  []byte
	Message    []byte
	serialised []byte // CTX, where the vector has it
	haf        []byte // what the header tag is over, where the vector has it
}

// ReadVectors reads testdata/vectors: lines of "name: value", an empty line, the message.
func ReadVectors(t testing.TB) []*Vector {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.vec")
	if err != nil || len(files) != 13 {
		t.Fatalf("%d vectors, %v, want 13", len(files), err)
	}
	var all []*Vector
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		v := &Vector{}
		head, message, ok := bytes.Cut(b, []byte("\n\n"))
		if !ok {
			t.Fatalf("%s has no empty line", f)
		}
		v.Message = message
		for line := range strings.SplitSeq(string(head), "\n") {
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				t.Fatalf("%s: line %q", f, line)
			}
			if err := v.set(name, strings.TrimPrefix(value, " ")); err != nil {
				t.Fatalf("%s: line %q: %v", f, line, err)
			}
		}
		if want := strings.TrimSuffix(filepath.Base(f), ".vec"); v.Name != want {
			t.Fatalf("%s holds %q", f, v.Name)
		}
		all = append(all, v)
	}
	return all
}

func (v *Vector) set(name, value string) (err error) {
	unhex := func(dst *[]byte) error {
		*dst, err = hex.DecodeString(value)
		return err
	}
	switch name {
	case "vector":
		if value != "1" {
			err = os.ErrInvalid
		}
	case "name":
		v.Name = value
	case "encoding":
		v.Encoding = map[string]Encoding{"one-shot": OneShot, "stream": Stream}[value]
	case "algorithm":
		n, err := strconv.Atoi(value)
		v.Algorithm = Algorithm(n)
		return err
	case "keys":
		err = json.Unmarshal([]byte(value), &v.KeyIDs)
	case "context":
		err = json.Unmarshal([]byte(value), &v.Context)
	case "data-key":
		err = unhex(&v.DataKey)
	case "header-iv":
		err = unhex(&v.HeaderIV)
	case "body-iv":
		err = unhex(&v.BodyIV)
	case "plaintext":
		err = unhex(&v.Plaintext)
	case "serialised-context":
		err = unhex(&v.serialised)
	case "authenticated":
		err = unhex(&v.haf)
	default:
		err = os.ErrInvalid
	}
	return err
}

// DataKeyText returns the data key as KMS has it.
func (v *Vector) DataKeyText() string { return base64.StdEncoding.EncodeToString(v.DataKey) }

// SegmentSize is what streams are handled in.
const SegmentSize = segmentSize

// InsecureMessage returns a stream message under any algorithm, with the wrapped keys and the context of a vector of the
// same key size, and the data key as KMS has it.
func InsecureMessage(t testing.TB, alg Algorithm, v *Vector, plaintext []byte) (message []byte, text string) {
	t.Helper()
	h, err := Inspect(bytes.NewReader(v.Message))
	if err != nil {
		t.Fatal(err)
	}
	h.Algorithm = alg
	b, err := newBodyCipher(h, v.DataKey)
	if err != nil {
		t.Fatal(err)
	}
	h.tag = b.headerTag(h)
	iv := make([]byte, b.alg.ivSize())
	return append(appendBinaryBody(h.marshalBinary(), iv), insecureSeal(b, iv, plaintext)...), v.DataKeyText()
}
