package aliyunesdk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// exampleClient returns a client of one CMK. The reference KMS stands for the service in the region of the key.
func exampleClient() *aliyunesdk.Client {
	server, err := refkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	kms := server.Client(nil)
	cmk, err := kms.CreateKey(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := aliyunesdk.New([]aliyunesdk.Key{{ARN: cmk.ARN, API: kms}}, nil)
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func Example() {
	ctx, client := context.Background(), exampleClient()
	message, err := client.Encrypt(ctx, []byte("attack at dawn"), aliyunesdk.Context{"tenant": "42"})
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := client.Decrypt(ctx, message, aliyunesdk.Context{"tenant": "42"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)

	_, err = client.Decrypt(ctx, message, aliyunesdk.Context{"tenant": "43"})
	fmt.Println(errors.Is(err, aliyunesdk.ErrAuthentication))
	// Output:
	// attack at dawn
	// true
}

// What a message says of itself, without a key.
func ExampleInspect() {
	message, err := exampleClient().Encrypt(context.Background(), []byte("attack at dawn"), aliyunesdk.Context{"tenant": "42"})
	if err != nil {
		log.Fatal(err)
	}
	h, err := aliyunesdk.Inspect(bytes.NewReader(message))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(h.Encoding, h.Algorithm, h.Context)
	for _, k := range h.Keys {
		where, _, _ := strings.Cut(k.KeyID, "/")
		fmt.Println(where)
	}
	// Output:
	// one-shot AES-256-GCM map[tenant:42]
	// acs:kms:cn-hangzhou:1234567890123456:key
}

func ExampleClient_NewWriter() {
	ctx, client := context.Background(), exampleClient()
	var message bytes.Buffer
	w, err := client.NewWriter(ctx, &message, nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := io.Copy(w, strings.NewReader("a long stream")); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil { // writes the tag
		log.Fatal(err)
	}
	plaintext, err := client.Decrypt(ctx, message.Bytes(), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)
	// Output: a long stream
}

// A message of any size is verified whole before the first byte of it is written, and never in memory whole.
func ExampleClient_NewReaderAt() {
	ctx, client := context.Background(), exampleClient()
	message, err := client.Encrypt(ctx, []byte("a long stream\n"), nil)
	if err != nil {
		log.Fatal(err)
	}
	file := bytes.NewReader(message) // or an *os.File
	r, err := client.NewReaderAt(ctx, file, file.Size(), nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := r.WriteTo(os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output: a long stream
}

// The header is stored once, and messages are bodies alone.
func ExampleClient_OpenDetached() {
	ctx, client := context.Background(), exampleClient()
	d, err := client.NewDetached(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	secret := d.Header() // to be stored before anything is written under it
	message, err := d.Encrypt([]byte("attack at dawn"))
	if err != nil {
		log.Fatal(err)
	}

	d, err = client.OpenDetached(ctx, secret, nil)
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := d.Decrypt(message)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)
	// Output: attack at dawn
}
