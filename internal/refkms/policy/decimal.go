package policy

import (
	"cmp"
	"strings"
)

// A decimal is a number as people write it, compared exactly whatever its length: a float would take 9007199254740993 for
// its neighbour, and a big.Rat of 1e999999999 all memory.
type decimal struct {
	sign     int    // -1, 0 or 1
	integer  string // digits, without leading zeros
	fraction string // digits, without trailing zeros
}

// parseDecimal reads an optional sign, digits, and optionally a point and digits. There is no exponent.
func parseDecimal(s string) (d decimal, ok bool) {
	d.sign = 1
	switch {
	case strings.HasPrefix(s, "-"):
		d.sign = -1
		s = s[1:]
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	integer, fraction, point := strings.Cut(s, ".")
	if !isDigits(integer) || point && !isDigits(fraction) {
		return decimal{}, false
	}
	d.integer, d.fraction = strings.TrimLeft(integer, "0"), strings.TrimRight(fraction, "0")
	if d.integer == "" && d.fraction == "" {
		d.sign = 0 // -0 is 0
	}
	return d, true
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// compare returns -1, 0 or 1 as d is less than, equal to or greater than e.
func (d decimal) compare(e decimal) int {
	if d.sign != e.sign {
		return cmp.Compare(d.sign, e.sign)
	}
	return d.sign * cmp.Or(
		cmp.Compare(len(d.integer), len(e.integer)),
		strings.Compare(d.integer, e.integer),
		// The shorter fraction is the lesser where it begins the longer one, as texts are ordered too.
		strings.Compare(d.fraction, e.fraction),
	)
}
