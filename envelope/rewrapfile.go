package envelope

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
)

// RewrapFile gives the message in a file new wrapped keys, with the calls and errors of [Client.Rewrap] and those of the file
// system, and keeps where they lie unless [RewrapOptions.Keys] says otherwise:
//
//   - slots are written in place, the one that is not in force first, each synced and read back before the next: a crash
//     at any byte leaves a message that opens. Both slots get the new record, so that no old wrapped key stays;
//   - a detached key file is renewed by [Client.RewrapKey], and the file is not touched;
//   - attached ones, slots that have become too small or have used up their generations, and all that change their place,
//     make a new file that is renamed over the old one, with its permission bits and, as far as the process may give files
//     away, its owner and group. A symbolic link is followed and stays.
//
// Two workers on one file exclude each other by its lock; without file locks (outside Unix) the error matches
// errors.ErrUnsupported. It is [ErrChanged] if the file was replaced or rewrapped meanwhile, and nothing is overwritten.
// Premise of slots: a write does not damage bytes outside its range; who does not trust a device with that uses detached
// keys.
func (c *Client) RewrapFile(ctx context.Context, path string, ec Context, opts *RewrapOptions) (Info, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Info{}, err
	}
	f, info, err := openRegularFor(path, os.O_RDWR)
	notWritable := err
	if err != nil {
		f, info, err = openRegular(path) // a right or a file system may be for reading only, and only slots are written to
	}
	if err != nil {
		return Info{}, err
	}
	defer f.Close()
	header, err := format.ReadHeader(io.NewSectionReader(f, 0, info.Size()))
	if err != nil {
		return Info{}, err
	}
	kind, err := opts.kind(c.opts.KeyStore, header.Kind)
	if err != nil {
		return Info{}, err
	}
	inPlace := header.Kind == format.Slots && kind == format.Slots
	if inPlace && notWritable != nil {
		return Info{}, notWritable
	}
	// The length formula finds a message that was cut before it is worth a call.
	if _, err := checkSize(header, info.Size()); err != nil {
		return Info{}, err
	}
	sc := &scratch{header: *header}
	if header.Kind == format.Detached && kind == format.Detached {
		return c.rewrapDetached(ctx, sc, ec, opts)
	}
	record, result, key, err := c.rewrapRecord(ctx, sc, ec, opts, kind)
	if err != nil {
		return Info{}, err
	}
	defer func() { key.Destroy() }()
	if kind != format.Detached { // a key file commits to it; nobody else needs it any more
		key.Destroy()
		key = nil
	}

	unlock, err := atomicfile.Lock(ctx, f)
	if err != nil {
		return Info{}, fmt.Errorf("envelope: rewrap: %w", err)
	}
	defer unlock()
	if err := unchanged(path, f, header); err != nil {
		return Info{}, err
	}
	if inPlace {
		done, err := writeSlots(f, header, record)
		if err != nil {
			return Info{}, fmt.Errorf("envelope: rewrap %s: %w", path, err)
		}
		if done {
			return result, nil
		}
	}
	if err := c.placeKey(ctx, &sc.header, kind, record, key); err != nil {
		return Info{}, err
	}
	return result, replaceHeader(path, f, header, &sc.header)
}

// unchanged finds, under the lock of f, whether path is still f and f still begins with header: another worker may have
// rewrapped the message, or another message may have been renamed over it, while the key service was asked.
func unchanged(path string, f *os.File, header *format.Header) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	now, err := format.ReadHeader(io.NewSectionReader(f, 0, info.Size()))
	if err != nil {
		return fmt.Errorf("envelope: rewrap %s: %w: %w", path, ErrChanged, err)
	}
	was, err := header.Marshal(nil)
	if err != nil {
		return err
	}
	is, err := now.Marshal(nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(was, is) || now.Slot != header.Slot || !isFile(path, f) {
		return fmt.Errorf("envelope: rewrap %s: %w", path, ErrChanged)
	}
	return nil
}

// A slotFile is what writing slots needs of a file.
type slotFile interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// writeSlots writes record into both slots of the message in f, whose header is h, the idle one first. It reports false,
// and writes nothing, if the record does not fit or the generations are used up.
//
// At every moment one valid slot is whole: until the idle one has been synced and read back it is the old one, then the
// new. The old slot is overwritten with the next generation, so that whichever is torn, the other is in force.
func writeSlots(f slotFile, h *format.Header, record format.Record) (done bool, err error) {
	if h.Generation > math.MaxUint32-2 || slotOverhead+record.Size() > h.SlotSize {
		return false, nil
	}
	for i, slot := range []int{1 - h.Slot, h.Slot} {
		b, err := h.AppendSlot(nil, h.Generation+1+uint32(i), record)
		if err != nil {
			return false, err
		}
		if _, err := f.WriteAt(b, h.SlotOffset(slot)); err != nil {
			return false, err
		}
		if err := f.Sync(); err != nil {
			return false, err
		}
		back := make([]byte, len(b))
		if _, err := f.ReadAt(back, h.SlotOffset(slot)); err != nil {
			return false, err
		}
		if !bytes.Equal(b, back) {
			return false, errors.New("a slot reads back other than it was written")
		}
	}
	return true, nil
}

// replaceHeader renames a copy of f with another header over path. The body is copied by the kernel where it can.
func replaceHeader(path string, f *os.File, old, new *format.Header) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	out, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer out.Discard()
	b, err := new.Marshal(nil)
	if err != nil {
		return err
	}
	if _, err := out.Write(b); err != nil {
		return err
	}
	if _, err := f.Seek(int64(old.Size()), io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(out.File, f); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return err
	}
	// The copy may have taken long: look again, right before the rename.
	if err := unchanged(path, f, old); err != nil {
		return err
	}
	return out.Commit(atomicfile.Attributes{Mode: info.Mode(), Owner: info}, true)
}
