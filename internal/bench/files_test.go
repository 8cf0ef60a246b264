package bench_test

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
)

// plainCopy copies a file in reads and writes of 1 MiB, with the same preallocation, sync and rename as the library's:
// io.Copy between files is the kernel's and may copy nothing at all. If early is true, the disk begins when the first
// megabytes are written, as for the library's files, and not with the sync.
func plainCopy(dst, src string, buf []byte, early bool) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := atomicfile.Create(dst)
	if err != nil {
		return err
	}
	defer out.Discard()
	if err := out.Reserve(info.Size()); err != nil {
		return err
	}
	write := out.File.Write
	if early {
		write = out.Write
	}
	for {
		n, err := in.Read(buf)
		if err == io.EOF {
			return out.Commit(atomicfile.Attributes{Mode: info.Mode()}, true)
		}
		if err != nil {
			return err
		}
		if _, err := write(buf[:n]); err != nil {
			return err
		}
	}
}

// kernelCopy copies a file as io.Copy does between files, with sync and rename.
func kernelCopy(dst, src string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := atomicfile.Create(dst)
	if err != nil {
		return err
	}
	defer out.Discard()
	if _, err := io.Copy(out.File, in); err != nil {
		return err
	}
	return out.Commit(atomicfile.Attributes{Mode: 0o600}, true)
}

// BenchmarkFile: files beside a plain copy of the same file, and Verify beside reading and opening on as many cores. The
// files are in the page cache, and what is written is on disk at the end.
func BenchmarkFile(b *testing.B) {
	for _, size := range long() {
		b.Run("size="+sizeName(size), func(b *testing.B) {
			dir := b.TempDir()
			plain, sealed, limitSealed, dst := filepath.Join(dir, "plain"), filepath.Join(dir, "sealed"), filepath.Join(dir, "limit"), filepath.Join(dir, "dst")
			if err := os.WriteFile(plain, text(size), 0o600); err != nil {
				b.Fatal(err)
			}
			c := newCachedClient(b, nil)
			if err := c.EncryptFile(ctx, sealed, plain, nil, nil); err != nil {
				b.Fatal(err)
			}
			l := newLimit(runtime.GOMAXPROCS(0))
			whole := size / limitUnit * (limitUnit + tagSize)
			limitBody := make([]byte, whole)
			if err := l.seals(limitBody, text(size)); err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(limitSealed, limitBody, 0o600); err != nil {
				b.Fatal(err)
			}
			limitBody = nil
			buf := make([]byte, 1<<20)
			for _, r := range []*row{
				{
					name: "encrypt file of " + sizeName(size), bytes: int64(size),
					limit: lane{name: "plain copy", run: func() error { return plainCopy(dst, plain, buf, false) }},
					lanes: []lane{
						{name: "EncryptFile", goal: 0.9, run: func() error { return c.EncryptFile(ctx, dst, plain, nil, nil) }},
						{name: "plain copy, disk early", run: func() error { return plainCopy(dst, plain, buf, true) }},
					},
				},
				{
					name: "decrypt file of " + sizeName(size), bytes: int64(size),
					limit: lane{name: "plain copy", run: func() error { return plainCopy(dst, sealed, buf, false) }},
					lanes: []lane{
						{name: "DecryptFile", goal: 0.9, run: func() error { _, err := c.DecryptFile(ctx, dst, sealed, nil, nil); return err }},
						{name: "plain copy, disk early", run: func() error { return plainCopy(dst, sealed, buf, true) }},
					},
				},
				{
					name: "verify file of " + sizeName(size), bytes: int64(size),
					limit: lane{name: "read and open", run: func() error { return readAndOpen(l, limitSealed, int64(whole)) }},
					lanes: []lane{{name: "Verify", goal: 0.9, run: func() error {
						f, err := os.Open(sealed)
						if err != nil {
							return err
						}
						defer f.Close()
						_, err = c.Verify(ctx, f, nil)
						return err
					}}},
				},
			} {
				b.Run(r.name, r.measure)
			}
		})
	}
}

// readAndOpen reads a file that the limit has sealed and opens it, each core its own part.
func readAndOpen(l *limit, path string, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	const full = limitUnit + tagSize
	cores := int64(len(l.works))
	part := (size/full + cores - 1) / cores * full
	return l.run(func(k int, w limitWork) error {
		at := min(size, int64(k)*part)
		return l.open(io.Discard, io.NewSectionReader(f, at, min(part, size-at)), w)
	})
}

// BenchmarkRewrap: a file gets new wrapped keys. If they are attached, the body is copied by the kernel; slots are written
// in place.
func BenchmarkRewrap(b *testing.B) {
	for _, size := range long() {
		b.Run("size="+sizeName(size), func(b *testing.B) {
			dir := b.TempDir()
			plain, dst := filepath.Join(dir, "plain"), filepath.Join(dir, "dst")
			if err := os.WriteFile(plain, text(size), 0o600); err != nil {
				b.Fatal(err)
			}
			attached, slots := filepath.Join(dir, "attached"), filepath.Join(dir, "slots")
			c := newCachedClient(b, nil)
			for path, kind := range map[string]format.Kind{attached: format.Attached, slots: format.Slots} {
				if err := newCachedClient(b, &envelope.Options{Keys: kind}).EncryptFile(ctx, path, plain, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
			r := &row{
				name:  "rewrap file of " + sizeName(size),
				limit: lane{name: "copy by the kernel", run: func() error { return kernelCopy(dst, attached) }},
				lanes: []lane{
					{name: "attached", run: func() error { _, err := c.RewrapFile(ctx, attached, nil, nil); return err }},
					{name: "slots", run: func() error { _, err := c.RewrapFile(ctx, slots, nil, nil); return err }},
				},
			}
			b.Run(r.name, r.measure)
		})
	}
}
