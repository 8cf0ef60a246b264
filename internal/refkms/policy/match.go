package policy

import (
	"strings"
	"unicode/utf8"
)

// A glob is a compiled pattern: * stands for any run of characters, the empty one too, ? for exactly one character, and
// everything else for itself. There is no escape, and no character is special: * runs over colons and slashes.
//
// The pattern is cut at its stars. What stands before the first must begin the text, what stands after the last must end
// it, and each piece between is looked for from where the one before it ended: since all occurrences of a piece have
// equally many characters, the first one leaves the most room, and nothing needs to be tried again. So the text is read
// once, and nothing is allocated.
type glob struct {
	pieces []piece // between the stars; one if there is no star
}

// A piece is a pattern without stars.
type piece struct {
	text   string
	wild   bool        // has a ?
	places *characters // of a piece that has a ? and is looked for anywhere
}

// characters are those of a piece, by their numbers as sets of bits: what is a ?, and what is a given character, which is
// but a few words of many. All in all they are as long as the piece.
type characters struct {
	any   []uint64
	marks map[rune][]mark
	last  uint // number of the last character
}

// A mark is one word that is not zero of a set of bits.
type mark struct {
	word int
	bits uint64
}

// maxWords is the number of words in a set of the characters of a pattern.
const maxWords = MaxSize / 64

func compileGlob(pattern string) glob {
	texts := strings.Split(pattern, "*")
	var g glob
	for i, text := range texts {
		inside := i > 0 && i < len(texts)-1
		if inside && text == "" {
			continue // stars in a row are one
		}
		p := piece{text: text, wild: strings.Contains(text, "?")}
		if inside && p.wild {
			p.places = number(text)
		}
		g.pieces = append(g.pieces, p)
	}
	return g
}

func number(text string) *characters {
	cs := &characters{marks: map[rune][]mark{}}
	n := uint(0)
	for _, c := range text {
		word, bit := int(n/64), uint64(1)<<(n%64)
		if n%64 == 0 {
			cs.any = append(cs.any, 0)
		}
		if c == '?' {
			cs.any[word] |= bit
		} else if m := cs.marks[c]; len(m) > 0 && m[len(m)-1].word == word {
			m[len(m)-1].bits |= bit
		} else {
			cs.marks[c] = append(m, mark{word, bit})
		}
		cs.last = n
		n++
	}
	return cs
}

// match reports whether the whole of s is as the pattern has it.
func (g glob) match(s string) bool {
	first, last := &g.pieces[0], &g.pieces[len(g.pieces)-1]
	n := first.prefix(s)
	if n < 0 {
		return false
	}
	s = s[n:]
	if len(g.pieces) == 1 {
		return s == ""
	}
	for i := 1; i < len(g.pieces)-1; i++ {
		if n = g.pieces[i].find(s); n < 0 {
			return false
		}
		s = s[n:]
	}
	return last.suffix(s)
}

// prefix returns the length of the piece at the beginning of s, -1 if s does not begin with it.
func (p *piece) prefix(s string) int {
	if !p.wild {
		if strings.HasPrefix(s, p.text) {
			return len(p.text)
		}
		return -1
	}
	rest := s
	for _, want := range p.text {
		got, size := utf8.DecodeRuneInString(rest)
		if size == 0 || want != '?' && want != got {
			return -1
		}
		rest = rest[size:]
	}
	return len(s) - len(rest)
}

// find returns where in s the first occurrence of the piece ends, -1 if there is none.
func (p *piece) find(s string) int {
	if p.wild {
		return p.places.find(s)
	}
	if i := strings.Index(s, p.text); i >= 0 {
		return i + len(p.text)
	}
	return -1
}

// find goes through s as Shift-And does (Baeza-Yates and Gonnet, 1992): bit n of state is set after a character of s if
// the first n+1 characters of the piece end there. A text of n characters takes n × m/64 steps for a piece of m, whatever
// they are; to try the piece at each place would take n × m if all are alike.
func (cs *characters) find(s string) int {
	var words [maxWords]uint64
	state := words[:len(cs.any)]
	for end := 0; end < len(s); {
		c, size := utf8.DecodeRuneInString(s[end:])
		end += size
		marks := cs.marks[c]
		carry := uint64(1) // an occurrence may begin with every character
		for i, fits := range cs.any {
			if len(marks) > 0 && marks[0].word == i {
				fits |= marks[0].bits
				marks = marks[1:]
			}
			word := state[i]
			state[i] = (word<<1 | carry) & fits
			carry = word >> 63
		}
		if state[cs.last/64]>>(cs.last%64)&1 == 1 {
			return end
		}
	}
	return -1
}

// suffix reports whether s ends with the piece.
func (p *piece) suffix(s string) bool {
	if !p.wild {
		return strings.HasSuffix(s, p.text)
	}
	start := len(s)
	for range utf8.RuneCountInString(p.text) {
		_, size := utf8.DecodeLastRuneInString(s[:start])
		if size == 0 {
			return false
		}
		start -= size
	}
	return p.prefix(s[start:]) >= 0
}

// lower returns s with its ASCII letters in lower case: what has case in the names of actions and condition keys is ASCII.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
