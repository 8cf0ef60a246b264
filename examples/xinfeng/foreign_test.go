package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/envelope/fourline"
	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

const foreignText = "华东1,1234.50\n"

// foreign writes a file in one of the formats of others, under the key of the cloud and with foreignText in it.
func (w *world) foreign(name string) {
	w.t.Helper()
	ctx := w.t.Context()
	check := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	switch name {
	case "fourline.cipher":
		c, err := fourline.New(w.kms, w.key, nil)
		check(err)
		b, err := c.Encrypt(ctx, []byte(foreignText))
		check(err)
		w.write(name, string(b))
	case "chunks":
		k, err := w.kms.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: w.key[strings.LastIndex(w.key, "/")+1:]})
		check(err)
		if _, err := base64.StdEncoding.DecodeString(k.CiphertextBlob); err != nil {
			w.t.Fatal(err)
		}
		w.write(name, k.CiphertextBlob+strings.Repeat("\xff\x00", 40))
	case "sdk":
		c, err := aliyunesdk.New([]aliyunesdk.Key{{ARN: w.key, API: w.kms}}, nil)
		check(err)
		b, err := c.Encrypt(ctx, []byte(foreignText), aliyunesdk.Context{"tenant": "42"})
		check(err)
		w.write(name, string(b))
	case "header.txt":
		c, err := aliyunesdk.New([]aliyunesdk.Key{{ARN: w.key, API: w.kms}}, nil)
		check(err)
		d, err := c.NewDetached(ctx, aliyunesdk.Context{"tenant": "42"})
		check(err)
		w.write(name, d.Header()+"\n")
	case "object", "metadata.json":
		key, err := osscse.NewKMSKey(w.kms, w.key, map[string]string{"desc": "x"}, nil)
		check(err)
		w.object(key)
	default:
		w.t.Fatalf("no foreign file %s", name)
	}
}

// object writes an OSS object under a master key, and its metadata.
func (w *world) object(key osscse.MasterKey) {
	w.t.Helper()
	c, err := osscse.New(key)
	if err != nil {
		w.t.Fatal(err)
	}
	upload, err := c.NewUnauthenticatedUpload(w.t.Context(), int64(len(foreignText)), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := upload.Encrypt(strings.NewReader(foreignText))
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		w.t.Fatal(err)
	}
	metadata, err := json.Marshal(upload.Metadata())
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("object", string(body))
	w.write("metadata.json", string(metadata))
}
