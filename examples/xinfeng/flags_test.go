package main

import (
	"os"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
)

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

// A flag of a key service that nothing uses would be ignored without a word: who says --kms cloud beside a passphrase wants
// messages that the cloud's key opens.
func TestServiceFlagsThatNothingUses(t *testing.T) {
	w := newWorld(t)
	w.env["XINFENG_KMS"] = ""
	w.write("a", "content")
	w.write("pass", "correct horse battery staple\n")
	w.write("new", "incorrect horse\n")
	public, _ := w.ok("identity", "create", "me.key")
	public = strings.TrimSpace(public)
	w.write("me.pub", public+"\n")
	w.ok("encrypt", "--passphrase-file", "pass", "a")
	w.ok("encrypt", "--kms", "cloud", "-o", "cloud.xf", "a")
	message := w.read("a.xf")
	for _, tt := range []struct{ says, args string }{
		{"--kms and --passphrase ", "encrypt -f --kms cloud --passphrase a"},
		{"--kms and --passphrase-file ", "encrypt -f --kms local --passphrase-file pass a"},
		{"--kms and --recipient ", "encrypt -f --kms cloud --recipient " + public + " a"},
		{"--kms and --recipients-file ", "encrypt -f --kms cloud --recipients-file me.pub a"},
		{"--region and --passphrase-file ", "encrypt -f --region cn-hangzhou --passphrase-file pass a"},
		{"--endpoint and --passphrase-file ", "encrypt -f --endpoint localhost --passphrase-file pass a"},
		{"--dir and --passphrase-file ", "encrypt -f --dir there --passphrase-file pass a"},
		{"--kms and --identity ", "decrypt -f --kms cloud --identity me.key a.xf"},
		{"--kms and --passphrase-file ", "verify --kms cloud --passphrase-file pass a.xf"},
		{"--kms and --passphrase-file ", "rewrap --kms cloud --passphrase-file pass a.xf"},
		{"--kms and --passphrase-file ", "rewrap --kms cloud --from-kms local --passphrase-file pass a.xf"},
		{"--from-kms and --from-passphrase-file ", "rewrap --from-kms cloud --from-passphrase-file pass a.xf"},
		{"--from-kms and --from-identity ", "rewrap --from-kms cloud --from-identity me.key a.xf"},
		{"--kms and --passphrase-file ", "convert --from osscse --from-rsa x --kms cloud --passphrase-file pass a"},
		{"--from-rsa and --from-kms ", "convert --from osscse --from-rsa x --from-kms cloud a"},
		{"--from-rsa and --from-key ", "convert --from osscse --from-rsa x --from-key y a"},
		{"--region is for --kms cloud", "encrypt -f --region cn-hangzhou a"},
		{"--endpoint is for --kms cloud", "keys list --endpoint localhost"},
		{"--dir is for --kms local", "encrypt -f --kms cloud --dir there a"},
		{"--dir is for --kms local", "keys list --kms cloud --dir there"},
		{"--dir is for --kms local", "rewrap --kms cloud --from-kms cloud --dir there a.xf"},
	} {
		w.fails(exitUsage, tt.says, strings.Fields(tt.args)...)
	}
	w.wantContent("a.xf", message)
	// What is used by one side of two is used.
	for _, args := range []string{
		"encrypt -f --kms cloud --key " + w.key + " --passphrase-file pass a",
		"rewrap --passphrase-file pass --from-passphrase-file pass a.xf",
		"rewrap --passphrase-file new --from-passphrase-file pass --drop * a.xf",
		"rewrap --passphrase-file pass --kms cloud --from-key " + w.key + " cloud.xf",
		"rewrap --from-kms cloud --from-key " + w.key + " --region cn-hangzhou --passphrase-file pass cloud.xf",
		"rewrap --kms cloud --from-kms local --dir there --from-passphrase-file pass --from-key alias/xinfeng cloud.xf",
	} {
		if code, _, says := w.run(strings.Fields(args)...); code == exitUsage {
			t.Errorf("xinfeng %s: %s", args, says)
		}
	}
}

// Only a message says that its wrapped keys are elsewhere, and then the command line lacks the flag that says where.
func TestKeyFilesFlagIsNamed(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	w.write("b", "content")
	if err := os.Mkdir("keys", 0o700); err != nil {
		t.Fatal(err)
	}
	w.ok("encrypt", "--wrapped-keys", "detached", "--key-files", "keys", "a")
	w.ok("encrypt", "b")
	message := w.read("a.xf")
	for _, args := range []string{
		"decrypt -f a.xf", "decrypt -f -o - a.xf", "decrypt -f a.xf b.xf", "verify a.xf", "verify --salvage c a.xf", "rewrap a.xf", "rewrap --wrapped-keys attached a.xf",
	} {
		w.fails(exitUsage, "want --key-files: the wrapped keys are in the key file ", strings.Fields(args)...)
	}
	for _, args := range []string{"decrypt", "verify"} {
		w.stdin = strings.NewReader(message)
		w.fails(exitUsage, "want --key-files", args)
	}
	w.wantContent("a.xf", message)
	// A folder without that key file is another matter.
	w.fails(exitFailed, "no such file", "decrypt", "-f", "--key-files", ".", "a.xf")
	w.wantNames(".", append([]string{"a", "a.xf", "b", "b.xf"}, "keys/"+w.names("keys")[0])...)
}

