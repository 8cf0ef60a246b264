package format_test

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
)

const (
	begin = "-----BEGIN XINFENG MESSAGE-----"
	end   = "-----END XINFENG MESSAGE-----"
)

// messageOf returns n bytes that begin as a message does, which is all that armor looks at.
func messageOf(n int) []byte {
	b := []byte("\x8e\x58\x46\x45")
	for i := len(b); i < n; i++ {
		b = append(b, byte(i*5+i>>8))
	}
	return b
}

func armor(t testing.TB, message []byte) string {
	t.Helper()
	b, err := format.Armor(nil, message)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The text is PEM: what the standard library writes, of any length around that of a line, and it reads back.
func TestArmor(t *testing.T) {
	for _, n := range []int{4, 5, 6, 46, 47, 48, 49, 95, 96, 97, 1000, 1 << 20} {
		m := messageOf(n)
		text := armor(t, m)
		if want := pem.EncodeToMemory(&pem.Block{Type: "XINFENG MESSAGE", Bytes: m}); text != string(want) {
			t.Errorf("Armor of %d bytes = %s, want %s", n, text, want)
		}
		if !format.IsArmored([]byte(text)) || !format.IsArmored([]byte(text[:31])) || format.IsArmored([]byte(text[:30])) || format.IsArmored(m) {
			t.Errorf("IsArmored of %d bytes", n)
		}
		for name, text := range map[string]string{
			"as written":                        text,
			"without its last line end":         strings.TrimSuffix(text, "\n"),
			"with CR LF":                        strings.ReplaceAll(text, "\n", "\r\n"),
			"with CR LF, without its last ones": strings.TrimSuffix(strings.ReplaceAll(text, "\n", "\r\n"), "\r\n"),
		} {
			was := strings.Clone(text)
			b := []byte(text)
			got, err := format.Dearmor(b)
			if err != nil || !bytes.Equal(got, m) || string(b) != was {
				t.Errorf("Dearmor of %d bytes %s = %d bytes, %v", n, name, len(got), err)
			}
		}
	}
	dst := append([]byte("before"), "behind"...)[:6]
	if got, err := format.Armor(dst, messageOf(10)); err != nil || string(got) != "before"+armor(t, messageOf(10)) {
		t.Errorf("Armor behind other bytes = %q, %v", got, err)
	}
}

func TestArmorLimits(t *testing.T) {
	m := messageOf(format.MaxArmored)
	text := armor(t, m)
	if got, err := format.Dearmor([]byte(strings.ReplaceAll(text, "\n", "\r\n"))); err != nil || !bytes.Equal(got, m) {
		t.Errorf("Dearmor of the longest message = %d bytes, %v", len(got), err)
	}
	m = append(m, 0)
	if b, err := format.Armor(nil, m); b != nil || !errors.Is(err, format.ErrInvalid) {
		t.Errorf("Armor of a byte more = %d bytes, %v, want ErrInvalid", len(b), err)
	}
	for _, b := range [][]byte{nil, {0x8e, 0x58, 0x46}, []byte("\x8eXFK"), []byte(text)} {
		if got, err := format.Armor(nil, b); got != nil || !errors.Is(err, format.ErrInvalid) {
			t.Errorf("Armor(%.10q) = %q, %v, want ErrInvalid", b, got, err)
		}
	}
	// With LF the text of some more bytes is not longer than that with CR LF may be.
	longer := pem.EncodeToMemory(&pem.Block{Type: "XINFENG MESSAGE", Bytes: m})
	for name, b := range map[string][]byte{"a byte more": longer, "far longer": make([]byte, 24<<20)} {
		got, err := format.Dearmor(b)
		var parse *format.ParseError
		if got != nil || !errors.Is(err, format.ErrSize) || !errors.As(err, &parse) {
			t.Errorf("Dearmor of %s = %d bytes, %v, want ErrSize", name, len(got), err)
		}
	}
}

func TestDearmorRefuses(t *testing.T) {
	m := messageOf(100) // lines of 64, 64 and 8 characters
	text := armor(t, m)
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	with := func(i int, line ...string) string {
		all := append(append(append([]string{}, lines[:i]...), line...), lines[i+1:]...)
		return strings.Join(all, "\n") + "\n"
	}
	replace := func(old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("the text has no %q", old)
		}
		return strings.Replace(text, old, new, 1)
	}
	other := errors.New("no name")
	for _, tt := range []struct {
		name, text string
		offset     int
		want       error // other: none of the names
	}{
		{"no text", "hello", 0, format.ErrNotMessage},
		{"a message", string(m), 0, format.ErrNotMessage},
		{"another label", strings.ReplaceAll(text, "XINFENG", "AGE"), 0, format.ErrNotMessage},
		{"a label in small letters", strings.ToLower(begin) + text[len(begin):], 0, format.ErrNotMessage},
		{"a longer label", replace("MESSAGE-----\n", "MESSAGE 2-----\n"), 0, format.ErrNotMessage},
		{"four hyphens", text[1:], 0, format.ErrNotMessage},
		{"a byte order mark", "\ufeff" + text, 0, format.ErrNotMessage},
		{"a line before", "hello\n" + text, 0, format.ErrNotMessage},
		{"an empty line before", "\n" + text, 0, format.ErrNotMessage},
		{"a space before", " " + text, 0, format.ErrNotMessage},
		{"a space behind the label", replace(begin, begin+" "), 31, other},
		{"six hyphens", replace(begin, begin+"-"), 31, other},
		{"a header", with(0, begin, "Version: 1"), 32, other},
		{"a header and an empty line", with(0, begin, "Version: 1", ""), 32, other},
		{"an empty line behind the label", with(0, begin, ""), 32, other},
		{"an empty line between", with(2, lines[2], ""), 32 + 130, other},
		{"an empty line before the end", with(3, lines[3], ""), 32 + 139, other},
		{"no lines", begin + "\n" + end + "\n", 32, other},
		{"a line that is one longer", with(1, lines[1]+lines[2][:1], lines[2][1:]), 32 + 64, other},
		{"all in one line", with(1, lines[1]+lines[2]), 32 + 64, other},
		{"a line of 60", with(1, lines[1][:60], lines[1][60:]+lines[2][:60], lines[2][60:]), 32 + 61, other},
		{"a line of 63", with(1, lines[1][:63], lines[1][63:]+lines[2]), 32, other},
		{"a last line of 7", with(3, lines[3][:7]), 32 + 130, other},
		{"the last line cut in two", with(3, lines[3][:4], lines[3][4:]), 32 + 135, other},
		{"no padding", with(3, strings.TrimRight(lines[3], "=")), 32 + 130, other},
		{"padding in the middle", with(1, lines[1][:61]+"A=="), 32 + 65, other},
		{"padding at the beginning", with(3, "===="+lines[3][4:]), 32 + 130, other},
		{"more padding", with(3, lines[3]+"===="), 32 + 130, other},
		{"spare bits", with(3, lines[3][:5]+"x=="), 32 + 130, other},
		{"base64url", with(1, "-_"+lines[1][2:]), 32, other},
		{"another character", with(2, "!"+lines[2][1:]), 32 + 65, other},
		{"a character that is not ASCII", with(2, "é"+lines[2][2:]), 32 + 65, other},
		{"a null", with(2, "\x00"+lines[2][1:]), 32 + 65, other},
		{"a space within", with(2, lines[2][:8]+" "+lines[2][9:]), 32 + 65 + 8, other},
		{"a space behind a line", with(2, lines[2]+" "), 32 + 65 + 64, other},
		{"a tab before a line", with(2, "\t"+lines[2]), 32 + 65, other},
		{"CR LF once", with(2, lines[2]+"\r"), 32 + 65 + 64, other},
		{"CR LF in the last line", strings.TrimSuffix(text, "\n") + "\r\n", len(text) - 1, other},
		{"CR LF but in the second line", strings.Replace(strings.ReplaceAll(text, "\n", "\r\n"), lines[1]+"\r\n", lines[1]+"\n", 1), 33 + 64, other},
		{"CR LF, and LF at the end", strings.TrimSuffix(strings.ReplaceAll(text, "\n", "\r\n"), "\r\n") + "\n", len(text) + 4 - 1, other},
		{"CR alone", strings.ReplaceAll(text, "\n", "\r"), 31, other},
		{"CR LF for a character", with(2, lines[2][:62]+"\r"+lines[2][62:63]), 32 + 65, other},
		{"form feeds", strings.ReplaceAll(text, "\n", "\n\f"), 32, other},
		{"another label at the end", replace(end, "-----END AGE MESSAGE-----"), len(text) - 30, other},
		{"a second beginning", with(4, begin, end), len(text) - 30, other},
		{"an empty line behind", text + "\n", len(text) - 1, other},
		{"a space behind", text + " ", len(text) - 1, other},
		{"a line behind", text + "hello\n", len(text) - 1, other},
		{"twice", text + text, len(text) - 1, other},
		{"a hyphen more", strings.TrimSuffix(text, "\n") + "-", len(text) - 1, other},
		{"a key file", string(pem.EncodeToMemory(&pem.Block{Type: "XINFENG MESSAGE", Bytes: []byte("\x8eXFK and more")})), 32, format.ErrNotMessage},
		{"three bytes", string(pem.EncodeToMemory(&pem.Block{Type: "XINFENG MESSAGE", Bytes: m[:3]})), 32, format.ErrNotMessage},
		{"RFC 1421 headers", string(pem.EncodeToMemory(&pem.Block{Type: "XINFENG MESSAGE", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: m})), 32 + 4, other},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := format.Dearmor([]byte(tt.text))
			var parse *format.ParseError
			if got != nil || !errors.As(err, &parse) {
				t.Fatalf("Dearmor(%q) = %x, %v, want a ParseError", tt.text, got, err)
			}
			named := errors.Is(err, format.ErrNotMessage) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, format.ErrSize)
			if tt.want == other && named || tt.want != other && !errors.Is(err, tt.want) {
				t.Errorf("Dearmor(%q) = %v, want %v", tt.text, err, tt.want)
			}
			if parse.Field != "armor" || parse.Offset != int64(tt.offset) {
				t.Errorf("Dearmor(%q) = %v, want an offset of %d", tt.text, err, tt.offset)
			}
		})
	}
}

