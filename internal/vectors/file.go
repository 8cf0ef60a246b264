package vectors

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Extension is that of a vector file.
const Extension = ".vec"

// version is the first line's, of the layout of the head.
const version = "1"

// ReadAll reads the vectors of a folder, sorted by name. A folder without one is an error, so that no test passes
// because its vectors have moved away.
func ReadAll(dir string) ([]*Vector, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+Extension))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("vectors: no *%s in %s", Extension, dir)
	}
	var all []*Vector
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		v, err := Parse(b)
		if err != nil {
			return nil, fmt.Errorf("%w in %s", err, f)
		}
		if want := strings.TrimSuffix(filepath.Base(f), Extension); v.Name != want {
			return nil, fmt.Errorf("vectors: %s holds %q", f, v.Name)
		}
		all = append(all, v)
	}
	return all, nil
}

// Parse parses one file. It is strict: what it accepts, Marshal writes in the same bytes.
func Parse(b []byte) (*Vector, error) {
	v := new(Vector)
	for rest := b; ; {
		line, after, ok := bytes.Cut(rest, []byte("\n"))
		if !ok {
			return nil, errors.New("vectors: the head has no end")
		}
		rest = after
		if len(line) == 0 {
			v.Data = slices.Clip(rest)
			break
		}
		key, value, ok := strings.Cut(string(line), ": ")
		if !ok {
			return nil, fmt.Errorf("vectors: line %q", line)
		}
		if err := v.set(key, value); err != nil {
			return nil, fmt.Errorf("vectors: %s: %w", key, err)
		}
	}
	if !slices.Contains(structures, v.Structure) || !slices.Contains(outcomes, v.Expect) {
		return nil, fmt.Errorf("vectors: structure %q, expect %q", v.Structure, v.Expect)
	}
	if !bytes.Equal(v.Marshal(), b) {
		return nil, errors.New("vectors: keys in another order, repeated, missing or in another encoding")
	}
	return v, nil
}

func (v *Vector) set(key, value string) (err error) {
	switch key {
	case "vector":
		if value != version {
			return fmt.Errorf("version %q", value)
		}
	case "name":
		v.Name = value
	case "comment":
		v.Comment = value
	case "structure":
		v.Structure = Structure(value)
	case "suite":
		v.Suite, err = parseSuite(value)
	case "parses":
		v.Parses = value == "yes"
	case "expect":
		v.Expect = Outcome(value)
	case "calls":
		v.Calls, err = strconv.Atoi(value)
	case "kms-calls":
		v.KMSCalls, err = strconv.Atoi(value)
	case "released":
		v.Released, err = strconv.ParseInt(value, 10, 64)
	case "payload":
		var sum []byte
		sum, err = hex.DecodeString(value)
		copy(v.Payload[:], sum)
	case "given":
		err = json.Unmarshal([]byte(value), &v.Given)
	case "accept-unseen":
		err = json.Unmarshal([]byte(value), &v.AcceptUnseen)
	case "accept-suites":
		for s := range strings.SplitSeq(value, " ") {
			id, e := parseSuite(s)
			v.AcceptSuites, err = append(v.AcceptSuites, id), errors.Join(err, e)
		}
	case "size":
		v.HasSize = true
		v.Size, err = strconv.ParseInt(value, 10, 64)
	case "data-key":
		v.DataKey, err = hex.DecodeString(value)
	case "provider":
		err = appendJSON(&v.Providers, value)
	case "kms-decrypt":
		err = appendJSON(&v.KMSDecrypt, value)
	case "kms-describe":
		err = appendJSON(&v.KMSDescribe, value)
	case "key-file":
		var b []byte
		b, err = base64.StdEncoding.DecodeString(value)
		v.KeyFiles = append(v.KeyFiles, b)
	case "opened-before":
		v.OpenedBefore, err = base64.StdEncoding.DecodeString(value)
	default:
		return errors.New("no such key")
	}
	return err
}

func parseSuite(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 16, 16)
	return uint16(n), err
}

func appendJSON[T any](list *[]T, value string) error {
	var item T
	if err := json.Unmarshal([]byte(value), &item); err != nil {
		return err
	}
	*list = append(*list, item)
	return nil
}

// Marshal returns the file of v. A vector without name, or with a newline in it or in the comment, is a mistake of the
// program that made it, and comes back from Parse as an error.
func (v *Vector) Marshal() []byte {
	var b bytes.Buffer
	line := func(key, value string) { fmt.Fprintf(&b, "%s: %s\n", key, value) }
	line("vector", version)
	line("name", v.Name)
	line("comment", v.Comment)
	line("structure", string(v.Structure))
	line("suite", fmt.Sprintf("%04x", v.Suite))
	line("parses", map[bool]string{true: "yes", false: "no"}[v.Parses])
	line("expect", string(v.Expect))
	line("calls", strconv.Itoa(v.Calls))
	line("kms-calls", strconv.Itoa(v.KMSCalls))
	line("released", strconv.FormatInt(v.Released, 10))
	line("payload", hex.EncodeToString(v.Payload[:]))
	if len(v.Given) > 0 {
		line("given", toJSON(v.Given))
	}
	if len(v.AcceptUnseen) > 0 {
		line("accept-unseen", toJSON(v.AcceptUnseen))
	}
	if len(v.AcceptSuites) > 0 {
		var ids []string
		for _, id := range v.AcceptSuites {
			ids = append(ids, fmt.Sprintf("%04x", id))
		}
		line("accept-suites", strings.Join(ids, " "))
	}
	if v.HasSize {
		line("size", strconv.FormatInt(v.Size, 10))
	}
	if len(v.DataKey) > 0 {
		line("data-key", hex.EncodeToString(v.DataKey))
	}
	for _, p := range v.Providers {
		line("provider", toJSON(p))
	}
	for _, a := range v.KMSDecrypt {
		line("kms-decrypt", toJSON(a))
	}
	for _, a := range v.KMSDescribe {
		line("kms-describe", toJSON(a))
	}
	for _, f := range v.KeyFiles {
		line("key-file", base64.StdEncoding.EncodeToString(f))
	}
	if len(v.OpenedBefore) > 0 {
		line("opened-before", base64.StdEncoding.EncodeToString(v.OpenedBefore))
	}
	b.WriteByte('\n')
	b.Write(v.Data)
	return b.Bytes()
}

func toJSON(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("vectors: internal error: " + err.Error()) // unreachable: strings and numbers
	}
	return strings.TrimSuffix(b.String(), "\n")
}
