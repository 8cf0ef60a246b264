package keyring

import "slices"

// provesNoSender reports whether p has entries that anyone can make: whether it is an [UnauthenticatedSender], or has one
// inside, however many decorators lie between. A provider inside that is nil has none.
func provesNoSender(p KeyProvider) bool {
	switch d := p.(type) {
	case UnauthenticatedSender:
		return true
	case interface{ Unwrap() KeyProvider }:
		return provesNoSender(d.Unwrap())
	case interface{ Unwrap() []KeyProvider }:
		return slices.ContainsFunc(d.Unwrap(), provesNoSender)
	}
	return false
}
