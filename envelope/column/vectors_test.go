package column_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/vectors"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// outcomes has the error that each outcome of a vector stands for; that of ParseFault has a type only.
var outcomes = map[vectors.Outcome]error{
	vectors.NotMessage:         format.ErrNotMessage,
	vectors.UnsupportedVersion: format.ErrUnsupportedVersion,
	vectors.UnsupportedSuite:   format.ErrUnsupportedSuite,
	vectors.Truncated:          io.ErrUnexpectedEOF,
	vectors.NoKeyFile:          fs.ErrNotExist,
	vectors.NoMatch:            keyring.ErrNoMatch,
	vectors.InvalidDataKey:     keyring.ErrInvalidDataKey,
	vectors.Authentication:     envelope.ErrAuthentication,
}

func checkOutcome(t *testing.T, want vectors.Outcome, err error) {
	t.Helper()
	var parse *format.ParseError
	switch target, named := outcomes[want]; {
	case want == vectors.Success:
		if err != nil {
			t.Errorf("%v, want success", err)
		}
	case want == vectors.ParseFault:
		if !errors.As(err, &parse) {
			t.Errorf("%v, want a *format.ParseError", err)
		}
	case !named:
		t.Errorf("no error stands for %s", want)
	case !errors.Is(err, target):
		t.Errorf("%v, want %s", err, want)
	}
}

// splitGiven tells the pairs of the column from those of the row: all vectors have a tenant and some have a row.
func splitGiven(given map[string]string) (ec, row envelope.Context) {
	ec, row = envelope.Context{}, envelope.Context{}
	for k, v := range given {
		if k == "row" {
			row[k] = v
		} else {
			ec[k] = v
		}
	}
	return ec, row
}

// providerOf returns the provider of a vector, which is one CMK in all of those with cells and key files.
func providerOf(t *testing.T, v *vectors.Vector, kms *vectors.KMS) *counter {
	t.Helper()
	if len(v.Providers) != 1 || v.Providers[0].Type != "kms" {
		t.Fatalf("providers %v", v.Providers)
	}
	p, err := keyring.NewKMS(kms, v.Providers[0].KeyID, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &counter{KeyProvider: p}
}

// anyFile is a store that has one key file, whatever the reference.
type anyFile struct {
	*table
	file []byte
}

func (s anyFile) Get(context.Context, format.Reference) ([]byte, error) { return s.file, nil }

func TestVectors(t *testing.T) {
	all, err := vectors.ReadAll("../../format/testdata/vectors")
	if err != nil {
		t.Fatal(err)
	}
	ran := map[vectors.Structure]int{}
	for _, v := range all {
		if v.Structure != vectors.Cell && v.Structure != vectors.KeyFile {
			continue // opened in package envelope
		}
		ran[v.Structure]++
		t.Run(v.Name, func(t *testing.T) {
			kms := vectors.NewKMS(v)
			p := providerOf(t, v, kms)
			ec, row := splitGiven(v.Given)
			var released []byte
			var err error
			if v.Structure == vectors.Cell {
				store := newTable()
				for _, b := range v.KeyFiles {
					var file format.KeyFile
					if err := file.Parse(b); err != nil {
						t.Fatal(err)
					}
					store.files[file.Reference] = b
				}
				c, e := column.New(p, store, ec, &column.Options{InsecureAllowNoRow: true})
				if e != nil {
					t.Fatal(e)
				}
				released, err = c.Open(t.Context(), nil, v.Data, row)
			} else {
				// A key file is read as that of an index, under the reference that it has where it has one.
				var ref format.Reference
				if len(v.Data) >= 28 {
					ref = format.Reference(v.Data[12:28])
				}
				_, err = column.OpenIndex(t.Context(), p, anyFile{file: v.Data}, ref, ec, nil)
			}
			checkOutcome(t, v.Expect, err)
			if _, d := p.counts(); d != v.Calls || kms.Decrypts() != v.KMSCalls {
				t.Errorf("%d calls of the provider, %d of KMS, want %d and %d", d, kms.Decrypts(), v.Calls, v.KMSCalls)
			}
			if int64(len(released)) != v.Released || sha256.Sum256(released) != v.Payload {
				t.Errorf("released %d bytes, want %d, or other ones", len(released), v.Released)
			}
		})
	}
	if ran[vectors.Cell] < 26 || ran[vectors.KeyFile] < 22 {
		t.Errorf("%v vectors were run: the files are not there", ran)
	}
}

// The index of SPEC.md, Section 10.2, under the data key of the known key file, in all lengths.
func TestKnownIndex(t *testing.T) {
	for number, want := range map[int]string{
		1: "c11f84ba8bc44efa1bf72938475246bbc5cbb520f5771724090693bc24dd6190",
		2: "eac98fee4cc7e482819380c730d9eb4653b6d9cc3a4d86f12f32a59b2902744a",
	} {
		name := fmt.Sprintf("known-key-file-%04d", number)
		all, err := vectors.ReadAll("../../format/testdata/vectors")
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, v := range all {
			if v.Name != name {
				continue
			}
			found = true
			p := providerOf(t, v, vectors.NewKMS(v))
			ec, _ := splitGiven(v.Given)
			for size := 1; size <= 32; size++ {
				x, err := column.OpenIndex(t.Context(), p, anyFile{file: v.Data}, format.Reference(v.Data[12:28]), ec, &column.IndexOptions{Size: size})
				if err != nil {
					t.Fatal(err)
				}
				if sum, err := x.Sum(nil, []byte("hello")); err != nil || hex.EncodeToString(sum) != want[:2*size] {
					t.Errorf("%s: Sum = %x, %v, want %s", name, sum, err, want[:2*size])
				}
			}
		}
		if !found {
			t.Errorf("there is no vector %s", name)
		}
	}
}
