package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
)

// inputs are what a command works on that turns files into others: standard input, or files.
type inputs struct {
	stdin   bool
	files   []source
	remarks []remark
}

// gather returns the inputs that args name. One result that has a name needs one input.
func (o *outputFlags) gather(args []string, s *selection) (*inputs, error) {
	if err := o.check(args); err != nil {
		return nil, err
	}
	if len(args) == 0 || len(args) == 1 && args[0] == "-" {
		return &inputs{stdin: true}, nil
	}
	s.skip = o.dir
	files, remarks, err := s.find(args)
	if err != nil {
		return nil, err
	}
	if o.output != "" && len(files) > 1 {
		return nil, usagef("--output is for one input; --output-dir is for many")
	}
	return &inputs{files: files, remarks: remarks}, nil
}

// toStdout reports whether the result goes to standard output.
func (o *outputFlags) toStdout(in *inputs) bool {
	return o.output == "-" || in.stdin && o.output == ""
}

// A worker turns what it reads into what it writes, one way for streams and another for files.
type worker interface {
	// stream returns the length of the plaintext in bytes.
	stream(ctx context.Context, out io.Writer, in io.Reader) (int64, error)
	// file works from f.path to f.dst and calls did with the bytes it has read as it goes on.
	file(ctx context.Context, f planned, did func(n int64)) (result, error)
}

// work has w work on the inputs.
func (t *tool) work(ctx context.Context, b *batch, in *inputs, o *outputFlags, jobs int, name naming, w worker) error {
	switch {
	case in.stdin:
		return t.stream(ctx, b.verb, t.in, -1, o, w)
	case o.output == "-" && len(in.files) == 1:
		f, info, err := openSource(in.files[0].path)
		if err != nil {
			return err
		}
		defer f.Close()
		code := t.remarked(in.remarks)
		if err := t.stream(ctx, b.verb, f, info.Size(), o, w); err != nil || code == exitDone {
			return err
		}
		return batchError{code}
	}
	plan, remarks := o.plan(in.files, in.remarks, name)
	return t.each(ctx, b, plan, remarks, jobs, w.file)
}

// stream has w work from in, of so many bytes or -1, to a new file or standard output.
func (t *tool) stream(ctx context.Context, verb string, in io.Reader, size int64, o *outputFlags, w worker) error {
	out, res := t.out, result{File: "-", Output: "-", Status: "done"}
	if f, ok := in.(*os.File); ok && size >= 0 {
		res.File = f.Name()
	}
	var file *outFile
	if o.output != "" && o.output != "-" {
		if f, ok := in.(*os.File); ok {
			info, err := f.Stat()
			if err == nil {
				err = notItself(o.output, info)
			}
			if err != nil {
				return err
			}
		}
		var err error
		if file, err = createOut(o.output, o.force); err != nil {
			return err
		}
		defer file.Discard()
		out, res.Output = file, o.output
	}
	var b *bar
	if file != nil || !t.terminal(t.out) { // it would stand in the middle of what is shown
		b = t.newBar(verb, 0, size)
	}
	n, err := w.stream(ctx, out, counting(ctx, interruptible(ctx, in), b.add))
	b.end()
	if err != nil {
		return err
	}
	res.Bytes = n
	if file != nil {
		if err := file.commit(atomicfile.Attributes{Mode: 0o600}); err != nil {
			return err
		}
		if !t.quiet && !t.json {
			fmt.Fprintf(t.err, "- -> %s\n", show(o.output))
		}
	}
	if !t.json {
		return nil
	}
	if file == nil { // standard output has the data
		return t.encode(t.err, res)
	}
	return t.encode(t.out, res)
}

var errNoText = usageError{errors.New("a message is no text and does not go to a terminal; use --armor, --output or a pipe")}
