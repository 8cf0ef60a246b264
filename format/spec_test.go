package format_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm3"
	"golang.org/x/crypto/argon2"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

func readSpec(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// codeBlock returns the lines of the first code block behind a line of SPEC.md.
func codeBlock(t *testing.T, spec, line string) []string {
	t.Helper()
	_, after, ok := strings.Cut(spec, "\n"+line+"\n")
	if ok {
		_, after, ok = strings.Cut(after, "\n```\n")
	}
	block, _, ok2 := strings.Cut(after, "\n```")
	if !ok || !ok2 {
		t.Fatalf("SPEC.md has no code block behind %q", line)
	}
	return strings.Split(block, "\n")
}

// The worked example is a vector, byte for byte, and its offsets are right.
func TestSpecWorkedExample(t *testing.T) {
	var b []byte
	row := regexp.MustCompile(`^ *(\d+)  ([0-9a-f]+)(  .*)?$`)
	for _, line := range codeBlock(t, readSpec(t), "### 3.8 Worked example") {
		m := row.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("line %q", line)
		}
		if at, _ := strconv.Atoi(m[1]); at != len(b) {
			t.Errorf("offset of %q: %d, want %d", line, at, len(b))
		}
		b = append(b, unhex(t, m[2])...)
	}
	if want := vector(t, "known-raw-0001").Data; !bytes.Equal(b, want) {
		t.Errorf("worked example = %x, want %x", b, want)
	}
}

// The known answers are what the formulas of Section 4 give, with HKDF of the standard library.
func TestSpecKnownAnswers(t *testing.T) {
	spec := readSpec(t)
	for _, id := range []uint16{suite.AES256GCM, suite.SM4GCM} {
		got := strings.Join(codeBlock(t, spec, fmt.Sprintf("Suite %04x:", id)), "\n")
		if want := knownAnswers(t, id); got != want {
			t.Errorf("suite %04x: SPEC.md has\n%s\nwant\n%s", id, got, want)
		}
	}
}

