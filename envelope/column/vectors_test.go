package column_test

import (
	"crypto/sha256"
	"errors"
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

func TestVectors(t *testing.T) {
	all, err := vectors.ReadAll("../../format/testdata/vectors")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, v := range all {
		if v.Structure != vectors.Cell {
			continue // messages are opened in package envelope
		}
		ran++
		t.Run(v.Name, func(t *testing.T) {
			kms := vectors.NewKMS(v)
			p := providerOf(t, v, kms)
			ec, row := splitGiven(v.Given)
			store := newTable()
			for _, b := range v.KeyFiles {
				var file format.KeyFile
				if err := file.Parse(b); err != nil {
					t.Fatal(err)
				}
				store.files[file.Reference] = b
			}
			c, err := column.New(p, store, ec, &column.Options{InsecureAllowNoRow: true})
			if err != nil {
				t.Fatal(err)
			}
			released, err := c.Open(t.Context(), nil, v.Data, row)
			checkOutcome(t, v.Expect, err)
			if _, d := p.counts(); d != v.Calls || kms.Decrypts() != v.KMSCalls {
				t.Errorf("%d calls of the provider, %d of KMS, want %d and %d", d, kms.Decrypts(), v.Calls, v.KMSCalls)
			}
			if int64(len(released)) != v.Released || sha256.Sum256(released) != v.Payload {
				t.Errorf("released %d bytes, want %d, or other ones", len(released), v.Released)
			}
		})
	}
	if ran < 26 {
		t.Errorf("%d vectors were run: the files are not there", ran)
	}
}
