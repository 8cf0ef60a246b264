package secrets

import "testing"

// Of the 256 values of a byte each number comes of equally many, and the rest are thrown away. The test is white-box
// because no number of passwords shows a bias as small as one in 256.
func TestDiceAreFair(t *testing.T) {
	for n := 1; n <= 256; n++ {
		counts, thrown := make([]int, n), 0
		for b := range 256 {
			d := dice{used: 1}
			d.bytes[1] = byte(b)
			if got := d.roll(n); d.used == 2 {
				counts[got]++
			} else {
				thrown++
			}
		}
		for i, c := range counts {
			if c != counts[0] || c == 0 {
				t.Fatalf("of %d, %d comes %d times and 0 %d times", n, i, c, counts[0])
			}
		}
		if thrown >= n {
			t.Errorf("of %d, %d bytes are thrown away", n, thrown)
		}
	}
}

// Dice that are used up are thrown anew.
func TestDiceLast(t *testing.T) {
	var d dice
	seen := map[int]bool{}
	for range 10000 {
		seen[d.roll(256)] = true
	}
	if len(seen) != 256 {
		t.Errorf("%d numbers of 256 came up", len(seen))
	}
	if d.wipe(); d.bytes != [len(d.bytes)]byte{} {
		t.Error("wipe leaves bytes")
	}
}