func knownAnswers(t *testing.T, id uint16) string {
	t.Helper()
	h := map[uint16]func() hash.Hash{suite.AES256GCM: sha256.New, suite.SM4GCM: sm3.New}[id]
	must := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	counting := func(from byte) []byte {
		b := make([]byte, 32)
		for i := range b {
			b[i] = from + byte(i)
		}
		return b
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	extract := func(key []byte) []byte {
		return must(hkdf.Extract(h, key, append([]byte("xinfeng/1 prk\x00"), byte(id))))
	}
	expand := func(prk []byte, label string, info []byte, n int) []byte {
		return must(hkdf.Expand(h, prk, label+string(info), n))
	}
	keySize, maskSize := 32, 0
	if id == suite.SM4GCM {
		keySize, maskSize = 16, 12
	}
	var out strings.Builder
	line := func(name string, b []byte) { fmt.Fprintf(&out, "%-9s %x\n", name, b) }
	split := func(name string, b []byte) []byte { // key, mask, and what follows
		line(name+"Key", b[:keySize])
		if maskSize > 0 {
			line(name+"Mask", b[keySize:][:maskSize])
		}
		return b[keySize+maskSize:]
	}

	var head format.Header
	message := vector(t, fmt.Sprintf("known-raw-%04x", id)).Data
	n, err := head.Parse(message)
	if err != nil {
		t.Fatal(err)
	}
	file := vector(t, fmt.Sprintf("known-key-file-%04x", id)).Data
	cell := vector(t, fmt.Sprintf("known-cell-%04x", id)).Data
	withheld := must(format.AppendPairs(nil, map[string]string{"row": "9"}))
	line("head", message[:head.HeadSize()])
	line("withheld", withheld)
	prk := extract(counting(0))
	line("prk", prk)
	tag := expand(prk, "xinfeng/1 tag", join(message[:head.HeadSize()], withheld), 32)
	line("tag", tag)
	split("body", expand(prk, "xinfeng/1 body", tag, keySize+maskSize))
	line("body", message[n:])
	prefix := file[:28+len(head.Stored)]
	line("prefix", prefix)
	commit := expand(prk, "xinfeng/1 key", prefix, 32)
	line("commit", commit)
	split("cell", expand(prk, "xinfeng/1 cell", join(commit, cell[:33], withheld), keySize+maskSize))
	line("cell", cell)
	line("index", expand(prk, "xinfeng/1 index", join(commit, []byte("hello")), 32))
	rawPRK := extract(counting(0x20))
	line("rawPRK", rawPRK)
	wrapped := head.Record[0].Ciphertext
	info := join(wrapped[:32], []byte("\x03raw\x00\x05local\x00\x0c"), head.Stored)
	line("wc", split("wrap", expand(rawPRK, "xinfeng/1 wrap", info, keySize+maskSize+32)))
	line("wrapped", wrapped[64:])
	if !bytes.Equal(tag, head.Tag[:]) {
		t.Errorf("suite %04x: the vector's tag is %x, want %x", id, head.Tag, tag)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// So are those of passphrases and public keys, with Argon2id of golang.org/x/crypto and HPKE of the standard library.
func TestSpecKnownAnswersKeyless(t *testing.T) {
	counting := func(from byte, n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = from + byte(i)
		}
		return b
	}
	const passphrase = "correct horse battery, Prüfung"
	var out strings.Builder
	line := func(name string, value any) { fmt.Fprintf(&out, "%-10s %v\n", name, value) }
	line("passphrase", hex.EncodeToString([]byte(passphrase)))
	stretched := argon2.IDKey([]byte(passphrase), counting(0x40, 16), 2, 67, 2, 32)
	line("stretched", hex.EncodeToString(stretched))
	for _, k := range []struct {
		kind string
		kem  hpke.KEM
		from byte
	}{{"x25519", hpke.DHKEM(ecdh.X25519()), 0x60}, {"mlkem768-x25519", hpke.MLKEM768X25519(), 0x80}} {
		private, err := k.kem.NewPrivateKey(counting(k.from, 32))
		if err != nil {
			t.Fatal(err)
		}
		b, err := private.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		sum := func(prefix string, key []byte) []byte {
			sum := sha256.Sum256(append([]byte(prefix), key...))
			return sum[:]
		}
		text := func(prefix string, key []byte) string {
			return prefix + base64.RawURLEncoding.EncodeToString(append(bytes.Clone(key), sum(prefix, key)[:4]...))
		}
		id := k.kind + ":" + hex.EncodeToString(sum("xinfeng-public-"+k.kind+":", private.PublicKey().Bytes())[:16])
		line("private", text("xinfeng-private-"+k.kind+":", b))
		if k.kind == "x25519" { // the other has 1663 characters
			line("public", text("xinfeng-public-"+k.kind+":", private.PublicKey().Bytes()))
		}
		line("keyID", id)
		var head format.Header
		if _, err := head.Parse(vector(t, "hpke-"+k.kind+"-0001").Data); err != nil || head.Record[0].KeyID != id {
			t.Errorf("the vector of %s is for %v, %v, want %s", k.kind, head.Record, err, id)
		}
		info := bytes.Join([][]byte{[]byte("xinfeng/1 hpke\x00\x01\x00"), {byte(len(id))}, []byte(id), {0, byte(len(head.Stored))}, head.Stored}, nil)
		line("info", hex.EncodeToString(info))
		key, err := hpke.Open(private, hpke.HKDFSHA256(), hpke.AES256GCM(), info, head.Record[0].Ciphertext)
		if want := vector(t, "hpke-"+k.kind+"-0001").DataKey; err != nil || !bytes.Equal(key, want) {
			t.Errorf("the vector of %s opens to %x, %v, want %x", k.kind, key, err, want)
		}
	}
	if got, want := strings.Join(codeBlock(t, readSpec(t), "Passphrase and public keys, suite 0001:"), "\n"), strings.TrimSuffix(out.String(), "\n"); got != want {
		t.Errorf("SPEC.md has\n%s\nwant\n%s", got, want)
	}
}

// Every limit of Section 1 that is a constant here has the number there.
func TestSpecLimits(t *testing.T) {
	spec := readSpec(t)
	limits, _, ok := strings.Cut(spec, "\n## 2.")
	if !ok {
		t.Fatal("SPEC.md has no Section 2")
	}
	for _, want := range []string{
		fmt.Sprintf("| header of a message | 44 + 8192 + 32 + 3 + 2 * 65 535 = %s bytes |", thousands(format.MaxHeaderSize)),
		fmt.Sprintf("= %s bytes | the sum", thousands(format.MaxKeyFileSize)),
		fmt.Sprintf("| slot | %d to %s bytes |", format.MinSlotSize, thousands(format.MaxSlotSize)),
		fmt.Sprintf("| record | %s bytes |", thousands(format.MaxRecordSize)),
		fmt.Sprintf("| wrapped keys in a record | 1 to %d |", format.MaxWrappedKeys),
		fmt.Sprintf("| name of a provider | 1 to %d bytes |", format.MaxProviderSize),
		fmt.Sprintf("| key id | 1 to %d bytes |", format.MaxKeyIDSize),
		fmt.Sprintf("| ciphertext of a wrapped key | 1 to %d bytes |", format.MaxCiphertextSize),
		fmt.Sprintf("| stored pairs, encoded | n <= %d bytes |", format.MaxPairsSize),
		fmt.Sprintf("| withheld pairs | %d bytes encoded, %d pairs |", format.MaxPairsSize, format.MaxWithheld),
		fmt.Sprintf("| %d <= e <= %d ", suite.MinChunkBits, suite.MaxChunkBits),
		fmt.Sprintf("use e = %d unless", suite.DefaultChunkBits),
	} {
		if !strings.Contains(limits, want) {
			t.Errorf("SPEC.md, Section 1, lacks %q", want)
		}
	}
	if format.MaxPlaintext != 1<<46 || format.MaxCellValue != 1<<20 || format.MaxArmored != 1<<24 || format.CellOverhead != 49 {
		t.Error("SPEC.md has other powers of two than the constants")
	}
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	if len(s) > 4 {
		s = s[:len(s)-3] + " " + s[len(s)-3:]
	}
	return s
}

// Section 10.1 names every key and outcome of the vectors.
func TestSpecVectorKeys(t *testing.T) {
	_, section, ok := strings.Cut(readSpec(t), "\n### 10.1 ")
	if !ok {
		t.Fatal("SPEC.md has no Section 10.1")
	}
	for _, v := range readVectors(t) {
		if !strings.Contains(section, "`"+string(v.Expect)+"`") {
			t.Errorf("SPEC.md, Section 10.1, lacks the outcome %s of %s", v.Expect, v.Name)
		}
		head, _, _ := bytes.Cut(v.Marshal(), []byte("\n\n"))
		for line := range strings.SplitSeq(string(head), "\n") {
			if key, _, _ := strings.Cut(line, ": "); !strings.Contains(section, "| `"+key+"` ") {
				t.Errorf("SPEC.md, Section 10.1, lacks the key %s of %s", key, v.Name)
			}
		}
		for _, p := range v.Providers {
			if !strings.Contains(section, fmt.Sprintf(`{"type":%q`, p.Type)) {
				t.Errorf("SPEC.md, Section 10.1, lacks the provider %s of %s", p.Type, v.Name)
			}
		}
	}
}
