package format_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

// readVectors returns the vectors of this package.
func readVectors(t testing.TB) []*vectors.Vector {
	t.Helper()
	all, err := vectors.ReadAll("testdata/vectors")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// vector returns the one of that name.
func vector(t testing.TB, name string) *vectors.Vector {
	t.Helper()
	for _, v := range readVectors(t) {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("no vector %s", name)
	return nil
}

// parseVector parses what a vector holds and returns its encoding.
func parseVector(v *vectors.Vector) (again []byte, err error) {
	switch v.Structure {
	case vectors.KeyFile:
		var k format.KeyFile
		if err := k.Parse(v.Data); err != nil {
			return nil, err
		}
		return k.Marshal(nil)
	case vectors.Cell:
		var c format.Cell
		if err := c.Parse(v.Data); err != nil {
			return nil, err
		}
		return c.Marshal(nil)
	case vectors.Armor:
		return parseArmor(v.Data)
	}
	h, err := format.ReadHeader(bytes.NewReader(v.Data))
	if err != nil {
		return nil, err
	}
	return h.Marshal(nil)
}

// parseArmor parses the text form of a message and its header, and returns the text with the line ends that it has.
func parseArmor(text []byte) (again []byte, err error) {
	m, err := format.Dearmor(text)
	if err != nil {
		return nil, err
	}
	if _, err := format.ReadHeader(bytes.NewReader(m)); err != nil {
		return nil, err
	}
	if again, err = format.Armor(nil, m); err == nil && bytes.Contains(text, []byte("\r")) {
		again = bytes.ReplaceAll(again, []byte("\n"), []byte("\r\n"))
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		again = bytes.TrimSuffix(again, []byte("\n"))
	}
	return again, err
}

// parseOutcome names what parsing gave, in the words of the vectors.
func parseOutcome(err error) vectors.Outcome {
	var pe *format.ParseError
	switch {
	case err == nil:
		return vectors.Success
	case errors.Is(err, format.ErrNotMessage):
		return vectors.NotMessage
	case errors.Is(err, format.ErrUnsupportedVersion):
		return vectors.UnsupportedVersion
	case errors.Is(err, format.ErrUnsupportedSuite):
		return vectors.UnsupportedSuite
	case errors.Is(err, format.ErrUnsupportedKind):
		return vectors.UnsupportedKind
	case !errors.As(err, &pe):
		return vectors.Outcome(err.Error())
	case errors.Is(err, io.ErrUnexpectedEOF):
		return vectors.Truncated
	}
	return vectors.ParseFault
}

// What the vectors say of parsing holds; the rest is for readers that have keys.
func TestVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			again, err := parseVector(v)
			if !v.Parses {
				if got := parseOutcome(err); got != v.Expect {
					t.Errorf("parsing gave %s (%v), want %s", got, err, v.Expect)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if h := new(format.Header); v.Structure == vectors.Message {
				if _, err := h.Parse(v.Data); err != nil || h.Kind == format.Slots {
					return // Marshal writes the slot in force first, header_test.go has more
				}
			}
			if !bytes.HasPrefix(v.Data, again) {
				t.Errorf("Marshal(Parse) = %x, want %x", again, v.Data[:len(again)])
			}
		})
	}
}

// The vectors hold the known answers of SPEC.md, Section 10.2, which another program computed.
func TestKnownAnswers(t *testing.T) {
	for _, tt := range []struct {
		suite, tag, body, commit, cell string
	}{
		{
			"-0001", "80e9cdc8ea94f1c013175325e71764bba440c87708f060cb8470d9f3234c25ac", "74081b4c5138c804e880555f735a1976de408299f1",
			"60dee59298837f15007e9e321a7a0443714070af0a2d068afde1c5d1b80f4c86", "3338c1103e135b5b06627fbd8a00b36d35e8361f3c",
		},
		{
			"-0002", "0cc16f023df0aa06e608bbb330a04f1d66a11e2568d840cf825c30e77ccfc4c0", "9022ffcee3c1ffebd8a0d8471ff0861a79792dad17",
			"ff3012ae22e50a9298fee0aef10f2f316622c510ffff51c7ed3d6241e7c45d08", "c908be97ffa3ea51bc5afe163a8d11de478e176e53",
		},
	} {
		for _, name := range []string{"known-raw", "known-attached", "known-attached-raw", "known-slots", "known-detached"} {
			v := vector(t, name+tt.suite)
			var h format.Header
			n, err := h.Parse(v.Data)
			if tag := hex.EncodeToString(h.Tag[:]); err != nil || tag != tt.tag {
				t.Errorf("%s: tag %s, %v, want %s", v.Name, tag, err, tt.tag)
			}
			if body := hex.EncodeToString(v.Data[n:]); body != tt.body {
				t.Errorf("%s: body %s, want %s", v.Name, body, tt.body)
			}
		}
		var k format.KeyFile
		err := k.Parse(vector(t, "known-key-file"+tt.suite).Data)
		if commit := hex.EncodeToString(k.Commit[:]); err != nil || commit != tt.commit {
			t.Errorf("commit %s, %v, want %s", commit, err, tt.commit)
		}
		var c format.Cell
		err = c.Parse(vector(t, "known-cell"+tt.suite).Data)
		if sealed := hex.EncodeToString(c.Sealed); err != nil || sealed != tt.cell {
			t.Errorf("cell %s, %v, want %s", sealed, err, tt.cell)
		}
	}
}
