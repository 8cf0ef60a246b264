package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// A tool is one run of the program: where it reads and writes, and the flags that all commands have.
type tool struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string

	json, quiet bool

	// terminal reports whether a stream is one; tests put people before it.
	terminal func(stream any) bool
	// ask reads a passphrase from the terminal, without showing it.
	ask func(ctx context.Context, prompt string) ([]byte, error)

	// now is the clock of the local key service.
	now func() time.Time
	// throttle is the least time between two sights of a bar.
	throttle time.Duration

	groups map[*cobra.Command][]flagGroup // of flags, for help

	began bool       // whether the command line was understood and a command began
	mu    sync.Mutex // guards what is printed, and lost
	lost  error      // the first one of a write of what was asked for
}

// run is the program: it returns the exit code. It reads no environment but env and uses no stream but those given,
// and the terminal for a passphrase.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env func(string) string) int {
	t := &tool{in: stdin, out: stdout, err: stderr, env: env, terminal: isTerminal, ask: askTerminal, now: time.Now, throttle: throttle}
	return t.run(ctx, args)
}

func (t *tool) run(ctx context.Context, args []string) int {
	t.groups = map[*cobra.Command][]flagGroup{}
	root := t.root()
	strict(root)
	once(root)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil && t.began { // help that nobody reads is no loss
		err = t.lost
	}
	if err == nil {
		return exitDone
	}
	var usage usageError
	if !t.began || errors.As(err, &usage) {
		lines := strings.Split(err.Error(), "\n") // the library has some of several
		for i, l := range lines {
			lines[i] = visible(l)
		}
		fmt.Fprintf(t.err, "%s: %s\nTry '%s --help'.\n", cmd.CommandPath(), strings.Join(lines, "\n"), cmd.CommandPath())
		return exitUsage
	}
	var batch batchError
	if !errors.As(err, &batch) { // whose files have been listed
		t.complain(err)
	}
	return exitCode(err)
}

// complain prints an error that ends the program.
func (t *tool) complain(err error) {
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(t.err, "xinfeng: interrupted")
		return
	}
	fmt.Fprintf(t.err, "xinfeng: %s\n", visible(err.Error()))
	if r := remedy(err); r != "" {
		fmt.Fprintf(t.err, "xinfeng: %s\n", r)
	}
}

// root returns the command with all others below it.
func (t *tool) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "xinfeng",
		Short: "Encrypt files under keys that a key service guards",
		Long: `Xinfeng encrypts files, folders and streams under keys that a key service guards.

By default the key service is one on this machine, made on first use. Its keys
lie in a folder of yours ($XINFENG_DIR, or xinfeng in the folder of your
configuration) beside the file that unlocks them: they protect nothing from
whoever can read that folder. With --kms cloud it is Alibaba Cloud KMS, and with
--passphrase or --recipient there is none.

The exit code is 0 if all is done, 1 if something failed or was interrupted, 2
if the command line is wrong, 3 if something is not authentic, and 4 if there is
no access to a key.`,
		Example: `  xinfeng encrypt letter.txt            # makes letter.txt.xf
  xinfeng decrypt letter.txt.xf         # makes letter.txt
  xinfeng encrypt -r photos -d safe     # a whole folder
  tar c docs | xinfeng encrypt --kms cloud --key ARN > docs.tar.xf`,
		SilenceErrors: true, SilenceUsage: true,
	}
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	root.SetUsageFunc(t.usage)
	flags := root.PersistentFlags()
	flags.SortFlags = false
	flags.BoolVar(&t.json, "json", false, "say results as JSON, one object a line")
	flags.BoolVarP(&t.quiet, "quiet", "q", false, "say nothing but failures and what was asked for")
	root.AddCommand(t.commands()...)
	complete(root)
	return root
}

// command returns a command whose function begins when the command line was understood.
func (t *tool) command(cmd *cobra.Command, run func(ctx context.Context, args []string) error) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t.began = true
		if err := checkEmpty(cmd.Flags()); err != nil {
			return err
		}
		return run(cmd.Context(), args)
	}
	cmd.Flags().SortFlags = false
	cmd.DisableFlagsInUseLine = true
	return cmd
}

// printf prints a line of what the command is for.
func (t *tool) printf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := fmt.Fprintf(t.out, format+"\n", args...); err != nil && t.lost == nil {
		t.lost = err
	}
}

// note prints a line about what goes on, which nobody has asked for.
func (t *tool) note(format string, args ...any) {
	if t.quiet {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.err, "xinfeng: "+format+"\n", args...)
}

// encode prints v as a line of JSON on w.
func (t *tool) encode(w io.Writer, v any) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	if err != nil && t.lost == nil {
		t.lost = err
	}
	return err
}

// show returns a path, or any other text that somebody else has chosen, as it can be printed on one line of a terminal:
// quoted if it has anything in it that is not a visible character or a space.
func show(path string) string {
	if path == "" || visible(path) != path {
		return strconv.Quote(path)
	}
	return path
}

// visible returns a text with escapes for all that a terminal would act on or not show: errors of the system have names of
// files in them as they are.
func visible(text string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if utf8.ValidString(text) && !strings.ContainsFunc(text, odd) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && n == 1 || odd(r) {
			quoted := strconv.Quote(text[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(text[:n])
		}
		text = text[n:]
	}
	return b.String()
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
