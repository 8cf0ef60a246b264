package main

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

const committed = "../../../format/testdata/vectors"

// The committed vectors are what this program makes, file for file and byte for byte.
func TestCommittedVectors(t *testing.T) {
	made := map[string]bool{}
	for _, v := range generate() {
		if made[v.Name] {
			t.Errorf("%s is made twice", v.Name)
		}
		made[v.Name] = true
		got, err := os.ReadFile(filepath.Join(committed, v.Name+vectors.Extension))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, v.Marshal()) {
			t.Errorf("%s is not what the generator makes; run go generate ./format", v.Name)
		}
	}
	files, err := filepath.Glob(filepath.Join(committed, "*"+vectors.Extension))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in %s, %v", committed, err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), vectors.Extension); !made[name] {
			t.Errorf("%s is made by no scenario; run go generate ./format", name)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vectors")
	for range 2 {
		if err := write(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "stale"+vectors.Extension), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	all, err := vectors.ReadAll(dir)
	if err != nil || len(all) != len(generate()) {
		t.Errorf("ReadAll = %d vectors, %v, want %d", len(all), err, len(generate()))
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A sealed text that opens under two keys, computed by another program, and ours from its first blocks.
func TestCollide(t *testing.T) {
	var keys [2]gcmKey
	for i, k := range []string{
		"f1da43be71d6bc509fa84317bb3b2b6409f2637a8cb2fd29ffe18ffdc447114f",
		"7049d9522d02a0506574f526ce61cbfd7ad341376552760d64c584e95e7cea7c",
	} {
		keys[i].block, _ = aes.NewCipher(unhex(t, k))
	}
	theirs := unhex(t, "c29bf79299f4856e07318ae4dfb770145e76dedece89f442ea9ff950225e2a878de40d570f8a6dbae3764783de5f189b"+
		"9399c211342d8b9e081fc7d390752ffb105c35dff64dd05f8929b650ba3e95c7")
	nonce := keys[0].nonce(0, true)
	ours := collide(keys[0], nonce, keys[1], nonce, theirs[:len(theirs)-32])
	if !bytes.Equal(ours, theirs) {
		t.Errorf("collide = %x, want %x", ours, theirs)
	}
	for i, k := range keys {
		if _, err := k.gcm().Open(nil, nonce[:], ours, nil); err != nil {
			t.Errorf("under key %d: %v", i, err)
		}
	}
}

func TestInverse(t *testing.T) {
	one := element{hi: 1 << 63}
	for _, a := range []element{one, {lo: 1}, {hi: 1}, {0x0123456789abcdef, 0xfedcba9876543210}} {
		if got := a.mul(a.inverse()); got != one {
			t.Errorf("%x times its inverse = %x", a, got)
		}
	}
}
