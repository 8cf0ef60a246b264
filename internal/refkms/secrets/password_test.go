package secrets_test

import (
	"math"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
)

const (
	digits      = "0123456789"
	lowercase   = "abcdefghijklmnopqrstuvwxyz"
	uppercase   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_{|}~"
	alphabet    = digits + lowercase + uppercase + punctuation
)

func TestGetRandomPassword(t *testing.T) {
	if len(alphabet) != 93 || strings.ContainsAny(alphabet, "` ") {
		t.Fatalf("the test's alphabet has %d characters", len(alphabet))
	}
	w := newWorld(t, secrets.Options{})
	for _, tt := range []struct {
		name   string
		params []string
		size   int
		from   string
		each   []string
		err    error
	}{
		{"default", nil, 32, alphabet, nil, nil},
		{"shortest", []string{"PasswordLength", "8"}, 8, alphabet, nil, nil},
		{"longest", []string{"PasswordLength", "128"}, 128, alphabet, nil, nil},
		{"too short", []string{"PasswordLength", "7"}, 0, "", nil, call.Invalid("PasswordLength")},
		{"too long", []string{"PasswordLength", "129"}, 0, "", nil, call.Invalid("PasswordLength")},
		{"not a number", []string{"PasswordLength", "8.5"}, 0, "", nil, call.Invalid("PasswordLength")},
		{"without punctuation", []string{"ExcludePunctuation", "true"}, 32, digits + lowercase + uppercase, nil, nil},
		{"without digits", []string{"ExcludeNumbers", "True"}, 32, lowercase + uppercase + punctuation, nil, nil},
		{"digits alone", []string{"ExcludeLowercase", "true", "ExcludeUppercase", "true", "ExcludePunctuation", "true"}, 32, digits, nil, nil},
		{"without some", []string{"ExcludeCharacters", "0O1lI` "}, 32, strings.NewReplacer("0", "", "O", "", "1", "", "l", "", "I", "").Replace(alphabet), nil, nil},
		{"one left", []string{"ExcludeCharacters", strings.Replace(alphabet, "x", "", 1)}, 32, "x", nil, nil},
		{"each class", []string{"RequireEachIncludedType", "true", "PasswordLength", "8"}, 8, alphabet, []string{digits, lowercase, uppercase, punctuation}, nil},
		{"each class that is kept", []string{"RequireEachIncludedType", "true", "ExcludePunctuation", "true", "PasswordLength", "8"}, 8,
			digits + lowercase + uppercase, []string{digits, lowercase, uppercase}, nil},
		{"each class, one of one character", []string{"RequireEachIncludedType", "true", "ExcludeCharacters", "123456789", "PasswordLength", "8"}, 8,
			"0" + lowercase + uppercase + punctuation, []string{"0", lowercase, uppercase, punctuation}, nil},
		{"a class without characters is not needed", []string{"ExcludeCharacters", digits}, 32, lowercase + uppercase + punctuation, nil, nil},
		{"a class without characters is needed", []string{"ExcludeCharacters", digits, "RequireEachIncludedType", "true"}, 0, "", nil, call.Invalid("ExcludeCharacters")},
		{"nothing left", []string{"ExcludeCharacters", alphabet}, 0, "", nil, call.Invalid("ExcludeCharacters")},
		{"nothing left of the class that is kept", []string{"ExcludeCharacters", digits, "ExcludeLowercase", "true", "ExcludeUppercase", "true", "ExcludePunctuation", "true"}, 0, "", nil, call.Invalid("ExcludeCharacters")},
		{"no class", []string{"ExcludeNumbers", "true", "ExcludeLowercase", "true", "ExcludeUppercase", "true", "ExcludePunctuation", "true"}, 0, "", nil, call.Invalid("ExcludePunctuation")},
		{"a character beyond ASCII", []string{"ExcludeCharacters", "ä"}, 0, "", nil, call.Invalid("ExcludeCharacters")},
		{"a control character", []string{"ExcludeCharacters", "\n"}, 0, "", nil, call.Invalid("ExcludeCharacters")},
		{"not a boolean", []string{"RequireEachIncludedType", "yes"}, 0, "", nil, call.Invalid("RequireEachIncludedType")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.err != nil {
				w.refused(tt.err, "GetRandomPassword", tt.params...)
				return
			}
			last := ""
			for range 50 {
				password := w.ok("GetRandomPassword", tt.params...).str("RandomPassword")
				if len(password) != tt.size || strings.Trim(password, tt.from) != "" {
					t.Fatalf("the password is %q, want %d of %s", password, tt.size, tt.from)
				}
				for _, class := range tt.each {
					if !strings.ContainsAny(password, class) {
						t.Fatalf("the password %q has none of %s", password, class)
					}
				}
				if password == last && len(tt.from) > 1 {
					t.Fatalf("twice the same password: %q", password)
				}
				last = password
			}
		})
	}
	if got := w.ok("ListSecrets").at("TotalCount"); got != 0.0 {
		t.Errorf("%v secrets are kept", got)
	}
}

// Every character is as likely as the other, and with one of each class required, so is every place of it. A chance of
// one in ten million that a good generator fails is left.
func TestPasswordsAreUniform(t *testing.T) {
	w := newWorld(t, secrets.Options{})
	within := func(what string, got int, n, p float64) {
		t.Helper()
		if sigma := math.Sqrt(n * p * (1 - p)); math.Abs(float64(got)-n*p) > 6*sigma {
			t.Errorf("%s is there %d times of %v, want about %.0f", what, got, n, n*p)
		}
	}
	counts := map[rune]int{}
	const passwords = 1000
	for range passwords {
		for _, r := range w.ok("GetRandomPassword", "PasswordLength", "128").str("RandomPassword") {
			counts[r]++
		}
	}
	for _, r := range alphabet {
		within(string(r), counts[r], passwords*128, 1./93)
	}
	// One class of one character: where it is drawn once more or not at all besides, its place tells of the shuffle.
	places := make([]int, 8)
	once := 0
	for range passwords {
		p := w.ok("GetRandomPassword", "PasswordLength", "8", "RequireEachIncludedType", "true", "ExcludeCharacters", "123456789").str("RandomPassword")
		if strings.Count(p, "0") == 1 {
			once++
			places[strings.Index(p, "0")]++
		}
	}
	for i, n := range places {
		within("the digit in place "+string(rune('0'+i)), n, float64(once), 1./8)
	}
}
