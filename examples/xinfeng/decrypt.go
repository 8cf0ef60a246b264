package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/xinfeng-kms/xinfeng/envelope"
)

type decrypt struct {
	t       *tool
	keys    keyFlags
	context contextFlags
	output  outputFlags
	batch   batchFlags

	client *envelope.Client
	ec     envelope.Context
}

func (t *tool) decryptCommand() *cobra.Command {
	d := &decrypt{t: t}
	cmd := t.command(&cobra.Command{
		Use:   "decrypt [FILE|FOLDER|PATTERN]...",
		Short: "Decrypt messages",
		Long: `Decrypt opens each message, as bytes or as text, and writes its contents to a
file without .xf at the end of its name. The file appears when all of the
message was authentic. Without arguments, or with -, it decrypts standard input
to standard output, where contents appear piece by piece as they are found
authentic: only the exit code says that they are complete.

The context must be that of encryption, withheld pairs included. Of several
files those that are there already, and no older than their message, are left
out: after a failure the same command does what is left.`,
		Example: `  xinfeng decrypt letter.txt.xf
  xinfeng decrypt -r safe -d photos
  xinfeng decrypt --context tenant=42 --context row=7 row.json.xf -o -
  xinfeng decrypt < docs.tar.xf | tar x`,
	}, d.run)
	t.flags(cmd, "Files", d.batch.register)
	t.flags(cmd, "Results", func(f *pflag.FlagSet) { d.output.register(f, "`end` of the names of messages, which is taken away") })
	t.flags(cmd, "Messages", func(f *pflag.FlagSet) { d.context.register(f, false, true) })
	t.flags(cmd, "Keys", func(f *pflag.FlagSet) { d.keys.register(f, false, true) })
	return cmd
}

func (d *decrypt) run(ctx context.Context, args []string) (err error) {
	if err := d.keys.check(d.t); err != nil {
		return err
	}
	if d.ec, err = d.context.context(); err != nil {
		return err
	}
	in, err := d.output.gather(args, &d.batch.selection)
	if err != nil {
		return err
	}
	provider, err := d.keys.reader(ctx, d.t)
	if err != nil {
		return err
	}
	defer provider.Close()
	if d.client, err = envelope.New(provider, d.context.options()); err != nil {
		return usageError{err}
	}
	return d.t.work(ctx, &batch{verb: "decrypt", past: "decrypted"}, in, &d.output, d.batch.jobs, d.output.decrypted, d)
}

func (d *decrypt) stream(ctx context.Context, out io.Writer, in io.Reader) (int64, error) {
	r, err := openMessage(ctx, d.client, in, d.ec)
	if err != nil {
		return 0, err
	}
	return r.WriteTo(out)
}

// openMessage returns a reader of the message in r, which is bytes or text.
func openMessage(ctx context.Context, client *envelope.Client, r io.Reader, ec envelope.Context) (*envelope.Reader, error) {
	message, err := dearmored(r)
	if err != nil {
		return nil, err
	}
	return client.NewReader(ctx, message, ec)
}

// file decrypts one file to another.
func (d *decrypt) file(ctx context.Context, f planned, did func(n int64)) (result, error) {
	res := result{Output: f.dst, line: fmt.Sprintf("%s -> %s", show(f.path), show(f.dst))}
	if err := makeFolders(f.dst, f.path, d.output.keepMode); err != nil {
		return res, err
	}
	in, info, err := openSource(f.path)
	if err != nil {
		return res, err
	}
	defer in.Close()
	if err := notItself(f.dst, info); err != nil {
		return res, err
	}
	out, err := createOut(f.dst, d.output.force)
	if err != nil {
		return res, err
	}
	defer out.Discard()
	r, err := openMessage(ctx, d.client, counting(ctx, in, did), d.ec)
	if err != nil {
		return res, err
	}
	if res.Bytes, err = r.WriteTo(out); err != nil {
		return res, changed(in, info, err)
	}
	res.Provider, res.KeyID = r.Info().Provider, r.Info().KeyID
	return res, out.commit(d.output.attributes(info))
}

// openSource opens a regular file to read. What is none is refused before it is opened, since opening a named pipe waits.
func openSource(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file but " + kindOf(info.Mode()))}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return f, info, nil
}

// changed returns err, nil or what was found in reading f, and says so if f has changed since it was opened.
func changed(f *os.File, before fs.FileInfo, err error) error {
	now, statErr := f.Stat()
	switch {
	case statErr != nil || now.Size() == before.Size() && now.ModTime().Equal(before.ModTime()):
		return err
	case err == nil:
		return envelope.ErrSourceChanged
	}
	return fmt.Errorf("it has changed while it was read: %w", err)
}
