package main

import (
	"strings"
	"testing"
)

// seen returns what stands on a terminal after s: lines, of which carriage returns and erasing have taken parts away.
func seen(s string) []string {
	lines := []string{""}
	for len(s) > 0 {
		last := &lines[len(lines)-1]
		switch {
		case strings.HasPrefix(s, "\x1b[2K"), strings.HasPrefix(s, "\x1b[K"):
			*last = ""
			s = s[strings.IndexByte(s, 'K')+1:]
		case s[0] == '\r':
			*last, s = "", s[1:]
		case s[0] == '\n':
			lines, s = append(lines, ""), s[1:]
		default:
			*last, s = *last+s[:1], s[1:]
		}
	}
	return lines
}

func TestBar(t *testing.T) {
	w := newWorld(t)
	w.terminal = func(any) bool { return true }
	w.makeTree("in", 20)
	w.write("in/.xinfeng-x.tmp", "left behind")
	_, says := w.ok("encrypt", "-r", "in", "-d", "safe")
	for _, want := range []string{"encrypt 0/20", "encrypt 19/20", "   0% [", " KiB", "/s"} {
		if !strings.Contains(says, want) {
			t.Errorf("no %q in %q", want, says)
		}
	}
	// In the end there is what lasts: no bar, and no line for each file.
	if got := seen(says); len(got) != 3 || !strings.HasPrefix(got[0], "in/.xinfeng-x.tmp: left out:") || got[1] != "20 files encrypted, 1 left out" || got[2] != "" {
		t.Errorf("at last the terminal shows %q", got)
	}
	w.write("safe/plain.txt.xf", "no message")
	code, _, says := w.run("decrypt", "-r", "safe", "-d", "out")
	if got := seen(says); code != exitFailed || len(got) != 3 || !strings.HasPrefix(got[0], "safe/plain.txt.xf: ") || got[1] != "19 files decrypted, 1 failed" {
		t.Errorf("exit %d, at last the terminal shows %q", code, got)
	}
	if _, says = w.ok("decrypt", "-r", "safe", "-d", "out2", "--exclude", "plain.txt.xf", "--quiet"); says != "" {
		t.Errorf("--quiet says %q", says)
	}
	w.write("one", "x")
	if _, says = w.ok("encrypt", "one"); seen(says)[0] != "one -> one.xf" {
		t.Errorf("of one file it says %q", seen(says))
	}
	w.stdin = strings.NewReader(strings.Repeat("x", 5<<20))
	if _, says = w.ok("encrypt", "-o", "stream.xf"); seen(says)[0] != "- -> stream.xf" || !strings.Contains(says, "encrypt (5.0 MiB, ") {
		t.Errorf("of a stream it says %q", says)
	}
	w.env["TERM"] = "dumb"
	if _, says = w.ok("encrypt", "-f", "one"); says != "one -> one.xf\n" {
		t.Errorf("a dumb terminal gets %q", says)
	}
}
