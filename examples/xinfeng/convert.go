package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/examples/internal/foreign"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

type convert struct {
	t       *tool
	keys    keyFlags
	context contextFlags
	message messageFlags
	output  outputFlags
	batch   batchFlags

	opener      foreign.Opener
	from        keyFlags
	allow       []string
	description []string

	client *envelope.Client
	ec     envelope.Context
}

func (t *tool) convertCommand() *cobra.Command {
	c := &convert{t: t}
	cmd := t.command(&cobra.Command{
		Use:   "convert --from FORMAT [--from-key KEY]... FILE|FOLDER|PATTERN...",
		Short: "Make messages of files in the formats of others",
		Long: `Convert opens files that others have encrypted and makes a message of each,
beside it and with .xf at the end of its name. The message is opened again and
compared with the old file, byte for byte, before it gets its name. The old file
stays as it is, and no file is ever replaced.

FORMAT is fourline (the four lines of base64 of the guide), aliyunesdk (the
vendor's encryption SDK; --context is that of the old message, too) or osscse
(client-side encrypted OSS objects; --metadata has those of the one object).

An object of osscse and a message under an algorithm of --insecure-allow are not
authentic: others may have changed them unnoticed, and being converted makes it
look as if they had not. Compare them with another copy.`,
		Example: `  xinfeng convert --key ARN --from fourline sales.csv.cipher
  xinfeng convert --key ARN --from aliyunesdk --context tenant=42 -r old -d new
  xinfeng convert --from osscse --from-rsa private.pem --metadata meta.json object`,
		Args: cobra.MinimumNArgs(1),
	}, c.run)
	t.flags(cmd, "Old files", func(f *pflag.FlagSet) {
		f.StringVar(&c.opener.Format, "from", "", "`format` of the old files: fourline, aliyunesdk or osscse")
		f.StringArrayVar(&c.from.keys, "from-key", nil, "`key` that opens the old files (may be repeated; default that of --key)")
		f.StringVar(&c.from.kms, "from-kms", "", "key `service` of --from-key: local or cloud (default that of --kms)")
		f.StringVar(&c.opener.RSA, "from-rsa", "", "`file` with the private RSA key of OSS objects, as PEM")
		f.StringVar(&c.opener.Metadata, "metadata", "", "`file` with the user metadata of an OSS object, as a JSON object of strings")
		f.StringArrayVar(&c.description, "description", nil, "`k=v` of the description of an OSS object's master key (may be repeated)")
		f.StringArrayVar(&c.allow, "insecure-allow", nil, "read messages of aliyunesdk under `algorithm`, such as AES-256-CTR, that anyone may have changed (may be repeated)")
	}, c.batch.register)
	t.flags(cmd, "Results", func(f *pflag.FlagSet) {
		f.StringVarP(&c.output.output, "output", "o", "", "write to `file` (one input only)")
		f.StringVarP(&c.output.dir, "output-dir", "d", "", "write below `folder`, with the names that files have below those named")
		f.StringVar(&c.output.suffix, "suffix", ".xf", "`end` of the names of messages")
	})
	t.flags(cmd, "Messages", func(f *pflag.FlagSet) { c.context.register(f, true, false); c.message.register(f, false) })
	t.flags(cmd, "New keys", func(f *pflag.FlagSet) { c.keys.register(f, true, false) })
	return cmd
}

func (c *convert) run(ctx context.Context, args []string) (err error) {
	if err := c.checkKeys(); err != nil {
		return err
	}
	opts := c.context.options()
	if err := c.message.apply(opts); err != nil {
		return err
	}
	if c.ec, err = c.context.context(); err != nil {
		return err
	}
	c.opener.Context = c.ec
	if c.opener.Description, err = parsePairs("--description", c.description); err != nil {
		return err
	}
	for _, name := range c.allow {
		a, ok := algorithm(name)
		if !ok {
			return usagef("--insecure-allow %q: no such algorithm", name)
		}
		c.opener.Allow = append(c.opener.Allow, a)
	}
	if err := c.checkFormat(); err != nil {
		return err
	}
	if err := c.findKeys(ctx); err != nil {
		return err
	}
	in, err := c.output.gather(args, &c.batch.selection)
	if err != nil {
		return err
	}
	if in.stdin || c.output.output == "-" {
		return usagef("what is converted is compared afterwards: want files")
	}
	if len(in.files) > 1 && c.opener.Metadata != "" {
		return usagef("--metadata is for one input")
	}
	provider, err := c.keys.writer(ctx, c.t)
	if err != nil {
		return err
	}
	defer provider.Close()
	if c.client, err = envelope.New(provider, opts); err != nil {
		return usageError{err}
	}
	plan, remarks := c.output.plan(in.files, in.remarks, c.output.encrypted)
	return c.t.each(ctx, &batch{verb: "convert", past: "converted"}, plan, remarks, c.batch.jobs, c.file)
}

