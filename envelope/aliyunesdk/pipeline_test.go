package aliyunesdk_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
)

// TestWriteToOnCores: whatever the cores and the length, all of the plaintext comes in order.
func TestWriteToOnCores(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	c := newClient(t, nil, aliyunesdk.Key{ARN: keyA, API: &kmskeytest.KMS{}})
	for _, size := range []int{0, 1, segment, 4*segment - 1, 4 * segment, 4*segment + 1, 8*segment + 1, 70*segment + 5} {
		plaintext := random(size)
		message := writeStream(t, c, plaintext, nil, 1<<20)
		for _, cores := range []int{1, 2, 3, 16} {
			runtime.GOMAXPROCS(cores)
			r := readerAt(t, c, message)
			for range 2 {
				var b bytes.Buffer
				if n, err := r.WriteTo(&b); n != int64(size) || err != nil || !bytes.Equal(b.Bytes(), plaintext) {
					t.Errorf("%d bytes on %d cores: WriteTo = %d, %v, or other bytes", size, cores, n, err)
				}
			}
		}
	}
}

// TestWriteToFails: an error of the destination comes back at once, whatever is open by then; one of the source when what is
// before it was written; and in neither case is the source called any more.
func TestWriteToFails(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	c := newClient(t, nil, aliyunesdk.Key{ARN: keyA, API: &kmskeytest.KMS{}})
	const segments = 40
	plaintext := random(segments * segment)
	message := writeStream(t, c, plaintext, nil, 1<<20)
	body := int64(len(message) - 16 - len(plaintext))
	boom := errors.New("boom")
	for _, cores := range []int{1, 2, 3, 16} {
		runtime.GOMAXPROCS(cores)
		for _, at := range []int64{0, 1, 3, 4, 5, 17, segments - 1} {
			var calls atomic.Int64
			bad := false
			r, err := c.NewReaderAt(t.Context(), readerAtFunc(func(p []byte, off int64) (int, error) {
				calls.Add(1)
				if bad && off == body+at*segment {
					return 0, boom
				}
				return bytes.NewReader(message).ReadAt(p, off)
			}), int64(len(message)), nil)
			if err != nil {
				t.Fatal(err)
			}
			check := func(what string, w io.Writer) {
				t.Helper()
				n, err := r.WriteTo(w)
				called := calls.Load()
				if n != at*segment || !errors.Is(err, boom) {
					t.Errorf("%s fails at segment %d on %d cores: WriteTo = %d, %v, want %d and boom", what, at, cores, n, err, at*segment)
				}
				if calls.Load() != called {
					t.Errorf("%s fails at segment %d on %d cores: the source is called after WriteTo", what, at, cores)
				}
			}
			written := int64(0)
			check("the destination", writerFunc(func(p []byte) (int, error) {
				if written == at*segment {
					return 0, boom
				}
				written += int64(len(p))
				return len(p), nil
			}))
			bad = true
			var b bytes.Buffer
			check("the source", &b)
			if !bytes.Equal(b.Bytes(), plaintext[:at*segment]) {
				t.Errorf("the source fails at segment %d on %d cores: other bytes before", at, cores)
			}
		}
	}
}