// A flag without its value would be as if it were not there: a script whose variable is not set must not encrypt under
// another key than it says.
func TestEmptyFlags(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	w.ok("encrypt", "a")
	message := w.read("a.xf")
	for _, tt := range []struct{ flag, command string }{
		{"passphrase-file", "encrypt -f a"}, {"key", "encrypt -f a"}, {"kms", "encrypt -f a"}, {"dir", "encrypt -f a"}, {"recipient", "encrypt -f a"},
		{"recipients-file", "encrypt -f a"}, {"context", "encrypt -f a"}, {"withhold", "encrypt -f a"}, {"output", "encrypt -f a"},
		{"output-dir", "encrypt -f a"}, {"suffix", "encrypt -f a"}, {"key-files", "encrypt -f a"}, {"wrapped-keys", "encrypt -f a"},
		{"identity", "decrypt -f a.xf"}, {"accept-unseen", "decrypt -f a.xf"}, {"salvage", "verify a.xf"}, {"exclude", "verify a.xf"},
		{"from-passphrase-file", "rewrap a.xf"}, {"from-key", "rewrap a.xf"}, {"drop", "rewrap a.xf"}, {"wrapped-keys", "rewrap a.xf"},
		{"from-rsa", "convert --from osscse a"}, {"metadata", "convert --from osscse a"}, {"alias", "keys create"}, {"region", "keys list"},
	} {
		for _, arg := range []string{"--" + tt.flag + "=", "--" + tt.flag} {
			args := append(strings.Fields(tt.command), arg)
			if !strings.HasSuffix(arg, "=") {
				args = append(args, "")
			}
			w.fails(exitUsage, "--"+tt.flag+": its value is empty", args...)
		}
	}
	w.fails(exitUsage, "--key: its value is empty", "encrypt", "-f", "a", "-k", w.key, "-k", "")
	w.wantContent("a.xf", message)
	w.wantNames(".", "a", "a.xf")
}

// Of two values one would be ignored without a word. A list takes any number, and who says the same twice means it.
func TestFlagsGivenTwice(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	w.write("one", "correct horse\n")
	w.write("two", "battery staple\n")
	for _, args := range []string{
		"encrypt --passphrase-file one --passphrase-file two a", "encrypt -o b --output c a", "encrypt --kms local --kms=cloud a", "encrypt -j 1 -j 2 a",
		"encrypt --force --force=false a", "verify --salvage b --salvage c a", "keys list --region cn-hangzhou --region cn-beijing",
		"rewrap --from-passphrase-file one --from-passphrase-file two a", "version --json --json=false",
	} {
		w.fails(exitUsage, "it is given twice, first as ", strings.Fields(args)...)
	}
	w.wantNames(".", "a", "one", "two")
	w.ok("encrypt", "--json", "--json", "--kms", "cloud", "--kms", "cloud", "-j", "1", "-j", "1", "-k", w.key, "-k", w.newKey(), "a")
}

// A pair that no message can hold is a slip in the command line, and is told before any file is worked on.
func TestContextThatCannotBe(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	w.ok("encrypt", "a")
	for _, pair := range []string{"xinfeng:x=1", "\xff=1", "k=\xff", "k=" + strings.Repeat("x", format.MaxPairsSize)} {
		for _, args := range [][]string{{"encrypt", "-f", "a", "a"}, {"decrypt", "-f", "a.xf"}, {"verify", "a.xf"}, {"rewrap", "a.xf"}, {"convert", "--from", "fourline", "a"}} {
			w.fails(exitUsage, "--context ", append(args, "-c", pair)...)
		}
	}
	w.fails(exitUsage, `--context "acs:kms`, "encrypt", "-f", "a", "-c", "acs:kms\x00\xff=1")
	if n := w.calls("GenerateDataKey"); n != 1 {
		t.Errorf("%d data keys were made, want that of the first message", n)
	}
}

// A flag that is for another format, or another place of wrapped keys, would be ignored without a word.
func TestFlagsOfAnotherFormat(t *testing.T) {
	w := newWorld(t)
	w.write("a", "content")
	for _, tt := range []struct{ says, args string }{
		{"--key-files is for --wrapped-keys detached, and they are attached", "encrypt --key-files . a"},
		{"--key-files is for --wrapped-keys detached, and they are slots", "encrypt --wrapped-keys slots --key-files . a"},
		{"--from-rsa is for --from osscse", "convert --from fourline --from-rsa a a"},
		{"--metadata is for --from osscse", "convert --from aliyunesdk --metadata a a"},
		{"--description is for --from osscse", "convert --from fourline --description k=v a"},
		{"--insecure-allow is for --from aliyunesdk", "convert --from osscse --insecure-allow AES-256-CTR a"},
	} {
		w.fails(exitUsage, tt.says, strings.Fields(tt.args)...)
	}
	w.wantNames(".", "a")
}
