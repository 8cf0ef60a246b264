package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"
)

// errNoTerminal: there is nobody to ask.
var errNoTerminal = errors.New("no terminal to ask for a passphrase; see --passphrase-file")

// askTerminal asks for a passphrase on the terminal of the process, whatever its streams are, and does not show it.
func askTerminal(ctx context.Context, prompt string) ([]byte, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoTerminal, err)
	}
	defer tty.Close()
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoTerminal, err)
	}
	fmt.Fprint(tty, prompt)
	defer fmt.Fprintln(tty)
	type answer struct {
		passphrase []byte
		err        error
	}
	answers := make(chan answer, 1)
	go func() {
		p, err := term.ReadPassword(fd)
		answers <- answer{p, err}
	}()
	select {
	case a := <-answers:
		return a.passphrase, a.err
	case <-ctx.Done(): // the read goes on until the program ends; the terminal must show again what is typed
		term.Restore(fd, before)
		return nil, ctx.Err()
	}
}
