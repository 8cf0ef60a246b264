package policy

// White-box, because patterns are matched against texts that no request has.

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// slowMatch is the definition of a pattern, by dynamic programming over characters: ok[j] says whether the pattern so far
// matches the first j characters.
func slowMatch(pattern, s string) bool {
	text := []rune(s)
	ok := make([]bool, len(text)+1)
	ok[0] = true
	for _, p := range pattern {
		next := make([]bool, len(text)+1)
		if p == '*' {
			any := false
			for j := range next {
				any = any || ok[j]
				next[j] = any
			}
		} else {
			for j, c := range text {
				next[j+1] = ok[j] && (p == '?' || p == c)
			}
		}
		ok = next
	}
	return ok[len(text)]
}

func TestGlob(t *testing.T) {
	for _, tc := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true},
		{"", "a", false},
		{"a", "", false},
		{"a", "a", true},
		{"a", "A", false},
		{"a", "aa", false},
		{"*", "", true},
		{"*", "anything: /*?", true},
		{"**", "", true},
		{"****", "abc", true},
		{"?", "", false},
		{"?", "a", true},
		{"?", "信", true},
		{"?", "\xff", true},
		{"?", "ab", false},
		{"??", "信封", true},
		{"a*", "a", true},
		{"a*", "ab", true},
		{"a*", "ba", false},
		{"*a", "a", true},
		{"*a", "ba", true},
		{"*a", "ab", false},
		{"a*a", "a", false}, // not both ends with one character
		{"a*a", "aa", true},
		{"ab*ba", "aba", false},
		{"a*b*c", "abc", true},
		{"a*b*c", "a1b2c", true},
		{"a*b*c", "acb", false},
		{"*ab*ab*", "ab", false},
		{"*ab*ab*", "abab", true},
		{"*a?c*", "xabcx", true},
		{"*a?c*", "xaxbcx", false},
		{"*a?c", "aacabc", true},
		{"a?*", "a", false},
		{"a?*", "ab", true},
		{"*?a", "a", false},
		{"*?a", "ba", true},
		{"?*?", "a", false},
		{"?*?", "ab", true},
		{"*??", "信封", true},
		{"*??", "信", false},
		{"*a*b?", "aabb1", true},
		{"[ab]", "a", false},
		{"[ab]", "[ab]", true},
		{`\*`, `\x`, true}, // there is no escape
		{`\*`, `*`, false},
		{"a.c", "abc", false},
		{"acs:kms:*:*:key/*", "acs:kms:cn-hangzhou:1:key/1", true},
		{"acs:kms:*:*:key/*", "acs:kms:cn-hangzhou:1:key", false},
		{"acs:kms:*:*:key*", "acs:kms:cn-hangzhou:1:key", true},
		{"acs:kms:*:*:key*", "acs:kms:cn-hangzhou:1:key/1", true},
		{"acs:kms:*:*:key", "acs:kms:cn-hangzhou:1:key/1", false},
		{"acs:*:*cn-beijing*:*:*", "acs:kms:cn-beijing:1:key/1", true},
		{"acs:*:*cn-beijing*:*:*", "acs:kms:cn-hangzhou:1:key/1", false},
		{"acs:kms:*:*:key/1", "acs:kms:a:b:c:key/1", true}, // * crosses colons
	} {
		if got := compileGlob(tc.pattern).match(tc.s); got != tc.want {
			t.Errorf("%q matches %q: %v, want %v", tc.pattern, tc.s, got, tc.want)
		}
		if got := slowMatch(tc.pattern, tc.s); got != tc.want {
			t.Errorf("slowly, %q matches %q: %v, want %v", tc.pattern, tc.s, got, tc.want)
		}
	}
}

// All patterns and texts of a few characters over an alphabet that makes trouble.
func TestGlobExhaustive(t *testing.T) {
	words := func(alphabet string, n int) []string {
		all, last := []string{""}, []string{""}
		for range n {
			var next []string
			for _, w := range last {
				for _, c := range alphabet {
					next = append(next, w+string(c))
				}
			}
			all, last = append(all, next...), next
		}
		return all
	}
	texts := words("aé", 6)
	for _, pattern := range words("aé*?", 5) {
		g := compileGlob(pattern)
		for _, s := range texts {
			if got, want := g.match(s), slowMatch(pattern, s); got != want {
				t.Fatalf("%q matches %q: %v, want %v", pattern, s, got, want)
			}
		}
	}
}

// What makes a backtracking matcher slow.
func hostileGlobs() map[string]struct{ pattern, s string } {
	return map[string]struct{ pattern, s string }{
		"many stars":         {strings.Repeat("*a", 2000) + "*b", strings.Repeat("a", 1<<16)},
		"stars in a row":     {strings.Repeat("*", 6000) + "b", strings.Repeat("a", 1<<16)},
		"long piece":         {"*" + strings.Repeat("a", 6000) + "b*", strings.Repeat("a", 1<<16)},
		"long piece with ?":  {"*?" + strings.Repeat("a", 6000) + "b*", strings.Repeat("a", 1<<16)},
		"every other a ?":    {"*" + strings.Repeat("a?", 3000) + "b*", strings.Repeat("a", 1<<16)},
		"question marks":     {strings.Repeat("?", 6000) + "b", strings.Repeat("a", 1<<16)},
		"question and stars": {strings.Repeat("*?", 3000) + "b", strings.Repeat("a", 1<<16)},
		"pieces with ?":      {strings.Repeat("*a?", 2000) + "b", strings.Repeat("a", 1<<16)},
	}
}

func TestHostileGlobs(t *testing.T) {
	for name, tc := range hostileGlobs() {
		if compileGlob(tc.pattern).match(tc.s) {
			t.Errorf("%s: matches", name)
		}
		g := compileGlob(tc.pattern)
		if n := testing.AllocsPerRun(1, func() { g.match(tc.s) }); n != 0 {
			t.Errorf("%s: match allocates %v times", name, n)
		}
	}
	if n := len(compileGlob(strings.Repeat("*", 6000)).pieces); n != 2 {
		t.Errorf("6000 stars compile to %d pieces, want 2", n)
	}
}

func BenchmarkHostileGlobs(b *testing.B) {
	for name, tc := range hostileGlobs() {
		g := compileGlob(tc.pattern)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(tc.s)))
			for b.Loop() {
				g.match(tc.s)
			}
		})
	}
}

func FuzzGlob(f *testing.F) {
	for _, pattern := range []string{"", "*", "?", "a*b?c", "*a?c*", "acs:kms:*:*:key/*", "**?*", "信*?"} {
		for _, s := range []string{"", "abc", "aabbcc", "acs:kms:cn-hangzhou:1:key/1", "信封", "\xff\xe4\xb8"} {
			f.Add(pattern, s)
		}
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > MaxSize || len(pattern)*len(s) > 1<<16 || !utf8.ValidString(pattern) || strings.ContainsRune(pattern, utf8.RuneError) {
			return // no document has such a pattern
		}
		if got, want := compileGlob(pattern).match(s), slowMatch(pattern, s); got != want {
			t.Fatalf("%q matches %q: %v, want %v", pattern, s, got, want)
		}
	})
}

func TestLower(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "kms:encrypt": "kms:encrypt", "KMS:Encrypt": "kms:encrypt",
		"\u212ams:É": "\u212ams:É", // the Kelvin sign is no K, and É has no case here
	} {
		if got := lower(s); got != want {
			t.Errorf("lower(%q) = %q, want %q", s, got, want)
		}
	}
}
