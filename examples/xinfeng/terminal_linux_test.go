package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A console is a terminal with the program before it.
type console struct {
	t    *testing.T
	pty  *os.File
	cmd  *exec.Cmd
	text strings.Builder // all that was shown
}

// onTerminal starts a line of shell on a terminal of 100 columns.
func (u *user) onTerminal(line string) *console {
	u.t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		u.t.Skipf("no terminals here: %v", err)
	}
	u.t.Cleanup(func() { pty.Close() })
	fd := int(pty.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		u.t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		u.t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100}); err != nil {
		u.t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		u.t.Fatal(err)
	}
	defer tty.Close()
	cmd := exec.CommandContext(u.t.Context(), "sh", "-c", line)
	cmd.Env = append(os.Environ(), "TERM=xterm")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	return &console{t: u.t, pty: pty, cmd: cmd}
}

// until reads what is shown until all of want has been, in order.
func (c *console) until(want ...string) {
	c.t.Helper()
	b := make([]byte, 4096)
	for _, w := range want {
		at := c.text.Len()
		for !strings.Contains(c.text.String()[max(0, at-len(w)):], w) {
			n, err := c.pty.Read(b)
			if c.text.Write(b[:n]); err != nil {
				c.t.Fatalf("no %q is shown, but %q", w, c.text.String())
			}
		}
	}
}

// end reads to the end and returns the exit code and all that was shown.
func (c *console) end() (int, string) {
	b := make([]byte, 4096)
	for {
		n, err := c.pty.Read(b) // EIO when nobody has the other side any more
		if c.text.Write(b[:n]); err != nil {
			break
		}
	}
	c.cmd.Wait()
	return c.cmd.ProcessState.ExitCode(), c.text.String()
}

// A passphrase is asked for on the terminal, twice to write, and not shown; Ctrl-C ends that.
func TestTerminalPassphrase(t *testing.T) {
	u := newUser(t)
	u.write("a", "hello")
	c := u.onTerminal("exec xinfeng encrypt --passphrase a")
	c.until("Passphrase: ")
	c.pty.WriteString("open sesame\n")
	c.until("The same again: ")
	c.pty.WriteString("open sesame\n")
	if code, text := c.end(); code != exitDone || strings.Contains(text, "sesame") || !strings.Contains(text, "a -> a.xf") {
		t.Errorf("exit %d: %q", code, text)
	}
	// Also where standard input is something else.
	c = u.onTerminal("xinfeng decrypt --passphrase < a.xf")
	c.until("Passphrase: ")
	c.pty.WriteString("open sesame\n")
	if code, text := c.end(); code != exitDone || !strings.HasSuffix(text, "hello") {
		t.Errorf("exit %d: %q", code, text)
	}
	c = u.onTerminal("xinfeng decrypt --passphrase a.xf -o b; echo exit $?; stty -a")
	c.until("Passphrase: ")
	c.pty.WriteString("open\x03")
	if _, text := c.end(); !strings.Contains(text, "xinfeng: interrupted\r\nexit 1") || strings.Contains(text, "-echo ") {
		t.Errorf("%q", text)
	}
	u.wantNames(".", "a", "a.xf")
}

// What a person sees: a bar with bytes done and in all, rate and time, that is gone in the end.
func TestTerminalBar(t *testing.T) {
	u := newUser(t)
	u.manyFiles()
	u.must("xinfeng keys create --alias xinfeng")
	code, text := u.onTerminal("exec xinfeng encrypt -r in -d safe").end()
	bar := regexp.MustCompile(`encrypt [1-9]\d*/700 +\d+% \[=*> *\] \([\d.]+/239 KiB, [\d.]+ [KM]iB/s\) \[\d+s:\d+s\]`)
	if code != exitDone || !bar.MatchString(text) {
		t.Errorf("exit %d: %q", code, text)
	}
	if got := seen(strings.ReplaceAll(text, "\r\n", "\n")); len(got) != 2 || got[0] != "700 files encrypted" {
		t.Errorf("in the end the terminal shows %q", got)
	}
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if n := len([]rune(line)); n > 110 { // 100 columns, and what erases
			t.Errorf("%d characters in a line: %q", n, line)
		}
	}
	code, text = u.onTerminal("echo | xinfeng encrypt").end()
	if code != exitUsage || !strings.Contains(text, "does not go to a terminal") {
		t.Errorf("exit %d: %q", code, text)
	}
}
