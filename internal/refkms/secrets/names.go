package secrets

import (
	"errors"
	"strings"
)

// The limits of names, in characters.
const (
	maxName  = 192
	maxLabel = 64
	maxWorld = 64 // of region and account in an ARN
)

// The labels that the service moves by itself.
const (
	current  = "ACSCurrent"
	previous = "ACSPrevious"
)

const (
	arnPrefix = "acs:kms:"
	reserved  = "acs/"  // begins the names of secrets of some types, and of no others
	auto      = "$Auto" // in place of what the service makes itself
)

var (
	errName  = errors.New("secrets: neither the name nor the ARN of a secret")
	errLabel = errors.New("secrets: not a label")
)

// A Name is the parameter SecretName: a name of 1 to 192 letters, digits and _ / + = . - @, or the ARN of a secret.
// What it names is in Call.Found.
type Name string

// SetParam reads a name.
func (n *Name) SetParam(text string) error {
	*n = Name(text)
	return n.CheckParam()
}

// CheckParam checks the name.
func (n *Name) CheckParam() error {
	if arn, ok := strings.CutPrefix(string(*n), arnPrefix); ok {
		parts := strings.SplitN(arn, ":", 3)
		if len(parts) != 3 || !word(parts[0], maxWorld) || !word(parts[1], maxWorld) || !strings.HasPrefix(parts[2], "secret/") {
			return errName
		}
	}
	if !word(bareName(string(*n)), maxName) {
		return errName
	}
	return nil
}

// bareName returns a name without the ARN around it.
func bareName(name string) string {
	if strings.HasPrefix(name, arnPrefix) {
		_, name, _ = strings.Cut(name, ":secret/")
	}
	return name
}

// A NewName is the parameter SecretName where a secret is made: a Name, or $Auto where the service gives it one.
type NewName string

// SetParam reads a name.
func (n *NewName) SetParam(text string) error {
	*n = NewName(text)
	return n.CheckParam()
}

// CheckParam checks the name.
func (n *NewName) CheckParam() error {
	if *n == auto {
		return nil
	}
	return (*Name)(n).CheckParam()
}

// A Label is a parameter that is a label: 1 to 64 characters of those of a name.
type Label string

// SetParam reads a label.
func (l *Label) SetParam(text string) error {
	*l = Label(text)
	return l.CheckParam()
}

// CheckParam checks the label.
func (l *Label) CheckParam() error {
	if !word(string(*l), maxLabel) {
		return errLabel
	}
	return nil
}

// word reports whether s has 1 to limit characters, all of those that names may have.
func word(s string, limit int) bool {
	if len(s) < 1 || len(s) > limit {
		return false
	}
	for i := range len(s) {
		b := s[i]
		if !(b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("_/+=.-@", b) >= 0) {
			return false
		}
	}
	return true
}
