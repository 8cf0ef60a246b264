package policy

// White-box: the order of numbers is checked against math/big.

import (
	"math/big"
	"strings"
	"testing"
)

func TestDecimals(t *testing.T) {
	// In ascending order; those of one line are equal.
	lines := [][]string{
		{"-10000000000000000000000000000000000001"},
		{"-100", "-0100", "-100.0"},
		{"-99.99"},
		{"-9"},
		{"-1.5", "-01.50"},
		{"-1.25"},
		{"-0.001"},
		{"0", "-0", "+0", "00", "0.0", "-0.000"},
		{"0.001", "+0.0010"},
		{"0.01"},
		{"1", "1.0", "+1", "001"},
		{"1.25"},
		{"1.5"},
		{"9"},
		{"10"},
		{"9007199254740992"},
		{"9007199254740993"},
		{"10000000000000000000000000000000000000"},
		{"10000000000000000000000000000000000000.1"},
	}
	for i, line := range lines {
		for _, x := range line {
			for j, other := range lines {
				for _, y := range other {
					dx, ok1 := parseDecimal(x)
					dy, ok2 := parseDecimal(y)
					want := 0
					if i < j {
						want = -1
					} else if i > j {
						want = 1
					}
					if got := dx.compare(dy); !ok1 || !ok2 || got != want {
						t.Errorf("%s against %s = %d (%v, %v), want %d", x, y, got, ok1, ok2, want)
					}
				}
			}
		}
	}
	for _, s := range []string{"", "-", "+", ".", ".5", "5.", "1.2.3", "1e3", "0x10", "1_000", " 1", "1 ", "--1", "+-1", "NaN", "Inf", "１", "1,5"} {
		if d, ok := parseDecimal(s); ok {
			t.Errorf("parseDecimal(%q) = %v, want none", s, d)
		}
	}
}

func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"0", "-0.0", "1.50", "-12", "0009.1", "1e5", ".", "99999999999999999999"} {
		f.Add(s, "1.5")
	}
	f.Fuzz(func(t *testing.T, x, y string) {
		dx, ok1 := parseDecimal(x)
		dy, ok2 := parseDecimal(y)
		if !ok1 || !ok2 {
			return
		}
		rx, _ := new(big.Rat).SetString(strings.TrimPrefix(x, "+"))
		ry, _ := new(big.Rat).SetString(strings.TrimPrefix(y, "+"))
		if got, want := dx.compare(dy), rx.Cmp(ry); got != want {
			t.Fatalf("%s against %s = %d, want %d", x, y, got, want)
		}
	})
}
