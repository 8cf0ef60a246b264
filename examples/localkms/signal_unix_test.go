//go:build unix

package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A child is localkms as a process of its own.
type child struct {
	*process
	cmd *exec.Cmd
}

// startChild starts a process and waits for its greeting.
func startChild(t *testing.T, args ...string) *child {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(cmd.Environ(), "LOCALKMS_TEST_CHILD=1")
	log := new(buffer)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{&process{t: t, line: map[string]string{}, log: log}, cmd}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		c.greeting += scanner.Text() + "\n"
		if m := greetingLine.FindStringSubmatch(scanner.Text()); m != nil {
			c.line[m[1]] = m[2]
		}
		if strings.HasPrefix(scanner.Text(), "Interrupt it") {
			go io.Copy(io.Discard, out)
			return c
		}
	}
	cmd.Wait()
	t.Fatalf("no greeting: %v\n%s", scanner.Err(), log)
	return nil
}

// A process that is told to end by a signal finishes what is in flight and exits with 0.
func TestSignals(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			c := startChild(t)
			answered, open := inFlight(c.process)
			if err := c.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			refusesConnections(t, c.host())
			open()
			if err := <-answered; err != nil {
				t.Errorf("CreateKey in flight = %v", err)
			}
			if err := c.cmd.Wait(); err != nil {
				t.Errorf("%v ends it with %v\n%s", signal, err, c.log)
			}
		})
	}
}

// A second signal ends it at once, whatever is in flight.
func TestSecondSignal(t *testing.T) {
	c := startChild(t)
	_, open := inFlight(c.process)
	defer open()
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()
	for {
		c.cmd.Process.Signal(syscall.SIGTERM) // fails once it has ended
		refusesConnections(t, c.host())
		select {
		case err := <-ended:
			if status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
				t.Errorf("it ended with %v", err)
			}
			return
		default:
		}
	}
}

// Another process does not get the store of one that runs, and gets all of it once that one was killed.
func TestStoreOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	args := []string{"-store", filepath.Join(dir, "kms.db"), "-key-file", filepath.Join(dir, "kms.key")}
	c := startChild(t, args...)
	key := createKey(t, c.sdk())
	blob, err := encrypt(c.sdk(), key, "attack at dawn")
	if err != nil {
		t.Fatal(err)
	}
	second := exec.CommandContext(t.Context(), os.Args[0], args...)
	second.Env = append(second.Environ(), "LOCALKMS_TEST_CHILD=1")
	var exit *exec.ExitError
	if said, err := second.CombinedOutput(); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(said), "in use by another process") {
		t.Errorf("a second process: %v\n%s", err, said)
	}
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.cmd.Wait()
	if text, err := decrypt(startChild(t, args...).sdk(), blob); err != nil || text != "attack at dawn" {
		t.Errorf("after it was killed: %q, %v", text, err)
	}
}
