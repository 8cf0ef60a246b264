package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
)

// salvage writes what is authentic of one damaged message to a new file, and lists it. What is salvaged is not the message:
// unless nothing at all is missing, the program ends as it does for any message that is not authentic.
func (v *verify) salvage(ctx context.Context, path string) error {
	in, info, err := openSource(path)
	if err != nil {
		return err
	}
	defer in.Close()
	src, size, _, err := messageAt(in, info.Size())
	if err != nil {
		return err
	}
	if err := notItself(v.salvageTo, info); err != nil {
		return err
	}
	out, err := createOut(v.salvageTo, v.force)
	if err != nil {
		return err
	}
	defer out.Discard()
	b := v.t.newBar("salvage", 1, size)
	got, err := v.client.Salvage(ctx, out, readerAtFunc(func(p []byte, off int64) (int, error) {
		n, err := src.ReadAt(p, off)
		b.add(int64(n))
		return n, err
	}), size, v.ec)
	b.end()
	if err != nil {
		return err
	}
	if len(got.Ranges) == 0 && got.Size != 0 {
		return fmt.Errorf("%s: nothing is left, and %s is not written: %w", show(path), show(v.salvageTo), envelope.ErrAuthentication)
	}
	if err := out.commit(atomicfile.Attributes{Mode: 0o600}); err != nil {
		return err
	}
	return v.printSalvaged(path, &got)
}

type readerAtFunc func(p []byte, off int64) (int, error)

func (f readerAtFunc) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

func (v *verify) printSalvaged(path string, got *envelope.Salvaged) error {
	res := result{File: path, Output: v.salvageTo, Status: "done", Provider: got.Info.Provider, KeyID: got.Info.KeyID}
	for _, r := range got.Ranges {
		res.Bytes += r.Len
		res.Ranges = append(res.Ranges, ranged{r.Off, r.Len})
	}
	if !got.Complete() {
		res.Status, res.Exit, res.Reason = "salvaged", exitNotAuthentic, fmt.Sprintf("%d bytes are authentic, in the ranges that are listed; all else in the file is filler", res.Bytes)
	}
	if v.t.json {
		if err := v.t.encode(v.t.out, res); err != nil {
			return err
		}
	} else {
		v.t.printf("%s", strings.Join(salvageLines(got), "\n"))
	}
	if got.Complete() {
		v.t.note("%s: nothing is missing; %s is all of it", show(path), show(v.salvageTo))
		return nil
	}
	fmt.Fprintf(v.t.err, `
*** %[1]s IS NOT THE MESSAGE ***
%[2]s is damaged. %[1]s has what is left of it: %[3]d bytes are authentic, in the
ranges listed above. Whatever stands elsewhere in the file is filler and was not
in the message. Whoever damaged it has chosen what is missing: let no program
act on this file.
`, show(v.salvageTo), show(path), res.Bytes)
	if got.SourceErr != nil {
		fmt.Fprintf(v.t.err, "Not all of it could be read: %s\n", visible(got.SourceErr.Error()))
	}
	return batchError{exitNotAuthentic}
}

// salvageLines lists what is authentic and what is missing, in order and without gap.
func salvageLines(got *envelope.Salvaged) (lines []string) {
	line := func(what string, from, to int64) {
		if from < to {
			lines = append(lines, fmt.Sprintf("%-9s %12d - %12d  %d bytes", what, from, to-1, to-from))
		}
	}
	at := int64(0)
	for _, r := range got.Ranges {
		line("missing", at, r.Off)
		line("authentic", r.Off, r.Off+r.Len)
		at = r.Off + r.Len
	}
	line("missing", at, got.Size)
	if got.Size < 0 {
		lines = append(lines, fmt.Sprintf("%-9s %12d -            ?  the end of the message was not found", "missing", at))
	}
	return lines
}
