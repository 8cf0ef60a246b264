package envelope

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"

	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// FileOptions are the options of [Client.EncryptFile] and [Client.DecryptFile]. Nil means all defaults.
type FileOptions struct {
	// Progress is called on the caller's goroutine as the work goes on, between batches, with the bytes of plaintext done
	// and in all; at the end both are equal. Default none.
	Progress func(done, total int64)

	// KeepModTime gives the destination the modification time of the source. Default false.
	KeepModTime bool

	// OwnerOnly gives the destination permission bits 0600. By default it has those of the source, and no others.
	OwnerOnly bool

	// NoReplace makes an existing destination an error that matches fs.ErrExist. By default it is replaced when all is
	// well, and only then.
	NoReplace bool
}

// EncryptFile encrypts the file src to dst: one GenerateDataKey call of the provider. dst appears, or is replaced, when
// the message is whole and on disk; after an error it is as it was, and nothing is left beside it. A symbolic link at dst
// is replaced, one at src is followed. A process that is killed may leave a temporary file, ".xinfeng-*.tmp", beside dst.
//
// ctx is obeyed between batches of up to about 1 MiB. Errors, besides those of [Client.Encrypt] and of the file system:
// [ErrSameFile]; [ErrSourceChanged]; syscall.EISDIR if either is a directory, fs.ErrInvalid if it is another thing that is
// no regular file, such as a pipe or a device; fs.ErrExist with [FileOptions.NoReplace].
func (c *Client) EncryptFile(ctx context.Context, dst, src string, ec Context, opts *FileOptions) error {
	return c.convertFile(ctx, dst, src, opts, func(f *fileCall, in *os.File, out io.Writer) error {
		size := f.info.Size()
		if _, err := suite.BodySize(size, c.opts.ChunkSize); err != nil {
			return fmt.Errorf("envelope: encrypt file: %s: %w", src, err)
		}
		w, err := c.newWriter(ctx, out, ec, size, f.options(c))
		if err != nil {
			return err
		}
		f.total = size
		if err := f.reserve(w.EncryptedSize(size)); err != nil {
			return err
		}
		// One byte more than there should be shows a file that grows, and ends one that never stops.
		n, err := w.ReadFrom(f.reader(io.LimitReader(in, size+1)))
		if err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		after, err := in.Stat()
		if err != nil {
			return err
		}
		if n != size || after.Size() != size {
			return fmt.Errorf("envelope: encrypt file: %s: %d bytes at first, %d read, %d at last: %w", src, size, n, after.Size(), ErrSourceChanged)
		}
		return nil
	})
}

// DecryptFile decrypts the file src to dst and says what opened it: one Decrypt call of the provider, and none if context
// or shape are wrong. dst appears, or is replaced, when all of the message was authentic and the plaintext is on disk;
// after an error it is as it was, and nothing is left beside it. Until all was authentic the plaintext lies in a temporary
// file in the directory of dst that only the owner can read, and that a process which is killed leaves there
// (".xinfeng-*.tmp"); the permission bits of dst it gets before the name.
// Symbolic links are treated as by [Client.EncryptFile].
//
// Of a message of more than 1 MiB the last chunk is opened first, so that one that was cut or added to is refused at once.
// ctx is obeyed between batches of up to about 1 MiB. Errors, besides those of [Client.Decrypt] and of the file system: those of
// [Client.EncryptFile]; a source that changes its size meanwhile is not authentic.
func (c *Client) DecryptFile(ctx context.Context, dst, src string, ec Context, opts *FileOptions) (Info, error) {
	var info Info
	err := c.convertFile(ctx, dst, src, opts, func(f *fileCall, in *os.File, out io.Writer) error {
		// Space is taken from the disk by the size of the file, which anyone can make larger than what he pays for.
		var whole io.ReaderAt
		if f.info.Size() > reserveFrom {
			whole = in
		}
		r, total, err := c.newReader(ctx, in, ec, f.info.Size(), whole, f.options(c))
		if err != nil {
			return err
		}
		f.total = total
		if err := f.reserve(total, nil); err != nil {
			return err
		}
		if _, err := r.WriteTo(f.writer(out)); err != nil {
			return err
		}
		info = r.info
		return nil
	})
	if err != nil {
		return Info{}, err
	}
	return info, nil
}

