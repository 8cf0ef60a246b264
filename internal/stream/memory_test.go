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

// memoryEnv names the call with which this test's own process is to stream.
const memoryEnv = "XINFENG_TEST_STREAM_MEMORY"

// TestMemory: 4 GiB encrypted or decrypted by two workers cost less than 8 MiB above what the process had before, at its
// highest. Each runs in a process of its own, where no other test has been.
func TestMemory(t *testing.T) {
	const size, most = 4 << 30, 8 << 20
	const chunk = 1 << suite.DefaultChunkBits
	opts := &stream.Options{Parallelism: 2}
	for name, do := range map[string]func(w *suite.Sealer, in *socket, body *sealedSource, out io.Writer) (int64, error){
		"ReadFrom": func(w *suite.Sealer, in *socket, _ *sealedSource, out io.Writer) (int64, error) {
			ww := stream.NewWriter(out, w, chunk, opts)
			n, err := ww.ReadFrom(in)
			if err != nil {
				return n, err
			}
			return n, ww.Close()
		},
		"WriteTo": func(w *suite.Sealer, _ *socket, body *sealedSource, out io.Writer) (int64, error) {
			return stream.NewReader(body, w, chunk, opts).WriteTo(out)
		},
	} {
		if os.Getenv(memoryEnv) == name {
			w := newSealer(t, suite.AES256GCM, 1)
			body := &sealedSource{w: w, chunk: chunk}
			body.rewind(size)
			in, out := &socket{b: text(socketSize), left: size}, &socket{b: text(socketSize)}
			before := peakMemory(t)
			n, err := do(w, in, body, out)
			if n != size || err != nil {
				t.Fatalf("%s = %d, %v", name, n, err)
			}
			fmt.Printf("grown by %d bytes\n", peakMemory(t)-before)
			return
		}
		if os.Getenv(memoryEnv) != "" {
			continue
		}
		if testing.Short() || raceEnabled {
			t.Skip("streams 8 GiB")
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMemory$", "-test.count=1")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s", memoryEnv, name))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var grown int64
		if _, err := fmt.Sscanf(string(out), "grown by %d bytes", &grown); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		t.Logf("4 GiB by %s: the process grew by %d KiB", name, grown>>10)
		if grown > most {
			t.Errorf("4 GiB by %s: the process grew by %d bytes, want at most %d", name, grown, most)
		}
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
