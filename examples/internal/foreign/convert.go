// Package foreign turns files in the formats of others into messages of package envelope, for the examples that do so.
package foreign

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/xinfeng-kms/xinfeng/envelope"
)

// ErrDiffers: what was written is not what was read.
var ErrDiffers = errors.New("the new message opens to something else than the old file")

// Convert writes the plaintext of old to dst as a message, opens it again and compares. dst appears when all of that has
// succeeded, and never replaces a file. It returns the length of the plaintext in bytes and what opened the message.
func Convert(ctx context.Context, client *envelope.Client, dst string, old *Source, ec envelope.Context) (int64, envelope.Info, error) {
	fail := func(err error) (int64, envelope.Info, error) { return 0, envelope.Info{}, err }
	if _, err := os.Lstat(dst); err == nil { // early; the link at the end is what counts
		return fail(&fs.PathError{Op: "create", Path: dst, Err: fs.ErrExist})
	}
	out, err := os.CreateTemp(filepath.Dir(dst), ".xinfeng-*.tmp")
	if err != nil {
		return fail(err)
	}
	defer os.Remove(out.Name())
	defer out.Close()

	plaintext, err := old.Read()
	if err != nil {
		return fail(err)
	}
	w, err := client.NewWriter(ctx, out, ec)
	if err != nil {
		return fail(err)
	}
	n, err := io.Copy(w, plaintext)
	if err != nil {
		return fail(err)
	}
	if err := w.Close(); err != nil {
		return fail(err)
	}
	if err := out.Sync(); err != nil {
		return fail(err)
	}

	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return fail(err)
	}
	message, err := client.NewReader(ctx, out, ec)
	if err != nil {
		return fail(fmt.Errorf("open what was written: %w", err))
	}
	if plaintext, err = old.Read(); err != nil {
		return fail(err)
	}
	if err := Compare(plaintext, message); err != nil {
		return fail(err)
	}
	// A link fails where there is a file already, at once and without a race.
	if err := os.Link(out.Name(), dst); err != nil {
		return fail(err)
	}
	return n, message.Info(), nil
}

// Compare reads both to their ends, and returns an error unless they are equal.
func Compare(want, got io.Reader) error {
	a, b := bufio.NewReaderSize(want, 1<<16), bufio.NewReaderSize(got, 1<<16)
	for {
		x, errA := a.Peek(1 << 16)
		y, errB := b.Peek(1 << 16)
		switch {
		case errA != nil && errA != io.EOF:
			return fmt.Errorf("read the old file again: %w", errA)
		case errB != nil && errB != io.EOF:
			return fmt.Errorf("read what was written: %w", errB)
		case !bytes.Equal(x, y):
			return ErrDiffers
		case errA == io.EOF && errB == io.EOF:
			return nil
		}
		a.Discard(len(x))
		b.Discard(len(y))
	}
}
