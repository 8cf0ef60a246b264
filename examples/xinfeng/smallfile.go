package main

import (
	"context"
	"io"
	"os"
)

// readSmall returns what is in a file, or one byte more than limit if there is more. The file may be a pipe, as a shell makes
// of <(command), of which even opening waits for somebody to write: that ends when ctx does.
func readSmall(ctx context.Context, path string, limit int64) ([]byte, error) {
	type answer struct {
		b   []byte
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		f, err := os.Open(path)
		if err != nil {
			answers <- answer{nil, err}
			return
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, limit+1))
		answers <- answer{b, err}
	}()
	select {
	case a := <-answers:
		return a.b, a.err
	case <-ctx.Done(): // the read goes on until the program ends, which is now
		return nil, ctx.Err()
	}
}
