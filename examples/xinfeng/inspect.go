package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"strings"

	"github.com/spf13/cobra"

	"github.com/xinfeng-kms/xinfeng/format"
)

type inspect struct {
	t     *tool
	files selection
}

// An inspection is what a file says to somebody without any key. As JSON it is one line, with these names. One of the
// fields after Format is there.
type inspection struct {
	File       string          `json:"file"`
	Text       bool            `json:"text,omitempty"` // whether it was text; sizes and offsets are those of the bytes
	Format     string          `json:"format"`         // "xinfeng", "fourline", "fourline-chunks", "aliyunesdk" or "osscse-metadata"
	Unverified bool            `json:"unverified"`
	Report     *format.Report  `json:"report,omitempty"`
	Versions   []keyVersion    `json:"key_versions,omitempty"` // of the wrapped keys of a Report
	Fourline   *fourlineReport `json:"fourline,omitempty"`
	Aliyun     *aliyunReport   `json:"aliyunesdk,omitempty"`
	OSS        *ossReport      `json:"osscse,omitempty"`
}

// A keyVersion is the version of a CMK that a wrapped key seems to be of. It was read from the bytes and is not verified.
type keyVersion struct {
	KeyID   string `json:"key_id"`
	Version string `json:"version"`
}

func (t *tool) inspectCommand() *cobra.Command {
	i := &inspect{t: t}
	cmd := t.command(&cobra.Command{
		Use:   "inspect [FILE|FOLDER|PATTERN]...",
		Short: "Say what messages and key files say of themselves, without any key",
		Long: `Inspect prints what can be read without a key: algorithms, sizes, the stored
pairs of the context, the keys that data keys are wrapped under. Nothing of it
is verified: whoever can write the file can have it say anything.

It reads messages, key files and cells of this program's format, as bytes or as
text, and those of others that 'convert' reads: four-line envelopes, messages of
the vendor's encryption SDK, and the metadata of client-side encrypted OSS
objects as a JSON object. In folders other files are passed over.`,
		Example: `  xinfeng inspect letter.txt.xf
  xinfeng inspect --json -r safe | jq -r '.report.wrapped_keys[].key_id'
  xinfeng inspect < message`,
	}, i.run)
	t.flags(cmd, "Files", i.files.register)
	return cmd
}

func (i *inspect) run(ctx context.Context, args []string) error {
	if len(args) == 0 || len(args) == 1 && args[0] == "-" {
		// The header of a message is shorter than this, and so is any of the others that comes through a pipe.
		b, err := io.ReadAll(io.LimitReader(interruptible(ctx, i.t.in), maxInspected+1))
		if err != nil {
			return err
		}
		size := int64(len(b))
		if size > maxInspected {
			size = -1
		}
		found, err := inspectFile(bytes.NewReader(b), size)
		if err != nil {
			return err
		}
		found.File = "-"
		return i.print(found, false)
	}
	files, remarks, err := i.files.find(args)
	if err != nil {
		return err
	}
	code := i.t.remarked(remarks)
	many := len(files)+len(remarks) > 1
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		found, err := i.open(f)
		switch {
		case errors.Is(err, errUnknown) && f.root != "":
		case err != nil:
			code = graver(code, i.t.remarked([]remark{{f.path, err}}))
		default:
			found.File = f.path
			if err := i.print(found, many); err != nil {
				return err
			}
		}
	}
	if code != exitDone {
		return batchError{code}
	}
	return nil
}