// A fileCall is one call of EncryptFile or DecryptFile.
type fileCall struct {
	ctx      context.Context
	progress func(done, total int64)
	info     fs.FileInfo // of the source
	out      *atomicfile.File
	total    int64        // bytes of plaintext
	done     atomic.Int64 // of them; counted on any goroutine
	told     int64        // the last that progress was told, -1 at first; on the caller's goroutine
}

// convertFile opens and checks both files, calls f, and gives the destination its name if all went well.
func (c *Client) convertFile(ctx context.Context, dst, src string, opts *FileOptions, f func(*fileCall, *os.File, io.Writer) error) error {
	if opts == nil {
		opts = &FileOptions{}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("envelope: %w", err)
	}
	in, info, err := openRegular(src)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := checkDestination(dst, info, opts.NoReplace); err != nil {
		return err
	}
	out, err := atomicfile.Create(dst)
	if err != nil {
		return err
	}
	defer out.Discard()
	call := &fileCall{ctx: ctx, progress: opts.Progress, info: info, out: out, told: -1}
	if err := f(call, in, out); err != nil {
		return err
	}
	call.tell() // all of it, if it has not been told; an empty file is done, too
	if err := call.check(); err != nil {
		return err
	}
	a := atomicfile.Attributes{Mode: info.Mode()}
	if opts.OwnerOnly {
		a.Mode = 0o600
	}
	if opts.KeepModTime {
		a.ModTime = info.ModTime()
	}
	return out.Commit(a, !opts.NoReplace)
}

// openRegular opens a regular file. Others are refused before they are opened, since opening a named pipe waits for
// somebody to write; what is opened is looked at again.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	return openRegularFor(path, os.O_RDONLY)
}

func openRegularFor(path string, flag int) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil {
		err = checkRegular(path, info)
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = checkRegular(path, info)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// isFile reports whether path names the open file.
func isFile(path string, f *os.File) bool {
	named, err := os.Stat(path)
	if err != nil {
		return false
	}
	opened, err := f.Stat()
	return err == nil && os.SameFile(named, opened)
}

func checkRegular(path string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return &fs.PathError{Op: "open", Path: path, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("%w: not a regular file", fs.ErrInvalid)}
	}
	return nil
}

func checkDestination(path string, source fs.FileInfo, noReplace bool) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil // it does not exist, or creating the file says what is wrong
	case os.SameFile(info, source):
		return fmt.Errorf("envelope: %s: %w", path, ErrSameFile)
	case info.IsDir():
		return &fs.PathError{Op: "create", Path: path, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "create", Path: path, Err: fmt.Errorf("%w: not a regular file", fs.ErrInvalid)}
	case noReplace:
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return nil
}

// options returns the options of the client's streams, so that progress is told between batches: several goroutines move
// data, and only the caller's may be in his callback.
func (f *fileCall) options(c *Client) *stream.Options {
	opts := c.stream
	opts.Files = true
	if f.progress != nil {
		opts.Between = f.tell
	}
	return &opts
}

// tell tells the progress if there is any. It is called on the caller's goroutine only.
func (f *fileCall) tell() {
	if done := min(f.done.Load(), f.total); f.progress != nil && done > f.told {
		f.told = done
		f.progress(done, f.total)
	}
}

// check ends a call whose context is done.
func (f *fileCall) check() error {
	if err := f.ctx.Err(); err != nil {
		return fmt.Errorf("envelope: %w", err)
	}
	return nil
}

// reserve takes space on the disk for a destination of n bytes, if that is more than a few batches. So the system need not look
// for more at every write, and a disk that is too small is found before anything is encrypted.
func (f *fileCall) reserve(n int64, err error) error {
	if err != nil || n <= reserveFrom {
		return err
	}
	return f.out.Reserve(n)
}

// reserveFrom is the size in bytes up to which a file is written in a few pieces at most, and nothing is reserved for it.
const reserveFrom = 1 << 20

// reader returns r with its bytes counted, ended when the context is.
func (f *fileCall) reader(r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if err := f.check(); err != nil {
			return 0, err
		}
		n, err := r.Read(p)
		f.done.Add(int64(n))
		return n, err
	})
}

// writer returns w with its bytes counted, ended when the context is.
func (f *fileCall) writer(w io.Writer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		if err := f.check(); err != nil {
			return 0, err
		}
		n, err := w.Write(p)
		f.done.Add(int64(n))
		return n, err
	})
}

type (
	readerFunc func(p []byte) (int, error)
	writerFunc func(p []byte) (int, error)
)

func (f readerFunc) Read(p []byte) (int, error)  { return f(p) }
func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
