package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// recipientFlags are the public keys that messages are encrypted to.
type recipientFlags struct {
	texts, files []string
}

func (r *recipientFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&r.texts, "recipient", nil, "encrypt to the public `key`, as 'identity show' prints it (may be repeated)")
	flags.StringArrayVar(&r.files, "recipients-file", nil, "encrypt to the public keys in `file`, one a line (may be repeated)")
}

func (r *recipientFlags) given() bool { return len(r.texts)+len(r.files) > 0 }

func (r *recipientFlags) keys(ctx context.Context) (keys []*keyring.PublicKey, err error) {
	for _, text := range r.texts {
		key, err := keyring.ParsePublicKey(text)
		if err != nil {
			return nil, usageError{err}
		}
		keys = append(keys, key)
	}
	for _, path := range r.files {
		err := keyLines(ctx, path, func(line []byte) error {
			key, err := keyring.ParsePublicKey(string(line))
			keys = append(keys, key)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// maxKeyFile bounds a file of keys in bytes: room for 16 of the longest, and comments.
const maxKeyFile = 64 << 10

// keyLines calls f for each line of a file but empty ones and those that begin with #.
func keyLines(ctx context.Context, path string, f func(line []byte) error) error {
	text, err := readSmall(ctx, path, maxKeyFile)
	if err != nil {
		return err
	}
	defer clear(text) // keys can be private
	if len(text) > maxKeyFile {
		return fmt.Errorf("%s: over %d bytes: %w", show(path), maxKeyFile, keyring.ErrInvalidKey)
	}
	s := bufio.NewScanner(bytes.NewReader(text))
	s.Buffer(nil, maxKeyFile+1)
	for n := 1; s.Scan(); n++ {
		line := bytes.TrimSpace(s.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if err := f(line); err != nil {
			return fmt.Errorf("%s: line %d: %w", show(path), n, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%s: %w", show(path), err)
	}
	return nil
}

// readIdentity returns the private key in a file, of which it is the only line.
func readIdentity(ctx context.Context, path string) (key *keyring.PrivateKey, err error) {
	err = keyLines(ctx, path, func(line []byte) (err error) {
		if key != nil {
			return fmt.Errorf("a second key: %w", keyring.ErrInvalidKey)
		}
		key, err = keyring.ParsePrivateKey(line)
		return err
	})
	if err == nil && key == nil {
		err = fmt.Errorf("%s: no key in it: %w", show(path), keyring.ErrInvalidKey)
	}
	return key, err
}

func (t *tool) identityCommand() *cobra.Command {
	var hybrid bool
	cmd := &cobra.Command{
		Use:   "identity",
		Short: "Make a private key of your own, or show its public key",
		Long: `Identity is for people without a key service. Others encrypt to your public key,
and only your private key opens that. Nothing proves who has written it: take it
as you take a letter without a signature.`,
		Example: `  xinfeng identity create ~/me.key        # prints the public key
  xinfeng encrypt --recipient xinfeng-public-x25519:... letter.txt
  xinfeng decrypt --identity ~/me.key letter.txt.xf`,
	}
	create := t.command(&cobra.Command{
		Use:   "create FILE",
		Short: "Make a private key, write it to FILE and print its public key",
		Long: `Create makes a private key and writes it to FILE, which only you can read and
which must not be there yet. It prints the public key, to be given away.`,
		Example: "  xinfeng identity create ~/me.key\n  xinfeng identity create --post-quantum safe.key > safe.pub",
		Args:    cobra.ExactArgs(1),
	}, func(_ context.Context, args []string) error {
		kem := keyring.X25519
		if hybrid {
			kem = keyring.MLKEM768X25519
		}
		key, err := keyring.GeneratePrivateKey(kem)
		if err != nil {
			return err
		}
		if err := writeIdentity(args[0], key); errors.Is(err, fs.ErrExist) {
			return &fs.PathError{Op: "create", Path: args[0], Err: fs.ErrExist} // without the hint at --force, which is not there
		} else if err != nil {
			return err
		}
		return t.printIdentity(args[0], key)
	})
	create.Flags().BoolVar(&hybrid, "post-quantum", false, "of a kind that quantum computers do not break either; its public key is long")
	show := t.command(&cobra.Command{
		Use:     "show FILE",
		Short:   "Print the public key of the private key in FILE",
		Example: "  xinfeng identity show ~/me.key",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, args []string) error {
		key, err := readIdentity(ctx, args[0])
		if err != nil {
			return err
		}
		return t.printIdentity(args[0], key)
	})
	cmd.AddCommand(create, show)
	return cmd
}

// writeIdentity writes a private key to a new file.
func writeIdentity(path string, key *keyring.PrivateKey) error {
	out, err := createOut(path, false)
	if err != nil {
		return err
	}
	defer out.Discard()
	text, err := key.Text()
	if err != nil {
		return err
	}
	defer clear(text)
	if _, err := fmt.Fprintf(out, "# private key of xinfeng: whoever reads it can open what was encrypted to it\n# public key: %v\n", key.PublicKey()); err != nil {
		return err
	}
	if _, err := out.Write(text); err != nil {
		return err
	}
	if _, err := io.Copy(out, strings.NewReader("\n")); err != nil {
		return err
	}
	return out.commit(atomicfile.Attributes{Mode: 0o600})
}

// An identityReport is what 'identity' says, as JSON.
type identityReport struct {
	File   string `json:"file"`
	KeyID  string `json:"key_id"`
	Public string `json:"public_key"`
}

func (t *tool) printIdentity(path string, key *keyring.PrivateKey) error {
	public := key.PublicKey()
	if t.json {
		return t.encode(t.out, identityReport{path, public.ID(), public.String()})
	}
	t.printf("%v", public)
	return nil
}
