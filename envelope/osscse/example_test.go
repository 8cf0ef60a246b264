package osscse_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// exampleClient returns a client of one CMK. The reference KMS stands for the service.
func exampleClient() *osscse.Client {
	server, err := refkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	kms := server.Client(nil)
	cmk, err := kms.CreateKey(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	key, err := osscse.NewKMSKey(kms, cmk.KeyID, map[string]string{"desc": "test"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := osscse.New(key)
	if err != nil {
		log.Fatal(err)
	}
	return client
}

// exampleObject is an object as OSS has it.
func exampleObject(client *osscse.Client, text string) (metadata map[string]string, body []byte) {
	upload, err := client.NewUnauthenticatedUpload(context.Background(), int64(len(text)), nil)
	if err != nil {
		log.Fatal(err)
	}
	r, err := upload.Encrypt(strings.NewReader(text))
	if err != nil {
		log.Fatal(err)
	}
	body, err = io.ReadAll(r)
	if err != nil {
		log.Fatal(err)
	}
	return upload.Metadata(), body
}

// An object for the SDKs of OSS to read.
func ExampleClient_NewUnauthenticatedUpload() {
	upload, err := exampleClient().NewUnauthenticatedUpload(context.Background(), 5, nil)
	if err != nil {
		log.Fatal(err)
	}
	body, err := upload.Encrypt(strings.NewReader("hello"))
	if err != nil {
		log.Fatal(err)
	}
	// An OSS client puts body, with these as user metadata and without Content-MD5.
	metadata := upload.Metadata()
	n, err := io.Copy(io.Discard, body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(n, metadata["client-side-encryption-cek-alg"], metadata["client-side-encryption-wrap-alg"], metadata["client-side-encryption-matdesc"])
	// Output: 5 AES/CTR/NoPadding KMS/ALICLOUD {"desc":"test"}
}

// An object that an SDK of OSS has written. Nothing of what comes out is authentic.
func ExampleClient_OpenUnauthenticated() {
	client := exampleClient()
	metadata, body := exampleObject(client, "hello")
	object, err := client.OpenUnauthenticated(context.Background(), metadata)
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := io.ReadAll(object.NewReader(bytes.NewReader(body)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)
	// Output: hello
}

// A part of an object: the request, and the answer to it.
func ExampleUnauthenticatedObject_NewRangeReader() {
	client := exampleClient()
	metadata, body := exampleObject(client, "0123456789abcdefghijklmnopqrstuvwxyz")
	object, err := client.OpenUnauthenticated(context.Background(), metadata)
	if err != nil {
		log.Fatal(err)
	}
	rg, err := osscse.NewRange(20, 4)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rg.Header()["Range"]) // for the OSS client, with the other header
	r, err := object.NewRangeReader(rg, osscse.Answer{StatusCode: 206, ContentRange: "bytes 16-23/36", Body: bytes.NewReader(body[16:24])})
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := io.ReadAll(r)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)
	// Output:
	// bytes=16-23
	// klmn
}
