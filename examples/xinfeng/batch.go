package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/spf13/pflag"
)

// A result is what became of one file. As JSON it is one line, with these names.
type result struct {
	File     string   `json:"file"`
	Output   string   `json:"output,omitempty"`
	Status   string   `json:"status"`             // "done", "there", "skipped", "failed" or "salvaged"
	Bytes    int64    `json:"bytes,omitempty"`    // of plaintext
	Provider string   `json:"provider,omitempty"` // of the wrapped key that was opened or made
	KeyID    string   `json:"key_id,omitempty"`
	Reason   string   `json:"reason,omitempty"` // why it failed or was skipped
	Exit     int      `json:"exit,omitempty"`   // the code that it fails the program with
	Ranges   []ranged `json:"ranges,omitempty"` // what was salvaged

	line string // for people, if it is done
}

// A ranged is a run of bytes of plaintext.
type ranged struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
}

// A summary ends the JSON of a command for several files.
type summary struct {
	Summary  bool     `json:"summary"` // always true
	Done     int      `json:"done"`
	There    int      `json:"there"`   // of which the result was there already
	Skipped  int      `json:"skipped"` // left out for another reason
	Failed   int      `json:"failed"`
	NotDone  int      `json:"not_done"` // when it was interrupted
	Failures []result `json:"failures,omitempty"`
}

// batchFlags are those of commands that take many files.
type batchFlags struct {
	selection
	jobs int
}

func (b *batchFlags) register(flags *pflag.FlagSet) {
	b.selection.register(flags)
	flags.IntVarP(&b.jobs, "jobs", "j", 0, "work on `n` files at a time (default one for each core)")
}

// A batch is the work on several files: what is printed of it, and what becomes of it.
type batch struct {
	t      *tool
	verb   string    // for the bar, as in "encrypt"
	past   string    // for the end, as in "encrypted"
	out    io.Writer // results as JSON
	single bool      // one file was named, and nothing else: no summary
	bar    *bar

	mu       sync.Mutex // guards what is below, and the bar
	sum      summary
	code     int
	remedies map[string]bool // of failures, "" for those that have none
}

// each calls work for every file, several at a time, and goes on where it fails. work reports the bytes it has read as it
// goes on. Remarks are told first.
func (t *tool) each(ctx context.Context, b *batch, files []planned, remarks []remark, jobs int, work func(ctx context.Context, f planned, did func(n int64)) (result, error)) error {
	if jobs < 0 {
		return usagef("--jobs %d: want 1 or more", jobs)
	} else if jobs == 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	b.t = t
	if b.out == nil {
		b.out = t.out
	}
	var bytes int64
	for _, f := range files {
		bytes += f.size
	}
	b.single = len(files)+len(remarks) == 1
	b.remedies = map[string]bool{}
	b.bar = t.newBar(b.verb, len(files), bytes)
	for _, r := range remarks {
		b.tell(result{File: r.path}, r.err)
	}
	var group errgroup.Group
	group.SetLimit(jobs)
	for _, f := range files {
		if ctx.Err() != nil {
			b.mu.Lock()
			b.sum.NotDone++
			b.mu.Unlock()
			continue
		}
		group.Go(func() error {
			var counted int64
			res, err := work(ctx, f, func(n int64) {
				counted += n
				b.mu.Lock()
				defer b.mu.Unlock()
				b.bar.add(n)
			})
			res.File = f.path
			b.mu.Lock()
			b.bar.add(f.size - counted) // what was skipped or has failed
			b.mu.Unlock()
			b.tell(res, reason(f.path, err))
			return nil
		})
	}
	group.Wait()
	return b.end()
}

// tell prints what became of a file.
func (b *batch) tell(res result, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.bar.file()
	var there errThere
	var out errLeftOut
	switch {
	case errors.Is(err, context.Canceled):
		b.sum.NotDone++
		return
	case errors.As(err, &there):
		res.Status, res.Reason = "there", err.Error()
		b.sum.There++
	case errors.As(err, &out):
		res.Status, res.Reason = "skipped", err.Error()
		b.sum.Skipped++
	case err != nil:
		res.Status, res.Reason, res.Exit = "failed", err.Error(), exitCode(err)
		b.sum.Failed++
		b.sum.Failures = append(b.sum.Failures, res)
		b.code = graver(b.code, res.Exit)
		b.remedies[remedy(err)] = true
	default:
		res.Status = "done"
		b.sum.Done++
	}
	b.print(res)
}

func (b *batch) print(res result) {
	switch {
	case b.t.json:
		b.bar.hide()
		b.t.encode(b.out, res)
	case res.Status == "failed":
		b.bar.hide()
		fmt.Fprintf(b.t.err, "%s: %s\n", show(res.File), visible(res.Reason))
	case b.t.quiet || res.Status == "there" || b.bar != nil && res.Status == "done" && !b.single: // the bar or the end says it
	case res.Status == "skipped":
		b.bar.hide()
		fmt.Fprintf(b.t.err, "%s: left out: %s\n", show(res.File), visible(res.Reason))
	default:
		b.bar.hide()
		fmt.Fprintln(b.t.err, res.line)
	}
}

// end prints what became of all files, and returns an error unless all is well.
func (b *batch) end() error {
	b.bar.end()
	if b.t.json && !b.single {
		s := b.sum
		s.Summary = true
		sortResults(s.Failures)
		b.t.encode(b.out, s)
	} else {
		b.summarize()
	}
	switch {
	case b.sum.NotDone > 0:
		return fmt.Errorf("interrupted: %w", context.Canceled)
	case b.sum.Failed > 0:
		return batchError{b.code}
	case b.sum.Skipped > 0 && b.single: // the one file that was named was left out
		return batchError{exitFailed}
	}
	return nil
}

// summarize says how many files are done, and why the others are not.
func (b *batch) summarize() {
	defer func() {
		if len(b.remedies) == 1 { // the same for all
			for r := range b.remedies {
				if r != "" {
					fmt.Fprintf(b.t.err, "xinfeng: %s\n", r)
				}
			}
		}
	}()
	if b.single || b.t.quiet {
		return
	}
	line := fmt.Sprintf("%s %s", count(b.sum.Done, "file"), b.past)
	for _, more := range []struct {
		n    int
		what string
	}{{b.sum.There, "there already"}, {b.sum.Skipped, "left out"}, {b.sum.Failed, "failed"}, {b.sum.NotDone, "not done"}} {
		if more.n > 0 {
			line += fmt.Sprintf(", %d %s", more.n, more.what)
		}
	}
	fmt.Fprintln(b.t.err, line)
	if b.sum.NotDone > 0 {
		fmt.Fprintln(b.t.err, "the same command again does the rest")
	}
	if b.sum.Failed == 0 || b.bar != nil || b.sum.Done == 0 {
		return // nothing stands between the lines of the failures
	}
	fmt.Fprintln(b.t.err, "failed:")
	sortResults(b.sum.Failures)
	for _, f := range b.sum.Failures {
		fmt.Fprintf(b.t.err, "  %s: %s\n", show(f.File), visible(f.Reason))
	}
}

func sortResults(rs []result) {
	slices.SortStableFunc(rs, func(a, b result) int { return cmp.Compare(a.File, b.File) })
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
