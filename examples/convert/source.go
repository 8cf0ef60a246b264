package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/envelope/fourline"
	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
)

// A source is an old file, opened. read returns a reader of its plaintext from the beginning, at each call anew.
type source struct {
	read      func() (io.Reader, error)
	authentic bool // whether somebody would have noticed a change
}

// open opens the old file in the format that the job says.
func (j *job) open(ctx context.Context, in *os.File) (*source, error) {
	switch j.from {
	case "fourline":
		return j.openFourline(ctx, in)
	case "aliyunesdk":
		return j.openAliyunESDK(ctx, in)
	case "osscse":
		return j.openOSSCSE(ctx, in)
	}
	return nil, fmt.Errorf("-from %q: want fourline, aliyunesdk or osscse", j.from)
}

func (j *job) openFourline(ctx context.Context, in *os.File) (*source, error) {
	api, err := j.connect(j.keys[0])
	if err != nil {
		return nil, err
	}
	client, err := fourline.New(api, j.keys[0], &fourline.Options{Opens: j.keys[1:]})
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
	return &source{func() (io.Reader, error) { return bytes.NewReader(plaintext), nil }, true}, nil
}

func (j *job) openAliyunESDK(ctx context.Context, in *os.File) (*source, error) {
	var keys []aliyunesdk.Key
	for _, arn := range j.keys {
		api, err := j.connect(arn)
		if err != nil {
			return nil, err
		}
		keys = append(keys, aliyunesdk.Key{ARN: arn, API: api})
	}
	client, err := aliyunesdk.New(keys, &aliyunesdk.Options{InsecureAllowAlgorithms: j.allow})
	if err != nil {
		return nil, err
	}
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	r, err := client.NewReaderAt(ctx, in, info.Size(), j.context)
	if err != nil {
		return nil, err
	}
	return &source{func() (io.Reader, error) { return pipe(r), nil }, r.Info().Algorithm.Authenticated()}, nil
}

// pipe makes an io.Reader of r; io.Copy uses its WriteTo, which works on all cores.
func pipe(r *aliyunesdk.ReaderAt) io.Reader {
	return struct {
		io.Reader
		io.WriterTo
	}{io.NewSectionReader(r, 0, r.Size()), r}
}

func (j *job) openOSSCSE(ctx context.Context, in *os.File) (*source, error) {
	text, err := os.ReadFile(j.metadata)
	if err != nil {
		return nil, fmt.Errorf("-metadata: %w", err)
	}
	var metadata map[string]string
	if err := json.Unmarshal(text, &metadata); err != nil {
		return nil, fmt.Errorf("-metadata: %s: %w", j.metadata, err)
	}
	key, err := j.masterKey()
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
	return &source{func() (io.Reader, error) {
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		return object.NewReader(in), nil
	}, false}, nil
}

// masterKey returns the key that an OSS object's data key is wrapped under.
func (j *job) masterKey() (osscse.MasterKey, error) {
	if j.rsa != "" {
		pem, err := os.ReadFile(j.rsa)
		if err != nil {
			return nil, fmt.Errorf("-rsa: %w", err)
		}
		return osscse.NewRSAKey(pem, j.description)
	}
	api, err := j.connect(j.keys[0])
	if err != nil {
		return nil, err
	}
	return osscse.NewKMSKey(api, j.keys[0], j.description, &osscse.KMSOptions{Opens: j.keys[1:]})
}