func (i *inspect) open(f source) (*inspection, error) {
	in, _, err := openSource(f.path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return inspectFile(in, f.size)
}

func (i *inspect) print(found *inspection, many bool) error {
	if i.t.json {
		return i.t.encode(i.t.out, found)
	}
	text := found.String()
	if many {
		text = fmt.Sprintf("%s: %s\n", show(found.File), text)
	}
	_, err := io.WriteString(i.t.out, text)
	return err
}

// maxInspected bounds in bytes what is read of standard input: the longest text of a message, and more than any header.
const maxInspected = maxText + 1

// errUnknown: a file is none of those that can be inspected.
var errUnknown = errors.New("neither a message or key file nor one of the other formats")

// inspectFile finds out what r is, and what it says. size is its length in bytes, -1 if it is longer than r.
func inspectFile(r io.ReaderAt, size int64) (*inspection, error) {
	text := false
	if size >= 0 {
		var err error
		if r, size, text, err = messageAt(r, size); err != nil {
			return nil, err
		}
	}
	all := int64(1) << 62
	if size >= 0 {
		all = size
	}
	open := func() io.Reader { return io.NewSectionReader(r, 0, all) }
	report, err := format.Inspect(open(), size)
	if err == nil {
		return &inspection{Text: text, Format: "xinfeng", Unverified: true, Report: report, Versions: versionsOf(report.WrappedKeys)}, nil
	}
	if !errors.Is(err, format.ErrNotMessage) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if found, foreignErr := inspectForeign(open, size); !errors.Is(foreignErr, errUnknown) {
		return found, foreignErr
	}
	if size > 0 && !errors.Is(err, format.ErrNotMessage) {
		return nil, err // the beginning of a message
	}
	return nil, errUnknown
}

func versionsOf(keys []format.KeyReport) (versions []keyVersion) {
	for _, k := range keys {
		if v := kmsVersion(k.Provider, k.Ciphertext); v != "" {
			versions = append(versions, keyVersion{k.KeyID, v})
		}
	}
	return versions
}

// kmsVersion returns the id of the key version at the beginning of a ciphertext of KMS, "" if there is none. The service
// puts it there, in the 36 characters of a UUID, and does not promise to; it is not verified.
func kmsVersion(provider string, ciphertext []byte) string {
	if provider != format.ProviderKMS || len(ciphertext) < 36 {
		return ""
	}
	for i, c := range ciphertext[:36] {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		if hyphen != (c == '-') || !hyphen && !strings.ContainsRune("0123456789abcdef", rune(c)) {
			return ""
		}
	}
	return string(ciphertext[:36])
}

// String returns the inspection for people.
func (i *inspection) String() string {
	switch {
	case i.Report != nil:
		text := i.Report.String()
		if i.Text {
			text = "text of a " + text
		}
		for _, v := range i.Versions {
			text += fmt.Sprintf("  %-12s %s of %s (read, not verified)\n", "key version", v.Version, show(v.KeyID))
		}
		return text
	case i.Fourline != nil:
		return i.Fourline.String()
	case i.Aliyun != nil:
		return i.Aliyun.String()
	}
	return i.OSS.String()
}

// A sniffed says what a file seems to be by its first bytes.
type sniffed int

const (
	other sniffed = iota
	aMessage
	aKeyFile
)

// sniff looks at the first bytes of a file.
func sniff(path string) (sniffed, error) {
	f, _, err := openSource(path)
	if err != nil {
		return other, err
	}
	defer f.Close()
	b := make([]byte, 64)
	n, err := io.ReadFull(f, b)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return other, err
	}
	b = b[:n]
	if format.IsArmored(b) {
		return aMessage, nil
	}
	var message format.Header
	var keyFile format.KeyFile
	if _, err := message.Parse(b); n >= 4 && !errors.Is(err, format.ErrNotMessage) {
		return aMessage, nil
	}
	if err := keyFile.Parse(b); n >= 4 && !errors.Is(err, format.ErrNotMessage) {
		return aKeyFile, nil
	}
	return other, nil
}

// candidates returns which of the files are worked on by commands that take messages as they are: those named, and in
// folders those with the suffix of messages or the beginning of one.
func candidates(files []source, suffix string, take func(sniffed) bool) (found []planned, remarks []remark) {
	for _, f := range files {
		if f.root != "" && !strings.HasSuffix(f.path, suffix) {
			switch is, err := sniff(f.path); {
			case err != nil:
				remarks = append(remarks, remark{f.path, err})
				continue
			case !take(is):
				continue
			}
		}
		found = append(found, planned{source: f})
	}
	return found, remarks
}
