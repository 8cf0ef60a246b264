package foreign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/envelope/fourline"
	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// A Source is an old file, opened. Read returns a reader of its plaintext from the beginning, at each call anew.
type Source struct {
	Read      func() (io.Reader, error)
	Authentic bool // whether somebody would have noticed a change
}

// An Opener says what old files are and who opens them.
type Opener struct {
	Format  string   // fourline, aliyunesdk or osscse
	Keys    []string // ARNs of the CMKs that open them
	Connect func(arn string) (kmsapi.API, error)

	Context     map[string]string      // of aliyunesdk: what the old file is bound to
	Allow       []aliyunesdk.Algorithm // of aliyunesdk: without authentication, to be read nevertheless
	Metadata    string                 // of osscse: the file with the metadata of the object
	RSA         string                 // of osscse: the file with the private key as PEM, instead of Keys
	Description map[string]string      // of osscse: that of the master key
}

// ErrFormat: there is no format of that name.
var ErrFormat = errors.New("want fourline, aliyunesdk or osscse")

// ErrTooLong: a file with metadata or a key is longer than any of them.
var ErrTooLong = errors.New("too long")

// Open opens an old file, which stays open as long as the Source is used.
func (o *Opener) Open(ctx context.Context, in *os.File) (*Source, error) {
	switch o.Format {
	case "fourline":
		return o.openFourline(ctx, in)
	case "aliyunesdk":
		return o.openAliyunESDK(ctx, in)
	case "osscse":
		return o.openOSSCSE(ctx, in)
	}
	return nil, fmt.Errorf("format %q: %w", o.Format, ErrFormat)
}

func (o *Opener) openFourline(ctx context.Context, in *os.File) (*Source, error) {
	api, err := o.Connect(o.Keys[0])
	if err != nil {
		return nil, err
	}
	client, err := fourline.New(api, o.Keys[0], &fourline.Options{Opens: o.Keys[1:]})
	if err != nil {
		return nil, err
	}
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	const most = 2 * fourline.DefaultMaxSize // base64 of the largest plaintext takes less
	if info.Size() > most {
		return nil, fmt.Errorf("%s: %d bytes, limit %d", in.Name(), info.Size(), most)
	}
	message, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	plaintext, err := client.Decrypt(ctx, message)
	if err != nil {
		return nil, err
	}
	return &Source{func() (io.Reader, error) { return bytes.NewReader(plaintext), nil }, true}, nil
}

func (o *Opener) openAliyunESDK(ctx context.Context, in *os.File) (*Source, error) {
	var keys []aliyunesdk.Key
	for _, arn := range o.Keys {
		api, err := o.Connect(arn)
		if err != nil {
			return nil, err
		}
		keys = append(keys, aliyunesdk.Key{ARN: arn, API: api})
	}
	client, err := aliyunesdk.New(keys, &aliyunesdk.Options{InsecureAllowAlgorithms: o.Allow})
	if err != nil {
		return nil, err
	}
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	r, err := client.NewReaderAt(ctx, in, info.Size(), o.Context)
	if err != nil {
		return nil, err
	}
	return &Source{func() (io.Reader, error) { return pipe(r), nil }, r.Info().Algorithm.Authenticated()}, nil
}

// pipe makes an io.Reader of r; io.Copy uses its WriteTo, which works on all cores.
func pipe(r *aliyunesdk.ReaderAt) io.Reader {
	return struct {
		io.Reader
		io.WriterTo
	}{io.NewSectionReader(r, 0, r.Size()), r}
}

func (o *Opener) openOSSCSE(ctx context.Context, in *os.File) (*Source, error) {
	text, err := readSmall(o.Metadata)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	var metadata map[string]string
	if err := json.Unmarshal(text, &metadata); err != nil {
		return nil, fmt.Errorf("metadata: %s: %w", o.Metadata, err)
	}
	key, err := o.masterKey()
	if err != nil {
		return nil, err
	}
	client, err := osscse.New(key)
	if err != nil {
		return nil, err
	}
	object, err := client.OpenUnauthenticated(ctx, metadata)
	if err != nil {
		return nil, err
	}
	return &Source{func() (io.Reader, error) {
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		return object.NewReader(in), nil
	}, false}, nil
}

// masterKey returns the key that an OSS object's data key is wrapped under.
func (o *Opener) masterKey() (osscse.MasterKey, error) {
	if o.RSA != "" {
		pem, err := readSmall(o.RSA)
		if err != nil {
			return nil, fmt.Errorf("RSA key: %w", err)
		}
		return osscse.NewRSAKey(pem, o.Description)
	}
	api, err := o.Connect(o.Keys[0])
	if err != nil {
		return nil, err
	}
	return osscse.NewKMSKey(api, o.Keys[0], o.Description, &osscse.KMSOptions{Opens: o.Keys[1:]})
}

// maxSmall bounds metadata and keys in bytes: OSS allows 8 KiB of metadata, and a key takes less.
const maxSmall = 64 << 10

// readSmall returns what is in a file, which may be one that does not end.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err == nil && len(b) > maxSmall {
		err = fmt.Errorf("%q: over %d bytes: %w", path, maxSmall, ErrTooLong)
	}
	return b, err
}
