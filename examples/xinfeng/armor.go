package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
)

// errTooLongForText: a message is longer than text can hold.
var errTooLongForText = fmt.Errorf("messages as text have at most %d MiB; leave --armor out", format.MaxArmored>>20)

// maxText is more than the longest text of a message in bytes: base64, and ends of lines.
const maxText = format.MaxArmored/3*4 + format.MaxArmored/12

// armorSize is how many bytes tell whether something is the text of a message.
const armorSize = 31

// encryptText writes in to out as the text of a message. It returns the length of the plaintext in bytes.
func encryptText(ctx context.Context, client *envelope.Client, out io.Writer, in io.Reader, ec envelope.Context) (int64, error) {
	plaintext, err := io.ReadAll(io.LimitReader(in, format.MaxArmored+1))
	if err != nil {
		return 0, err
	}
	defer clear(plaintext)
	message, err := client.Encrypt(ctx, plaintext, ec)
	if err != nil {
		return 0, err
	}
	if len(message) > format.MaxArmored {
		return 0, errTooLongForText
	}
	text, err := format.Armor(nil, message)
	if err != nil {
		return 0, err
	}
	_, err = out.Write(text)
	return int64(len(plaintext)), err
}

// dearmored returns what r has, or if it is the text of a message the message.
func dearmored(r io.Reader) (io.Reader, error) {
	head := make([]byte, armorSize)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	all := io.MultiReader(bytes.NewReader(head[:n]), r)
	if !format.IsArmored(head[:n]) {
		return all, nil
	}
	text, err := io.ReadAll(io.LimitReader(all, maxText+1))
	if err != nil {
		return nil, err
	}
	message, err := format.Dearmor(text)
	if err != nil {
		return nil, err
	}
	return bytes.NewReader(message), nil
}

// messageAt returns the message in a file of so many bytes, which is bytes or text, its own length, and whether it is text.
func messageAt(in io.ReaderAt, size int64) (message io.ReaderAt, n int64, text bool, err error) {
	head := make([]byte, armorSize)
	read, err := in.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, false, err
	}
	if !format.IsArmored(head[:read]) {
		return in, size, false, nil
	}
	r, err := dearmored(io.NewSectionReader(in, 0, size))
	if err != nil {
		return nil, 0, true, err
	}
	b := r.(*bytes.Reader)
	return b, b.Size(), true, nil
}

// rewrapText is envelope.Client.RewrapFile for a message as text. Text is for small messages, so the file is always made
// anew; other than there, two at a time do not exclude each other, and one of them counts. A message that has taken its place
// meanwhile stays.
func rewrapText(ctx context.Context, client *envelope.Client, path string, ec envelope.Context, opts *envelope.RewrapOptions) (envelope.Info, error) {
	path, err := filepath.EvalSymlinks(path) // a link stays
	if err != nil {
		return envelope.Info{}, err
	}
	in, before, err := openSource(path)
	if err != nil {
		return envelope.Info{}, err
	}
	defer in.Close()
	message, err := dearmored(in)
	if err != nil {
		return envelope.Info{}, err
	}
	var made bytes.Buffer
	info, err := client.Rewrap(ctx, &made, message, ec, opts)
	if err != nil {
		return envelope.Info{}, err
	}
	text, err := format.Armor(nil, made.Bytes())
	if err != nil {
		return envelope.Info{}, err
	}
	out, err := createOut(path, true)
	if err != nil {
		return envelope.Info{}, err
	}
	defer out.Discard()
	if _, err := out.Write(text); err != nil {
		return envelope.Info{}, err
	}
	// Somebody may have put another message in its place while the key service was asked.
	now, err := os.Stat(path)
	if err != nil {
		return envelope.Info{}, err
	}
	if !os.SameFile(now, before) || now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime()) {
		return envelope.Info{}, envelope.ErrChanged
	}
	return info, out.commit(atomicfile.Attributes{Mode: before.Mode(), ModTime: before.ModTime(), Owner: before})
}
