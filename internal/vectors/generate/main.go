// Command generate writes the test vectors of the message format. It is run by go generate in package format, makes the
// same bytes every time, and its test fails when the committed files are others.
//
// It is a second implementation of writing: bytes are laid out and keys derived here, from SPEC.md, with HKDF of the
// standard library and the bare ciphers. Packages format and envelope have no part in it, so that a mistake in them does
// not vouch for itself. It writes what no writer may, which is the point of most vectors.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "", "folder to write to; vectors in it that are not made any more are removed")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := write(*out); err != nil {
		log.Fatal(err)
	}
}

// write replaces the vectors in dir.
func write(dir string) error {
	old, err := filepath.Glob(filepath.Join(dir, "*"+vectors.Extension))
	if err != nil {
		return err
	}
	for _, f := range old {
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, v := range generate() {
		b := v.Marshal()
		if _, err := vectors.Parse(b); err != nil {
			return fmt.Errorf("%s: %w", v.Name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, v.Name+vectors.Extension), b, 0o666); err != nil {
			return err
		}
	}
	return nil
}
