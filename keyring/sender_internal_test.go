package keyring

import "testing"

// Providers that do nothing but say what they are. The test is inside the package because Multi alone asks the question.
type (
	plain  struct{ KeyProvider }
	anyone struct{ KeyProvider }
	around struct{ KeyProvider }
	both   struct {
		KeyProvider
		inside []KeyProvider
	}
	anyoneAround struct{ around }
)

func (anyone) UnauthenticatedSender()       {}
func (anyoneAround) UnauthenticatedSender() {}
func (d around) Unwrap() KeyProvider        { return d.KeyProvider }
func (d both) Unwrap() []KeyProvider        { return d.inside }
func several(inside ...KeyProvider) both    { return both{inside: inside} }
func times(n int, p KeyProvider) KeyProvider {
	for range n {
		p = around{p}
	}
	return p
}

func TestProvesNoSender(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    KeyProvider
		want bool
	}{
		{"none", nil, false},
		{"a provider", plain{}, false},
		{"an unauthenticated sender", anyone{}, true},
		{"around nothing", around{}, false},
		{"around a provider", around{plain{}}, false},
		{"around an unauthenticated sender", around{anyone{}}, true},
		{"a hundred around one", times(100, anyone{}), true},
		{"a hundred around a provider", times(100, plain{}), false},
		{"several providers", several(plain{}, around{plain{}}), false},
		{"one of several", several(plain{}, nil, around{anyone{}}), true},
		{"one of none", several(), false},
		{"around several around one", around{several(plain{}, times(2, several(anyone{})))}, true},
		{"a marked decorator of a provider", anyoneAround{around{plain{}}}, true},
		{"embedded and not unwrapped", plain{anyone{}}, false},
	} {
		if got := provesNoSender(tt.p); got != tt.want {
			t.Errorf("%s: provesNoSender = %v, want %v", tt.name, got, tt.want)
		}
	}
}
