package main

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

const (
	armorBegin = "-----BEGIN XINFENG MESSAGE-----"
	armorEnd   = "-----END XINFENG MESSAGE-----"
)

// armorLines is SPEC.md, Section 3.9: the lines of the text form, without their ends.
func armorLines(b []byte) []string {
	lines := []string{armorBegin}
	text := base64.StdEncoding.EncodeToString(b)
	for ; len(text) > 64; text = text[64:] {
		lines = append(lines, text[:64])
	}
	return append(lines, text, armorEnd)
}

// inLines is text with line ends.
func inLines(lines ...string) string { return strings.Join(lines, "\n") + "\n" }

// armored sets the scene of the worked example in its text form, and returns its lines.
func armored(s *scene) []string {
	_, raw := known(s)
	s.m.keys = attached(raw)
	s.useRaw()
	s.v.Structure = vectors.Armor
	return armorLines(s.m.bytes())
}

// armorOpens makes a scenario of a text that is one of the message's.
func armorOpens(name, comment string, text func(lines []string) string) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		lines := armored(s)
		s.opens()
		s.v.Data = []byte(text(lines))
	}}
}

// armorFails makes a scenario of a text that is none.
func armorFails(name, comment string, expect vectors.Outcome, text func(lines []string) string) scenario {
	return scenario{name: name, comment: comment, build: func(s *scene) {
		s.malformed(expect, []byte(text(armored(s))))
		s.v.DataKey = nil
	}}
}

// editLine returns text with one line in place of another.
func editLine(i int, edit func(line string) string) func([]string) string {
	return func(lines []string) string {
		lines[i] = edit(lines[i])
		return inLines(lines...)
	}
}

// around returns what edits a whole text.
func around(edit func(text string) string) func([]string) string {
	return func(lines []string) string { return edit(inLines(lines...)) }
}

var armorScenarios = []scenario{
	armorOpens("known-armor", "known answer: the worked example of SPEC.md in its text form", func(lines []string) string { return inLines(lines...) }),
	armorOpens("armor-crlf", "all lines end with CR LF", around(func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") })),
	armorOpens("armor-no-last-line-end", "the last line has no end", around(func(text string) string { return strings.TrimSuffix(text, "\n") })),
	armorFails("armor-crlf-once", "one line ends with CR LF, the others with LF", vectors.ParseFault, editLine(2, func(l string) string { return l + "\r" })),
	armorFails("armor-cr", "lines end with CR", vectors.ParseFault, around(func(text string) string { return strings.ReplaceAll(text, "\n", "\r") })),
	armorFails("armor-other-label", "another label", vectors.NotMessage, around(func(text string) string { return strings.ReplaceAll(text, "XINFENG", "PGP") })),
	armorFails("armor-other-label-at-end", "another label in the last line", vectors.ParseFault, editLine(6, func(string) string { return "-----END PGP MESSAGE-----" })),
	armorFails("armor-small-letters", "the label in small letters", vectors.NotMessage, around(strings.ToLower)),
	armorFails("armor-text-before", "a line before it", vectors.NotMessage, around(func(text string) string { return "hello\n" + text })),
	armorFails("armor-text-behind", "a line behind it", vectors.ParseFault, around(func(text string) string { return text + "hello\n" })),
	armorFails("armor-line-end-behind", "an empty line behind it", vectors.ParseFault, around(func(text string) string { return text + "\n" })),
	armorFails("armor-twice", "two texts", vectors.ParseFault, around(func(text string) string { return text + text })),
	armorFails("armor-header", "a header of PEM, and an empty line", vectors.ParseFault, editLine(0, func(l string) string { return l + "\nProc-Type: 4,ENCRYPTED\n" })),
	armorFails("armor-empty-line", "an empty line", vectors.ParseFault, editLine(2, func(l string) string { return l + "\n" })),
	armorFails("armor-space-behind-line", "a space behind a line", vectors.ParseFault, editLine(2, func(l string) string { return l + " " })),
	armorFails("armor-space-before-line", "a space before a line", vectors.ParseFault, editLine(2, func(l string) string { return " " + l })),
	armorFails("armor-line-68", "all lines but the last have 68 characters", vectors.ParseFault, func(lines []string) string {
		text := strings.Join(lines[1:6], "")
		return inLines(armorBegin, text[:68], text[68:136], text[136:204], text[204:272], text[272:], armorEnd)
	}),
	armorFails("armor-line-60", "all lines but the last have 60 characters", vectors.ParseFault, func(lines []string) string {
		text := strings.Join(lines[1:6], "")
		return inLines(armorBegin, text[:60], text[60:120], text[120:180], text[180:240], text[240:300], text[300:], armorEnd)
	}),
	armorFails("armor-no-padding", "the padding is missing", vectors.ParseFault, editLine(5, func(l string) string { return strings.TrimRight(l, "=") })),
	armorFails("armor-spare-bits", "the spare bits before the padding are not zero", vectors.ParseFault, editLine(5, func(l string) string {
		text := strings.TrimRight(l, "=")
		return text[:len(text)-1] + string(text[len(text)-1]+1) + l[len(text):]
	})),
	{name: "armor-base64url", comment: "base64 in the alphabet for addresses", build: func(s *scene) {
		armored(s)
		s.m.salt = [32]byte(bytes.Repeat([]byte{0xff}, 32)) // which is slashes in the other alphabet
		lines := armorLines(s.m.bytes())
		for i, l := range lines[1 : len(lines)-1] {
			lines[1+i] = strings.NewReplacer("+", "-", "/", "_").Replace(l)
		}
		s.malformed(vectors.ParseFault, []byte(inLines(lines...)))
		s.v.DataKey = nil
	}},
	armorFails("armor-no-end", "the last line is missing", vectors.Truncated, func(lines []string) string { return inLines(lines[:6]...) }),
	armorFails("armor-cut", "cut in a line", vectors.Truncated, around(func(text string) string { return text[:100] })),
	armorFails("armor-empty", "no byte", vectors.Truncated, func([]string) string { return "" }),
	armorFails("armor-no-lines", "no base64 between first and last line", vectors.ParseFault, func([]string) string { return inLines(armorBegin, armorEnd) }),
	armorFails("armor-of-text", "base64 of what is no message", vectors.NotMessage, func([]string) string { return inLines(armorLines([]byte("hello, world"))...) }),
	{name: "armor-message-damaged", comment: "the text is sound, and the message in it is not authentic", build: func(s *scene) {
		armored(s)
		m := s.m.bytes()
		m = edited(m, -1, 1)
		s.fails(vectors.AuthenticationAtEnd, []byte(inLines(armorLines(m)...)), nil)
	}},
}
