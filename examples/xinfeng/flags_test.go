package main

import "testing"

// An alias is never what a message names, so to drop one would drop nothing, and the key that should lose its access kept it.
func TestDropAlias(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	w.ok("encrypt", "a")
	older := w.read("a.xf")
	for _, alias := range []string{"alias/old", "acs:kms:cn-hangzhou:1234567890123456:alias/old"} {
		w.fails(exitUsage, "messages name keys and not aliases", "rewrap", "--drop", alias, "a.xf")
	}
	w.wantContent("a.xf", older)
}

// What is salvaged goes to a file: its ranges are on standard output, and '-' would be a file of that name.
func TestSalvageToStdout(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	w.ok("encrypt", "a")
	w.fails(exitUsage, "--salvage: want the name of a file", "verify", "--salvage", "-", "a.xf")
	w.wantNames(".", "a", "a.xf")
}

// A private key is never replaced, and what is said of it names no flag that is not there.
func TestIdentityIsNotReplaced(t *testing.T) {
	w := newWorld(t)
	w.ok("identity", "create", "me.key")
	key := w.read("me.key")
	if code, _, says := w.run("identity", "create", "me.key"); code != exitFailed || says != "xinfeng: create me.key: file already exists\n" {
		t.Errorf("exit %d\n%s", code, says)
	}
	w.wantContent("me.key", key)
}

// XINFENG_KEY names the new keys: of --from-kms local any key opens, as its help text says.
func TestFromLocalOpensUnderAnyKey(t *testing.T) {
	w := newWorld(t)
	cloud := w.env["XINFENG_KEY"]
	w.env["XINFENG_KMS"], w.env["XINFENG_KEY"] = "local", ""
	w.write("a", "content")
	w.ok("encrypt", "a")
	w.env["XINFENG_KMS"], w.env["XINFENG_KEY"] = "cloud", cloud
	w.ok("rewrap", "--from-kms", "local", "--drop", "*", "a.xf")
	if out, _ := w.ok("decrypt", "-o", "-", "a.xf"); out != "content" {
		t.Errorf("it opens to %q", out)
	}
}

// A passphrase comes from one place: of two, one would be ignored without a word.
func TestTwoPlacesOfPassphrase(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	w.write("pass", "correct horse battery staple\n")
	w.answers = []string{"another one", "another one"}
	w.fails(exitUsage, "--passphrase and --passphrase-file do not go together", "encrypt", "--passphrase", "--passphrase-file", "pass", "a")
	w.ok("encrypt", "--passphrase-file", "pass", "a")
	w.fails(exitUsage, "--passphrase and --passphrase-file do not go together", "decrypt", "-f", "-p", "--passphrase-file", "pass", "a.xf")
	w.fails(exitUsage, "--passphrase and --passphrase-file do not go together", "rewrap", "-p", "--passphrase-file", "pass", "a.xf")
	if len(w.asked) != 0 {
		t.Errorf("asked %q", w.asked)
	}
}