// Every beginning of a text ended too early, but for the one without the last line end, and half of it.
func TestDearmorTruncated(t *testing.T) {
	for _, n := range []int{96, 100} {
		for _, text := range []string{armor(t, messageOf(n)), strings.ReplaceAll(armor(t, messageOf(n)), "\n", "\r\n")} {
			whole := strings.TrimRight(text, "\r\n")
			for i := range len(whole) {
				got, err := format.Dearmor([]byte(text[:i]))
				var parse *format.ParseError
				if got != nil || !errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, &parse) || parse.Offset != int64(i) {
					t.Errorf("Dearmor(%q) = %x, %v, want io.ErrUnexpectedEOF at its end", text[:i], got, err)
				}
			}
		}
	}
	if _, err := format.Dearmor([]byte(end[:0])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Dearmor of nothing = %v, want io.ErrUnexpectedEOF", err)
	}
	text := strings.ReplaceAll(armor(t, messageOf(100)), "\n", "\r\n")
	if _, err := format.Dearmor([]byte(text[:len(text)-1])); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Dearmor of half a last line end = %v", err)
	}
}

// A text has one meaning, and a message one text, but for line ends.
func FuzzDearmor(f *testing.F) {
	for _, n := range []int{4, 47, 48, 49, 100} {
		text := armor(f, messageOf(n))
		f.Add([]byte(text))
		f.Add([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
		f.Add([]byte(text[:len(text)-1]))
		f.Add([]byte(text[:len(text)/2]))
	}
	for _, s := range []string{"", "-", begin, begin + "\n" + end, begin + "\nVersion: 1\n\n", begin + "\r\njlhGRQ==\n" + end} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		message, err := format.Dearmor(text)
		if err != nil {
			if message != nil {
				t.Errorf("Dearmor = %x, %v", message, err)
			}
			checkParseError(t, err, len(text))
			// Text that ended too early has a sequel that does not end there.
			if errors.Is(err, io.ErrUnexpectedEOF) && len(text) > 0 && !strings.HasPrefix(begin, string(text)) && !format.IsArmored(text) {
				t.Errorf("Dearmor(%q) = %v", text, err)
			}
			return
		}
		want := armor(t, message)
		got := strings.ReplaceAll(string(text), "\r\n", "\n")
		if got != want && got+"\n" != want {
			t.Errorf("%q holds what is armored as %q", text, want)
		}
		if block, rest := pem.Decode(text); block == nil || block.Type != "XINFENG MESSAGE" || len(block.Headers) > 0 || len(rest) > 0 || !bytes.Equal(block.Bytes, message) {
			t.Errorf("%q is other PEM to the standard library: %v", text, block)
		}
	})
}

// The text of a line is standard base64: the alphabet is not a choice of this package.
func TestArmorAlphabet(t *testing.T) {
	m := append(messageOf(4), 0xfb, 0xff, 0xfe)
	if text := armor(t, m); !strings.Contains(text, "\n"+base64.StdEncoding.EncodeToString(m)+"\n") {
		t.Errorf("Armor = %s", text)
	}
}
