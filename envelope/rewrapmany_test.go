package envelope_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// A kernel is a destination that, like a file, takes over the copying if it is asked with a source that it knows.
type kernel struct {
	bytes.Buffer
	from []io.Reader
}

func (k *kernel) ReadFrom(src io.Reader) (int64, error) {
	k.from = append(k.from, src)
	return k.Buffer.ReadFrom(src)
}

// The body goes from the very source to the very destination, so that two files, or a file and a socket, can leave it to the
// kernel: anything wrapped around one of them would have it read and written.
func TestRewrapLeavesTheBodyToTheKernel(t *testing.T) {
	p := newRenewing(t, "a", 1)
	c := newClient(t, p, nil)
	message := encrypt(t, c, text(100_000), rewrapContext)
	src, dst := bytes.NewReader(message), new(kernel)
	only := struct{ io.Reader }{src} // bytes.Reader would write itself
	if _, err := c.Rewrap(t.Context(), dst, only, rewrapContext, nil); err != nil {
		t.Fatal(err)
	}
	if len(dst.from) != 1 || dst.from[0] != io.Reader(only) {
		t.Errorf("the destination was asked to read from %v, want once from the source", dst.from)
	}
	if got, err := c.Decrypt(t.Context(), dst.Bytes(), rewrapContext); err != nil || !bytes.Equal(got, text(100_000)) {
		t.Errorf("Decrypt = %d bytes, %v", len(got), err)
	}
}

// reencrypting counts what a key service is asked, and how many calls there are at one time.
type reencrypting struct {
	*keyring.RawAES
	reencrypt, decrypt, now, most atomic.Int64
}

func (p *reencrypting) Decrypt(ctx context.Context, req *keyring.DecryptRequest) (*keyring.DataKey, error) {
	p.decrypt.Add(1)
	return p.RawAES.Decrypt(ctx, req)
}

func (p *reencrypting) Wrap(ctx context.Context, req *keyring.WrapRequest) (format.Record, error) {
	if req.Key != nil {
		return nil, errors.New("the data key was seen")
	}
	p.reencrypt.Add(1)
	now := p.now.Add(1)
	defer p.now.Add(-1)
	for most := p.most.Load(); now > most && !p.most.CompareAndSwap(most, now); most = p.most.Load() {
	}
	key, err := p.RawAES.Decrypt(ctx, &keyring.DecryptRequest{Suite: req.Suite, Context: req.Context, Record: req.Record})
	if err != nil {
		return nil, err
	}
	defer key.Destroy()
	return p.RawAES.Wrap(ctx, &keyring.WrapRequest{Suite: req.Suite, Context: req.Context, Key: key})
}

// Many files are rewrapped by a few workers with one call each, whatever becomes of the others, and the data keys are not
// asked for.
func TestRewrapManyFiles(t *testing.T) {
	const workers = 8
	n := 10_000
	if testing.Short() {
		n = 100
	}
	p := &reencrypting{RawAES: newRaw(t)}
	c := newClient(t, p, nil)
	dir := t.TempDir()
	path := func(i int) string { return filepath.Join(dir, fmt.Sprint(i)) }
	before := make([][]byte, n)
	for i := range n {
		before[i] = encrypt(t, c, text(i%300), rewrapContext)
		if err := os.WriteFile(path(i), before[i], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if _, err := c.RewrapFile(t.Context(), path(i), rewrapContext, nil); err != nil {
					t.Errorf("file %d: RewrapFile = %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	if p.reencrypt.Load() != int64(n) || p.decrypt.Load() != 0 || p.most.Load() > workers {
		t.Errorf("%d files took %d calls to rewrap and %d to decrypt, up to %d at a time; want %d, 0 and %d",
			n, p.reencrypt.Load(), p.decrypt.Load(), p.most.Load(), n, workers)
	}
	for i := range n {
		after, err := os.ReadFile(path(i))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(after, before[i]) {
			t.Errorf("file %d is as it was", i)
		}
		if got, err := c.Decrypt(t.Context(), after, rewrapContext); err != nil || !bytes.Equal(got, text(i%300)) {
			t.Errorf("file %d: Decrypt = %q, %v", i, got, err)
		}
	}
}
