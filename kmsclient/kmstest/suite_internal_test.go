package kmstest

import "testing"

// The list of checks is nobody's to call from outside.
func TestSuite(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range suite() {
		if c.rule == "" || c.run == nil || seen[c.rule] {
			t.Errorf("check %q is empty, or there twice", c.rule)
		}
		seen[c.rule] = true
	}
	if len(seen) < 250 {
		t.Errorf("the suite has %d checks, want 250 at least", len(seen))
	}
	t.Logf("%d checks", len(seen))
}
