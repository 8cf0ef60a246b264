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
	"github.com/xinfeng-kms/xinfeng/format"
)

type encrypt struct {
	t       *tool
	keys    keyFlags
	context contextFlags
	message messageFlags
	output  outputFlags
	batch   batchFlags

	client *envelope.Client
	ec     envelope.Context
}

func (t *tool) encryptCommand() *cobra.Command {
	e := &encrypt{t: t}
	cmd := t.command(&cobra.Command{
		Use:   "encrypt [FILE|FOLDER|PATTERN]...",
		Short: "Encrypt files, folders or standard input",
		Long: `Encrypt makes a message of each file, beside it and with .xf at the end of its
name; the file stays as it is. Without arguments, or with -, it encrypts
standard input to standard output.

Of several files those whose message is there already, and no older, are left
out: after a failure the same command does what is left. In folders symbolic
links are not followed and what is no regular file is left out; there is a line
for each. Messages of one run share a data key for five minutes at most.`,
		Example: `  xinfeng encrypt letter.txt
  xinfeng encrypt -r photos -d safe --exclude '*.tmp' --exclude cache
  xinfeng encrypt --context tenant=42 --context row=7 --withhold row row.json
  xinfeng encrypt --armor -o secret.txt < password
  xinfeng encrypt --kms cloud --key acs:kms:cn-hangzhou:123:alias/work report.pdf`,
	}, e.run)
	t.flags(cmd, "Files", e.batch.register)
	t.flags(cmd, "Results", func(f *pflag.FlagSet) { e.output.register(f, "`end` of the names of messages") })
	t.flags(cmd, "Messages", func(f *pflag.FlagSet) { e.context.register(f, true, false); e.message.register(f, true) })
	t.flags(cmd, "Keys", func(f *pflag.FlagSet) { e.keys.register(f, true, false) })
	return cmd
}

func (e *encrypt) run(ctx context.Context, args []string) (err error) {
	if err := e.keys.check(e.t); err != nil {
		return err
	}
	opts := e.context.options()
	if err := e.message.apply(opts); err != nil {
		return err
	}
	if e.ec, err = e.context.context(); err != nil {
		return err
	}
	if !e.keys.ofNoService() {
		e.batch.selection.service = e.keys.folder(e.t)
	}
	in, err := e.output.gather(args, &e.batch.selection)
	if err != nil {
		return err
	}
	if e.output.toStdout(in) && !e.message.armor && e.t.terminal(e.t.out) {
		return errNoText
	}
	provider, err := e.keys.writer(ctx, e.t)
	if err != nil {
		return err
	}
	defer provider.Close()
	if e.client, err = envelope.New(provider, opts); err != nil {
		return usageError{err}
	}
	return e.t.work(ctx, &batch{verb: "encrypt", past: "encrypted"}, in, &e.output, e.batch.jobs, e.output.encrypted, e)
}

// stream writes in to out as a message, or the text of one.
func (e *encrypt) stream(ctx context.Context, out io.Writer, in io.Reader) (int64, error) {
	if e.message.armor {
		return encryptText(ctx, e.client, out, in, e.ec)
	}
	w, err := e.client.NewWriter(ctx, out, e.ec)
	if err != nil {
		return 0, err
	}
	n, err := w.ReadFrom(in)
	if err != nil {
		return n, err
	}
	return n, w.Close()
}

// file encrypts one file to another.
func (e *encrypt) file(ctx context.Context, f planned, did func(n int64)) (result, error) {
	res := result{Output: f.dst, Bytes: f.size, line: fmt.Sprintf("%s -> %s", show(f.path), show(f.dst))}
	if err := makeFolders(f.dst, f.path, e.output.keepMode); err != nil {
		return res, err
	}
	if e.message.armor {
		var err error
		res.Bytes, err = e.textFile(ctx, f, did)
		return res, err
	}
	was, err := os.Stat(f.path)
	if err != nil {
		return res, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	before := int64(0)
	opts := &envelope.FileOptions{KeepModTime: e.output.keepMode, OwnerOnly: !e.output.keepMode, NoReplace: !e.output.force, Progress: func(done, total int64) {
		did(done - before)
		before = done
		// A file that was written to at its old size makes a message of two of its states, which the next run would take
		// for done. That all is read is told before the message gets its name, in place of an older one with --force.
		if done == total {
			if now, err := os.Stat(f.path); err != nil || !now.ModTime().Equal(was.ModTime()) {
				cancel(errors.Join(err, envelope.ErrSourceChanged))
			}
		}
	}}
	err = e.client.EncryptFile(ctx, f.dst, f.path, e.ec, opts)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, envelope.ErrSourceChanged) {
		return res, cause
	} else if errors.Is(err, fs.ErrExist) {
		return res, &fs.PathError{Op: "create", Path: f.dst, Err: errExists}
	} else if err != nil {
		return res, err
	}
	res.Bytes = before
	return res, nil
}

// textFile encrypts one file to the text of a message and returns the length of its plaintext.
func (e *encrypt) textFile(ctx context.Context, f planned, did func(n int64)) (int64, error) {
	in, info, err := openSource(f.path)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	if info.Size() > format.MaxArmored {
		return 0, errTooLongForText
	}
	if err := notItself(f.dst, info); err != nil {
		return 0, err
	}
	out, err := createOut(f.dst, e.output.force)
	if err != nil {
		return 0, err
	}
	defer out.Discard()
	n, err := encryptText(ctx, e.client, out, counting(ctx, in, did), e.ec)
	if err != nil {
		return n, err
	}
	if err := changed(in, info, nil); err != nil {
		return n, err
	}
	return n, out.commit(e.output.attributes(info))
}
