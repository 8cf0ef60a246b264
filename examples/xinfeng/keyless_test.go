package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestPassphrase(t *testing.T) {
	w := newLocalWorld(t)
	w.write("a", "hello")
	w.write("pass", "correct horse battery staple\n")
	w.write("other", "incorrect\r\n")
	w.ok("encrypt", "--passphrase-file", "pass", "a")
	if i := w.inspects("a.xf"); i.Report.WrappedKeys[0].Provider != "passphrase" {
		t.Errorf("%+v", i)
	}
	w.fails(exitNotAuthentic, "a.xf: ", "decrypt", "-f", "--passphrase-file", "other", "a.xf")
	// Asked for on the terminal, twice to write; or in the environment.
	w.answers = []string{"correct horse battery staple"}
	w.ok("decrypt", "-f", "-p", "a.xf")
	w.answers = []string{"one", "one"}
	w.ok("encrypt", "-f", "--passphrase", "a")
	if got := strings.Join(w.asked, ""); got != "Passphrase: Passphrase: The same again: " {
		t.Errorf("asked %q", got)
	}
	w.env["XINFENG_PASSPHRASE"] = "one"
	w.ok("decrypt", "-f", "-p", "a.xf")
	w.wantContent("a", "hello")
	w.env["XINFENG_PASSPHRASE"] = ""
	w.answers = []string{"one", "two"}
	w.fails(exitFailed, "the two passphrases differ", "encrypt", "-f", "-p", "a")
	w.fails(exitFailed, "no terminal", "encrypt", "-f", "-p", "a")
	w.answers = []string{""}
	w.fails(exitUsage, "passphrase of 0 bytes", "decrypt", "-f", "-p", "a.xf")
	w.write("long", strings.Repeat("x", 2000))
	w.fails(exitFailed, "longer than a passphrase", "decrypt", "-f", "--passphrase-file", "long", "a.xf")
	w.fails(exitFailed, "no such file", "decrypt", "-f", "--passphrase-file", "none", "a.xf")
	if _, err := os.Stat(w.env["XINFENG_DIR"]); !os.IsNotExist(err) {
		t.Errorf("a passphrase made a key service: %v", err)
	}
	// Beside a key of the service, either opens.
	w.ok("keys", "create", "--alias", "work")
	w.ok("encrypt", "-f", "-k", "alias/work", "--passphrase-file", "pass", "a")
	w.ok("decrypt", "-f", "--passphrase-file", "pass", "a.xf")
	w.ok("decrypt", "-f", "a.xf")
}

func TestIdentity(t *testing.T) {
	w := newLocalWorld(t)
	w.write("a", "hello")
	public, _ := w.ok("identity", "create", "me.key")
	info, err := os.Stat("me.key")
	if err != nil || info.Mode().Perm() != 0o600 || !strings.HasPrefix(public, "xinfeng-public-x25519:") {
		t.Errorf("%v, %v, %q", info.Mode(), err, public)
	}
	if again, _ := w.ok("identity", "show", "me.key"); again != public {
		t.Errorf("show says %q, create %q", again, public)
	}
	w.fails(exitFailed, "file already exists", "identity", "create", "me.key")
	quantum, _ := w.ok("identity", "create", "--post-quantum", "--json", "safe.key")
	var id identityReport
	if err := json.Unmarshal([]byte(quantum), &id); err != nil || !strings.HasPrefix(id.Public, "xinfeng-public-mlkem768-x25519:") || strings.Contains(quantum, "private") {
		t.Errorf("%s, %v", quantum, err)
	}
	w.write("people", "# two\n\n"+public+id.Public+"\n")
	w.ok("encrypt", "--recipients-file", "people", "a")
	for _, key := range []string{"me.key", "safe.key"} {
		w.ok("decrypt", "-f", "-i", key, "a.xf")
		w.wantContent("a", "hello")
	}
	w.ok("encrypt", "-f", "--recipient", strings.TrimSpace(public), "a")
	w.ok("verify", "--identity", "me.key", "a.xf")
	w.fails(exitNoAccess, "it is under another key", "verify", "--identity", "safe.key", "a.xf")
	// Beside a key of the service; but nobody reads by both at once.
	w.ok("keys", "create", "--alias", "work")
	w.ok("encrypt", "-f", "-k", "alias/work", "--recipients-file", "people", "a")
	w.ok("decrypt", "-f", "a.xf")
	w.ok("decrypt", "-f", "-i", "safe.key", "a.xf")
	w.fails(exitUsage, "use one or the other", "decrypt", "-f", "-k", "alias/work", "-i", "me.key", "a.xf")

	w.write("bad", "xinfeng-public-x25519:AAAA\n")
	w.fails(exitFailed, "bad: line 1: ", "encrypt", "-f", "--recipients-file", "bad", "a")
	w.fails(exitFailed, "bad: line 1: ", "identity", "show", "bad")
	w.fails(exitFailed, "no such file", "encrypt", "-f", "--recipients-file", "none", "a")
	w.fails(exitFailed, "no such file", "decrypt", "-f", "-i", "none", "a.xf")
	w.fails(exitUsage, "public key", "encrypt", "-f", "--recipient", "me", "a")
	w.fails(exitUsage, "", "encrypt", "-f", "--recipient", strings.TrimSpace(public), "--recipient", strings.TrimSpace(public), "a")
	w.write("empty", "# nothing\n")
	w.fails(exitFailed, "no key in it", "identity", "show", "empty")
	w.write("two", w.read("me.key")+w.read("safe.key"))
	w.fails(exitFailed, "a second key", "identity", "show", "two")
	w.write("long", strings.Repeat("x", maxKeyFile+1))
	w.fails(exitFailed, "long: ", "identity", "show", "long")
}
