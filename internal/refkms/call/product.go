package call

import "fmt"

// A Product is the service that an operation belongs to. Requests name it by a version, and several answer at one
// endpoint of the reference KMS.
type Product uint8

// The products. Operations belong to KMS unless their row says otherwise.
const (
	KMS         Product = 0
	STS         Product = 1
	ActionTrail Product = 2
)

// KnownVersion reports whether a version is that of a product.
func KnownVersion(version string) bool {
	return version == KMS.Version() || version == STS.Version() || version == ActionTrail.Version()
}

// Version returns the version that requests to the product name.
func (p Product) Version() string {
	switch p {
	case KMS:
		return "2016-01-20"
	case STS:
		return "2015-04-01"
	case ActionTrail:
		return "2020-07-06"
	}
	return ""
}

// String returns the product as the cloud writes its code.
func (p Product) String() string {
	switch p {
	case KMS:
		return "Kms"
	case STS:
		return "Sts"
	case ActionTrail:
		return "Actiontrail"
	}
	return fmt.Sprintf("Product(%d)", uint8(p))
}