// checkKeys refuses flags about keys that contradict each other.
func (c *convert) checkKeys() error {
	switch {
	case c.opener.RSA == "":
		return c.keys.check(c.t, c.from.kms)
	case len(c.from.keys) > 0:
		return usagef("--from-rsa and --from-key do not go together")
	case c.from.kms != "":
		return usagef("--from-rsa and --from-kms do not go together: the former needs no key service")
	}
	return c.keys.check(c.t)
}

// checkFormat refuses a format that there is not, and flags that are for another one.
func (c *convert) checkFormat() error {
	switch c.opener.Format {
	case "fourline", "aliyunesdk", "osscse":
	default:
		return usagef("--from %q: %v", c.opener.Format, foreign.ErrFormat)
	}
	for _, f := range []struct {
		name  string
		given bool
		of    string
	}{
		{"--from-rsa", c.opener.RSA != "", "osscse"}, {"--metadata", c.opener.Metadata != "", "osscse"}, {"--description", len(c.description) > 0, "osscse"},
		{"--insecure-allow", len(c.allow) > 0, "aliyunesdk"},
	} {
		if f.given && f.of != c.opener.Format {
			return usagef("%s is for --from %s", f.name, f.of)
		}
	}
	return nil
}

// findKeys has the opener know the keys of the old files.
func (c *convert) findKeys(ctx context.Context) error {
	if c.opener.RSA != "" {
		return nil
	}
	flags := c.keys.serviceFlags
	if c.from.kms != "" {
		flags.kms = c.from.kms
	}
	s, err := flags.service(c.t)
	if err != nil {
		return err
	}
	if len(c.from.keys) == 0 {
		c.from.keys = c.t.keysOf(c.keys.keys)
	}
	for _, key := range c.from.keys {
		if key, err = s.resolve(ctx, key); err != nil {
			return err
		}
		c.opener.Keys = append(c.opener.Keys, key)
	}
	if len(c.opener.Keys) == 0 {
		return usagef("want --from-key: the key that opens the old files")
	}
	c.opener.Connect = func(key string) (kmsapi.API, error) { return s.api(key) }
	return nil
}

// algorithm returns the algorithm of the vendor's SDK that has a name.
func algorithm(name string) (aliyunesdk.Algorithm, bool) {
	for a := aliyunesdk.AES128GCM; a.Known(); a++ {
		if a.String() == name {
			return a, true
		}
	}
	return 0, false
}

func (c *convert) file(ctx context.Context, f planned, did func(n int64)) (result, error) {
	res := result{Output: f.dst}
	if err := makeFolders(f.dst, f.path, false); err != nil {
		return res, err
	}
	in, info, err := openSource(f.path)
	if err != nil {
		return res, err
	}
	defer in.Close()
	old, err := c.opener.Open(ctx, in)
	if err != nil {
		return res, changed(in, info, err)
	}
	read := old.Read
	old.Read = func() (io.Reader, error) { // twice: to write, and to compare
		r, err := read()
		if err != nil {
			return nil, err
		}
		return counted{counting(ctx, r, func(n int64) { did(n / 2) }), ctx, r, did}, nil
	}
	n, made, err := foreign.Convert(ctx, c.client, f.dst, old, c.ec)
	if errors.Is(err, fs.ErrExist) {
		return res, &fs.PathError{Op: "create", Path: f.dst, Err: errors.New("it is there already, and nothing is replaced")}
	} else if err != nil {
		return res, changed(in, info, err)
	}
	res.Bytes, res.Provider, res.KeyID = n, made.Provider, made.KeyID
	res.line = fmt.Sprintf("%s -> %s (compared: equal)", show(f.path), show(f.dst))
	if !old.Authentic {
		res.Reason = "the old file was not authentic: compare the message with another copy before you rely on it"
		res.line += "; " + res.Reason
	}
	return res, nil
}

// counted is a reader of an old file whose bytes are counted, also where it writes itself.
type counted struct {
	io.Reader
	ctx context.Context
	src io.Reader
	did func(n int64)
}

// WriteTo lets a source that works on all cores do so.
func (c counted) WriteTo(w io.Writer) (int64, error) {
	if wt, ok := c.src.(io.WriterTo); ok {
		return wt.WriteTo(writerFunc(func(p []byte) (int, error) {
			if err := c.ctx.Err(); err != nil {
				return 0, err
			}
			n, err := w.Write(p)
			c.did(int64(n) / 2)
			return n, err
		}))
	}
	return io.Copy(w, c.Reader)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
