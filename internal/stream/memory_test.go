package stream_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// memoryEnv names the chunk size with which this test's own process is to stream.
const memoryEnv = "XINFENG_TEST_STREAM_MEMORY"

// TestMemory: 4 GiB encrypted and decrypted in one process, through a Writer, a pipe and a Reader, cost less than 8 MiB
// above what the process had before, at its highest. It runs in a process of its own, where no other test has been.
func TestMemory(t *testing.T) {
	const size, most = 4 << 30, 8 << 20
	if value := os.Getenv(memoryEnv); value != "" {
		chunk, err := strconv.Atoi(value)
		if err != nil {
			t.Fatal(err)
		}
		before := peakMemory(t)
		streamThrough(t, newSealer(t, suite.AES256GCM, 1), chunk, size)
		fmt.Printf("grown by %d bytes\n", peakMemory(t)-before)
		return
	}
	if testing.Short() || raceEnabled {
		t.Skip("streams 4 GiB")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMemory$", "-test.count=1")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", memoryEnv, 1<<suite.DefaultChunkBits))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var grown int64
	if _, err := fmt.Sscanf(string(out), "grown by %d bytes", &grown); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("4 GiB through Writer and Reader: the process grew by %d KiB", grown>>10)
	if grown > most {
		t.Errorf("4 GiB through Writer and Reader: the process grew by %d bytes, want at most %d", grown, most)
	}
}

// streamThrough encrypts size bytes into a pipe and decrypts what comes out of it.
func streamThrough(t *testing.T, w *suite.Sealer, chunk int, size int64) {
	r, pipe := io.Pipe()
	done := make(chan error, 1)
	go func() {
		ww := stream.NewWriter(pipe, w, chunk, nil)
		if _, err := ww.ReadFrom(&socket{b: text(limitUnit), left: size}); err != nil {
			done <- err
			return
		}
		if err := ww.Close(); err != nil {
			done <- err
			return
		}
		done <- pipe.Close()
	}()
	n, err := stream.NewReader(r, w, chunk, nil).WriteTo(&socket{b: make([]byte, limitUnit)})
	if n != size || err != nil {
		t.Errorf("WriteTo = %d, %v, want %d", n, err, size)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// peakMemory returns the most memory that this process has held so far, in bytes: what the kernel says where it says
// it, and what the runtime has asked for elsewhere.
func peakMemory(t *testing.T) int64 {
	t.Helper()
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(status)) {
			if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				return kib << 10
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}
