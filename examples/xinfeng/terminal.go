package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/term"
)

// errNoTerminal: there is nobody to ask.
var errNoTerminal = errors.New("no terminal to ask for a passphrase; see --passphrase-file")

// errNotConfirmed: the answer was not yes.
var errNotConfirmed = errors.New("not confirmed, and nothing was changed")

// confirm says what is to be done and waits for somebody at standard input to agree, by the word yes on a line of its own.
func (t *tool) confirm(ctx context.Context, what string) error {
	fmt.Fprintf(t.err, "%s\nType 'yes' to go on: ", what)
	answer, err := bufio.NewReaderSize(interruptible(ctx, t.in), 64).ReadSlice('\n')
	if err != nil {
		fmt.Fprintln(t.err)
	}
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	if err != nil || string(bytes.TrimSpace(answer)) != "yes" {
		return errNotConfirmed
	}
	return nil
}

// openTerminal returns the terminal of the process, whatever its streams are: what is typed, and what is shown.
func openTerminal() (in, out *os.File, err error) {
	typed, shown := "/dev/tty", "/dev/tty"
	if runtime.GOOS == "windows" {
		typed, shown = "CONIN$", "CONOUT$"
	}
	if in, err = os.OpenFile(typed, os.O_RDWR, 0); err != nil {
		return nil, nil, err
	}
	if out, err = os.OpenFile(shown, os.O_RDWR, 0); err != nil {
		in.Close()
		return nil, nil, err
	}
	return in, out, nil
}

// askTerminal asks for a passphrase on the terminal and does not show it: not even what is typed as soon as the question
// stands there, which is why the terminal is made raw before. Then Ctrl-C is a key like others, and is told from here.
func askTerminal(ctx context.Context, prompt string) ([]byte, error) {
	in, out, err := openTerminal()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoTerminal, err)
	}
	defer in.Close()
	defer out.Close()
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoTerminal, err)
	}
	defer term.Restore(int(in.Fd()), before)
	type answer struct {
		passphrase string
		err        error
	}
	answers := make(chan answer, 1)
	go func() {
		screen := struct {
			io.Reader
			io.Writer
		}{in, out}
		p, err := term.NewTerminal(screen, "").ReadPassword(prompt)
		answers <- answer{p, err}
	}()
	select {
	case a := <-answers:
		if a.err == io.EOF { // Ctrl-C, or Ctrl-D
			fmt.Fprint(out, "\r\n")
			return nil, fmt.Errorf("passphrase: %w", context.Canceled)
		}
		return []byte(a.passphrase), a.err
	case <-ctx.Done(): // the read goes on until the program ends, which is now
		fmt.Fprint(out, "\r\n")
		return nil, ctx.Err()
	}
}
