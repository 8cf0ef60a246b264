package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/xinfeng-kms/xinfeng/keyring"
)

// passphraseFlags say where a passphrase comes from. It is never on the command line itself, which other users can see.
type passphraseFlags struct {
	ask  bool
	file string
}

func (p *passphraseFlags) register(flags *pflag.FlagSet) {
	flags.BoolVarP(&p.ask, "passphrase", "p", false, "use a passphrase: $XINFENG_PASSPHRASE, or asked for on the terminal")
	flags.StringVar(&p.file, "passphrase-file", "", "use the passphrase in `file`, without the end of its line")
}

func (p *passphraseFlags) given() bool { return p.ask || p.file != "" }

// check refuses two places for one passphrase: which of them counts, nobody would be told.
func (p *passphraseFlags) check() error {
	if p.ask && p.file != "" {
		return usagef("--passphrase and --passphrase-file do not go together: one passphrase comes from one place")
	}
	return nil
}

// passphraseName is what messages call the passphrase. One who knows several tries them.
const passphraseName = "passphrase"

var errPassphrasesDiffer = errors.New("the two passphrases differ")

// provider returns the provider of the passphrase. To write it is asked for twice.
func (p *passphraseFlags) provider(ctx context.Context, t *tool, write bool) (keyring.KeyProvider, error) {
	passphrase, err := p.read(ctx, t, write)
	if err != nil {
		return nil, err
	}
	defer clear(passphrase)
	provider, err := keyring.NewPassphrase(passphraseName, passphrase, nil)
	if err != nil {
		return nil, usageError{err}
	}
	return provider, nil
}

func (p *passphraseFlags) read(ctx context.Context, t *tool, twice bool) ([]byte, error) {
	if p.file != "" {
		return readPassphrase(ctx, p.file)
	}
	if s := t.env("XINFENG_PASSPHRASE"); s != "" {
		return []byte(s), nil
	}
	passphrase, err := t.ask(ctx, "Passphrase: ")
	if err != nil || !twice {
		return passphrase, err
	}
	again, err := t.ask(ctx, "The same again: ")
	defer clear(again)
	if err == nil && !bytes.Equal(passphrase, again) {
		err = errPassphrasesDiffer
	}
	if err != nil {
		clear(passphrase)
		return nil, err
	}
	return passphrase, nil
}

// readPassphrase returns what is in a file but for one end of a line.
func readPassphrase(ctx context.Context, path string) ([]byte, error) {
	b, err := readSmall(ctx, path, keyring.MaxPassphraseSize+2)
	if err != nil {
		return nil, err
	}
	passphrase, _ := bytes.CutSuffix(b, []byte("\n"))
	passphrase, _ = bytes.CutSuffix(passphrase, []byte("\r"))
	if len(passphrase) > keyring.MaxPassphraseSize {
		clear(b)
		return nil, fmt.Errorf("%s: longer than a passphrase, of at most %d bytes: %w", show(path), keyring.MaxPassphraseSize, keyring.ErrPassphrase)
	}
	return passphrase, nil
}
