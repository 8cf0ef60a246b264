package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/xinfeng-kms/xinfeng/envelope"
)

type verify struct {
	t       *tool
	keys    keyFlags
	context contextFlags
	batch   batchFlags
	suffix  string

	salvageTo string
	force     bool

	client *envelope.Client
	ec     envelope.Context
}

func (t *tool) verifyCommand() *cobra.Command {
	v := &verify{t: t}
	cmd := t.command(&cobra.Command{
		Use:   "verify [FILE|FOLDER|PATTERN]...",
		Short: "Read messages to their end and say whether they are authentic",
		Long: `Verify opens messages and authenticates every byte of them, without writing
their contents. In folders it takes what ends in .xf or begins like a message.

--salvage is for one damaged message of which there is no other copy: it writes
what is left of it, piece by piece where it belongs, and lists which bytes are
authentic. THE RESULT IS NOT THE MESSAGE, and the exit code is 3. Whoever damaged
the message has chosen what is missing.`,
		Example: `  xinfeng verify letter.txt.xf
  xinfeng verify -r safe --json
  xinfeng verify damaged.xf --salvage what-is-left
  xinfeng verify < message`,
	}, v.run)
	t.flags(cmd, "Files", v.batch.register, func(f *pflag.FlagSet) {
		f.StringVar(&v.suffix, "suffix", ".xf", "`end` of the names of messages")
	})
	t.flags(cmd, "Salvage", func(f *pflag.FlagSet) {
		f.StringVar(&v.salvageTo, "salvage", "", "write what is authentic of one damaged message to `file`")
		f.BoolVarP(&v.force, "force", "f", false, "replace that file if it is there")
	})
	t.flags(cmd, "Messages", func(f *pflag.FlagSet) { v.context.register(f, false, true) })
	t.flags(cmd, "Keys", func(f *pflag.FlagSet) { v.keys.register(f, false, true) })
	return cmd
}

func (v *verify) run(ctx context.Context, args []string) (err error) {
	if err := v.keys.check(v.t); err != nil {
		return err
	}
	if v.ec, err = v.context.context(); err != nil {
		return err
	}
	if v.salvageTo != "" && (len(args) != 1 || args[0] == "-" || v.batch.recursive) {
		return usagef("--salvage is for one file")
	}
	if v.salvageTo == "-" {
		return usagef("--salvage: want the name of a file, since standard output has the list of what is authentic")
	}
	provider, err := v.keys.reader(ctx, v.t)
	if err != nil {
		return err
	}
	defer provider.Close()
	if v.client, err = envelope.New(provider, v.context.options()); err != nil {
		return usageError{err}
	}
	if v.salvageTo != "" {
		return v.salvage(ctx, args[0])
	}
	if len(args) == 0 || len(args) == 1 && args[0] == "-" {
		return v.stdin(ctx)
	}
	files, remarks, err := v.batch.find(args)
	if err != nil {
		return err
	}
	found, more := candidates(files, v.suffix, func(is sniffed) bool { return is == aMessage })
	b := &batch{verb: "verify", past: "authentic"}
	return v.t.each(ctx, b, found, append(remarks, more...), v.batch.jobs, v.file)
}

func (v *verify) stdin(ctx context.Context) error {
	b := v.t.newBar("verify", 0, -1)
	res, err := v.read(ctx, counting(ctx, interruptible(ctx, v.t.in), b.add))
	b.end()
	if err != nil {
		return err
	}
	res.File, res.Status = "-", "done"
	if v.t.json {
		return v.t.encode(v.t.out, res)
	}
	if !v.t.quiet {
		fmt.Fprintf(v.t.err, "-%s\n", res.line)
	}
	return nil
}

// read authenticates a message to its end.
func (v *verify) read(ctx context.Context, in io.Reader) (result, error) {
	r, err := openMessage(ctx, v.client, in, v.ec)
	if err != nil {
		return result{}, err
	}
	n, err := r.WriteTo(io.Discard)
	if err != nil {
		return result{}, err
	}
	info := r.Info()
	return result{Bytes: n, Provider: info.Provider, KeyID: info.KeyID, line: fmt.Sprintf(": authentic, %d bytes, under %s %s", n, info.Provider, show(info.KeyID))}, nil
}

func (v *verify) file(ctx context.Context, f planned, did func(n int64)) (result, error) {
	in, info, err := openSource(f.path)
	if err != nil {
		return result{}, err
	}
	defer in.Close()
	res, err := v.read(ctx, counting(ctx, in, did))
	if err != nil {
		return res, changed(in, info, err)
	}
	res.line = show(f.path) + res.line
	return res, nil
}
