package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A bar shows on a terminal how far the work is: bytes done and in all, rate and time left. A nil bar shows nothing. It is
// guarded by the mutex of the tool.
type bar struct {
	verb         string
	files, total int // of files; total is 0 for a stream
	lib          *progressbar.ProgressBar
	screen       io.Writer
}

// throttle is how long a bar stays as it is.
const throttle = 100 * time.Millisecond

// newBar returns the bar of a command that works on files of so many bytes, or nil where nobody sees it. A size of -1 is
// that of a stream.
func (t *tool) newBar(verb string, files int, bytes int64) *bar {
	if t.quiet || !t.terminal(t.err) || t.env("TERM") == "dumb" {
		return nil
	}
	if bytes == 0 { // the library takes it for an error
		bytes = 1
	}
	b := &bar{verb: verb, total: files, screen: t.err}
	b.lib = progressbar.NewOptions64(bytes,
		progressbar.OptionSetWriter(t.err),
		progressbar.OptionSetDescription(b.description()),
		progressbar.OptionShowBytes(true),
		progressbar.OptionShowCount(),
		progressbar.OptionShowTotalBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionSetWidth(barWidth(t.err)),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}),
		progressbar.OptionThrottle(t.throttle),
		progressbar.OptionUseANSICodes(true),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionSetSpinnerChangeInterval(0), // else a goroutine draws it, also after its end
		progressbar.OptionClearOnFinish(),
	)
	return b
}

// barWidth returns how wide the bar itself may be, in characters, so that all fits into one line of the terminal.
func barWidth(screen any) int {
	const most, beside = 24, 58 // about what stands beside it
	if f, ok := screen.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			return max(1, min(most, columns-beside))
		}
	}
	return most
}

// erase takes the line that the bar stands in from the screen. That of the library leaves a bar of unknown length.
func (b *bar) erase() { io.WriteString(b.screen, "\r\x1b[2K") }

func (b *bar) description() string {
	if b.total <= 1 {
		return b.verb
	}
	return fmt.Sprintf("%s %d/%d", b.verb, b.files, b.total)
}

// add counts bytes that are done.
func (b *bar) add(n int64) {
	if b != nil {
		b.lib.Add64(n) // it fails if files have grown, and nothing hangs on it
	}
}

// file counts a file that is done.
func (b *bar) file() {
	if b == nil {
		return
	}
	b.files++
	if !b.lib.IsFinished() { // the library would draw a finished bar anew
		b.lib.Describe(b.description())
	}
}

// hide takes the bar from the screen, so that a line can be printed; the next add shows it again.
func (b *bar) hide() {
	if b != nil {
		b.erase()
	}
}

// end takes the bar from the screen for good.
func (b *bar) end() {
	if b != nil {
		b.lib.Exit()
		b.erase()
	}
}
