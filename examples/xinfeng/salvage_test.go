package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestSalvage(t *testing.T) {
	w := newWorld(t)
	const chunk = 4096
	content := strings.Repeat("0123456789abcdef", 5*chunk/16)[:4*chunk+100]
	w.write("a", content)
	w.ok("encrypt", "--chunk-size", "4K", "a", "-c", "tenant=42")
	message := w.read("a.xf")
	body := len(message) - len(content) - 5*16

	// A message that is whole is all there.
	out, says := w.ok("verify", "--salvage", "left", "a.xf", "-c", "tenant=42")
	if !strings.Contains(says, "nothing is missing") || out != "authentic            0 -        16483  16484 bytes\n" {
		t.Errorf("it says %q %q", out, says)
	}
	w.wantContent("left", content)

	// One with a damaged chunk lacks just that.
	damaged := []byte(message)
	damaged[body+chunk+16+7] ^= 1
	w.write("b.xf", string(damaged))
	w.fails(exitFailed, "--force replaces it", "verify", "--salvage", "left", "b.xf", "-c", "tenant=42")
	code, out, says := w.run("verify", "--force", "--salvage", "left", "b.xf", "-c", "tenant=42")
	if code != exitNotAuthentic || !strings.Contains(says, "*** left IS NOT THE MESSAGE ***") || !strings.Contains(says, "12388 bytes are authentic") {
		t.Errorf("exit %d\n%s", code, says)
	}
	if want := "authentic            0 -         4095  4096 bytes\nmissing           4096 -         8191  4096 bytes\nauthentic         8192 -        16483  8292 bytes\n"; out != want {
		t.Errorf("it lists\n%swant\n%s", out, want)
	}
	w.wantContent("left", content[:chunk]+strings.Repeat("\x00", chunk)+content[2*chunk:])

	// One that has lost its end, too.
	w.write("c.xf", string(damaged[:body+3*(chunk+16)+50]))
	code, out, _ = w.run("verify", "--json", "--salvage", "left2", "c.xf", "-c", "tenant=42")
	var res result
	if err := json.Unmarshal([]byte(out), &res); err != nil || code != exitNotAuthentic || res.Status != "salvaged" || res.Exit != 3 || len(res.Ranges) != 2 || res.Ranges[1] != (ranged{2 * chunk, chunk}) || res.Bytes != 2*chunk {
		t.Errorf("exit %d, %v\n%s", code, err, out)
	}
	if _, out, _ = w.run("verify", "-f", "--salvage", "left2", "c.xf", "-c", "tenant=42"); !strings.HasSuffix(out, "missing          12288 -            ?  the end of the message was not found\n") {
		t.Errorf("it lists\n%s", out)
	}

	// Nothing is left, or nothing can be opened.
	w.write("d.xf", message[:body])
	w.fails(exitNotAuthentic, "nothing is left, and never is not written", "verify", "--salvage", "never", "d.xf", "-c", "tenant=42")
	w.fails(exitNotAuthentic, "", "verify", "--salvage", "never", "d.xf")
	w.fails(exitFailed, "not a Xinfeng message", "verify", "--salvage", "never", "a")
	w.fails(exitFailed, "no such file", "verify", "--salvage", "never", "none")
	for _, args := range [][]string{{}, {"-"}, {"a.xf", "b.xf"}, {"-r", "."}} {
		w.fails(exitUsage, "--salvage is for one file", append([]string{"verify", "--salvage", "never"}, args...)...)
	}
	w.wantNames(".", "a", "a.xf", "b.xf", "c.xf", "d.xf", "left", "left2")
}
