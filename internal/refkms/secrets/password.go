package secrets

import (
	"crypto/rand"
	"errors"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// The classes of characters that passwords are made of. The back-tick is in none.
const (
	digits      = "0123456789"
	lowercase   = "abcdefghijklmnopqrstuvwxyz"
	uppercase   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_{|}~"
)

const defaultLength = 32

// Excluded is the parameter ExcludeCharacters: printable ASCII.
type Excluded string

var errExcluded = errors.New("secrets: not characters of a password")

// SetParam reads characters.
func (e *Excluded) SetParam(text string) error {
	*e = Excluded(text)
	return e.CheckParam()
}

// CheckParam checks them.
func (e *Excluded) CheckParam() error {
	for i := range len(*e) {
		if b := (*e)[i]; b < ' ' || b > '~' {
			return errExcluded
		}
	}
	return nil
}

// GetRandomPasswordRequest is the request of GetRandomPassword.
type GetRandomPasswordRequest struct {
	PasswordLength          int      `param:"PasswordLength,min=8,max=128,default=32"`
	ExcludeCharacters       Excluded `param:"ExcludeCharacters"`
	ExcludeLowercase        bool     `param:"ExcludeLowercase"`
	ExcludeUppercase        bool     `param:"ExcludeUppercase"`
	ExcludeNumbers          bool     `param:"ExcludeNumbers"`
	ExcludePunctuation      bool     `param:"ExcludePunctuation"`
	RequireEachIncludedType bool     `param:"RequireEachIncludedType"`

	classes []string // what is left of each; none of them is empty
}

// GetRandomPasswordResponse is the answer of GetRandomPassword.
type GetRandomPasswordResponse struct {
	RandomPassword call.Text
	call.Answer
}

// CheckGetRandomPassword refuses what leaves nothing to choose from.
func (s *Service) CheckGetRandomPassword(c *call.Call, req *GetRandomPasswordRequest) error {
	var excluded ['~' + 1]bool
	for i := range len(req.ExcludeCharacters) {
		excluded[req.ExcludeCharacters[i]] = true
	}
	req.classes = nil
	kept := 0
	for _, class := range []struct {
		excluded   bool
		characters string
	}{
		{req.ExcludeLowercase, lowercase},
		{req.ExcludeUppercase, uppercase},
		{req.ExcludeNumbers, digits},
		{req.ExcludePunctuation, punctuation},
	} {
		if class.excluded {
			continue
		}
		kept++
		left := strings.Map(func(r rune) rune {
			if excluded[r] {
				return -1
			}
			return r
		}, class.characters)
		if left != "" {
			req.classes = append(req.classes, left)
		}
	}
	switch {
	case kept == 0:
		return call.Invalid("ExcludePunctuation")
	case len(req.classes) == 0, req.RequireEachIncludedType && len(req.classes) < kept:
		return call.Invalid("ExcludeCharacters")
	}
	return nil
}

// GetRandomPassword makes a password. Nothing is kept.
func (s *Service) GetRandomPassword(c *call.Call, req *GetRandomPasswordRequest) (*GetRandomPasswordResponse, error) {
	return &GetRandomPasswordResponse{RandomPassword: randomPassword(req.PasswordLength, req.classes, req.RequireEachIncludedType)}, nil
}

// randomPassword returns a password of n characters of all classes together, each as likely as the other; with each, one
// is drawn of every class first, and all are shuffled. There are no more classes than n, and none is empty.
func randomPassword(n int, classes []string, each bool) []byte {
	var d dice
	password := make([]byte, 0, n)
	if each {
		for _, class := range classes {
			password = append(password, class[d.roll(len(class))])
		}
	}
	all := strings.Join(classes, "")
	for len(password) < n {
		password = append(password, all[d.roll(len(all))])
	}
	if each {
		for i := n - 1; i > 0; i-- { // Fisher and Yates: every order is as likely
			j := d.roll(i + 1)
			password[i], password[j] = password[j], password[i]
		}
	}
	d.wipe()
	return password
}

// Dice are random bytes in stock, some more than a password takes.
type dice struct {
	bytes [192]byte
	used  int // 0: none are there
}

// roll returns a number below n, 1 to 256, each as likely as the other: bytes beyond the largest multiple of n are
// thrown away, for the first remainders would come up once more often.
func (d *dice) roll(n int) int {
	for {
		if d.used%len(d.bytes) == 0 {
			rand.Read(d.bytes[:])
			d.used = 0
		}
		b := int(d.bytes[d.used])
		d.used++
		if b < 256-256%n {
			return b % n
		}
	}
}

func (d *dice) wipe() { clear(d.bytes[:]) }
