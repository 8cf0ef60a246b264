package aliyunesdk_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
)

// memoryEnv makes the test binary a child that does one thing and prints the most memory it has had, in KiB.
const memoryEnv = "XINFENG_TEST_MEMORY_OF"

func TestMain(m *testing.M) {
	if what, ok := os.LookupEnv(memoryEnv); ok {
		if err := memoryOf(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A stream of 1 GiB is written, verified and opened in a process that needs at most 16 MiB more than one that does
// nothing.
func TestMemoryOfStream(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("1 GiB, and memory of the process: not with -short or -race")
	}
	peak := func(what string) int {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), memoryEnv+"="+what)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", what, err, &stderr)
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(out)))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	empty, stream := peak("nothing"), peak("a stream of 1 GiB")
	t.Logf("nothing: %d KiB, a stream of 1 GiB: %d KiB", empty, stream)
	if stream > empty+16<<10 {
		t.Errorf("a stream of 1 GiB needs %d KiB more than nothing, limit %d", stream-empty, 16<<10)
	}
}

func memoryOf(what string) error {
	if what != "nothing" {
		if err := streamZeros(1 << 30); err != nil {
			return err
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			fmt.Println(f[1])
			return nil
		}
	}
	return fmt.Errorf("no VmHWM in /proc/self/status")
}

// streamZeros writes n bytes of zeros as a stream message and reads them back. The message is not kept: of zeros, it is
// the key stream, which is made again where it is read.
func streamZeros(n int64) error {
	ctx := context.Background()
	api := &kmskeytest.KMS{}
	api.Random(func(b []byte) { clear(b) })
	c, err := aliyunesdk.New([]aliyunesdk.Key{{ARN: keyA, API: api}}, nil)
	if err != nil {
		return err
	}
	var head, tag bytes.Buffer
	out := writerFunc(func(p []byte) (int, error) {
		switch {
		case head.Len() == 0:
			return head.Write(p)
		case len(p) == 16:
			return tag.Write(p)
		}
		return len(p), nil
	})
	w, err := c.NewWriter(ctx, out, nil)
	if err != nil {
		return err
	}
	if _, err := w.ReadFrom(io.LimitReader(zeros{}, n)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return err
	}
	src := &keyStream{head: head.Bytes(), n: n, tag: tag.Bytes(), block: block}
	r, err := c.NewReaderAt(ctx, src, int64(len(src.head))+n+16, nil)
	if err != nil {
		return err
	}
	none := make([]byte, 1<<20)
	got, err := r.WriteTo(writerFunc(func(p []byte) (int, error) {
		if !bytes.Equal(p, none[:len(p)]) {
			return 0, fmt.Errorf("plaintext is not zero")
		}
		return len(p), nil
	}))
	if err == nil && got != n {
		err = fmt.Errorf("%d bytes, want %d", got, n)
	}
	return err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A keyStream is a message of zeros under AES-256-GCM.
type keyStream struct {
	head  []byte // with the body's IV at its end
	n     int64
	tag   []byte
	block cipher.Block
}

func (s *keyStream) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		switch at := off + int64(n) - int64(len(s.head)); {
		case at < 0:
			n += copy(p[n:], s.head[off+int64(n):])
		case at < s.n:
			k := int(min(int64(len(p)-n), s.n-at))
			part := p[n : n+k]
			clear(part)
			var counter [16]byte
			copy(counter[:12], s.head[len(s.head)-12:])
			binary.BigEndian.PutUint32(counter[12:], 2+uint32(at/16))
			stream := cipher.NewCTR(s.block, counter[:])
			var skip [16]byte
			stream.XORKeyStream(skip[:at%16], skip[:at%16])
			stream.XORKeyStream(part, part)
			n += k
		case at < s.n+16:
			n += copy(p[n:], s.tag[at-s.n:])
		default:
			return n, io.EOF
		}
	}
	return n, nil
}
