package format

import (
	"fmt"

	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// A Suite is the number of a closed set of algorithms, as it stands in a head or a key file (SPEC.md, Section 2).
// The zero value is never valid.
type Suite uint16

const (
	AES256GCM Suite = Suite(suite.AES256GCM) // AES-256-GCM, HKDF-SHA-256
	SM4GCM    Suite = Suite(suite.SM4GCM)    // SM4-128-GCM, HKDF-SM3
)

// String returns the name of the constant, or Suite(0x0007) for a number without one.
func (s Suite) String() string {
	if a := suite.Lookup(uint16(s)); a != nil {
		return a.String()
	}
	return fmt.Sprintf("Suite(0x%04x)", uint16(s))
}

// Supported reports whether s names a suite that this release knows.
func (s Suite) Supported() bool { return suite.Lookup(uint16(s)) != nil }
