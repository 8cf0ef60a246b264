package envelope_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// exampleProvider stands for the provider of a CMK, which needs a key service: see package keyring. Its key is not one
// to copy.
func exampleProvider() keyring.KeyProvider {
	p, err := keyring.NewRawAES("example", []byte("not a key to copy: 32 bytes long"))
	if err != nil {
		log.Fatal(err)
	}
	return p
}

func exampleClient() *envelope.Client {
	client, err := envelope.New(exampleProvider(), nil)
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func Example() {
	ctx := context.Background()
	client, err := envelope.New(exampleProvider(), nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := client.Encrypt(ctx, []byte("attack at dawn"), envelope.Context{"tenant": "42"})
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := client.Decrypt(ctx, message, envelope.Context{"tenant": "42"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)

	_, err = client.Decrypt(ctx, message, envelope.Context{"tenant": "43"})
	fmt.Println(errors.Is(err, envelope.ErrAuthentication))
	// Output:
	// attack at dawn
	// true
}

// One buffer for many messages.
func ExampleClient_AppendEncrypt() {
	ctx, client := context.Background(), exampleClient()
	var message, plaintext []byte
	for _, s := range []string{"one", "two"} {
		var err error
		message, err = client.AppendEncrypt(ctx, message[:0], []byte(s), nil)
		if err != nil {
			log.Fatal(err)
		}
		var info envelope.Info
		plaintext, info, err = client.AppendDecrypt(ctx, plaintext[:0], message, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s, opened by %s key %s\n", plaintext, info.Provider, info.KeyID)
	}
	// Output:
	// one, opened by raw key example
	// two, opened by raw key example
}

func ExampleClient_NewWriter() {
	ctx, client := context.Background(), exampleClient()
	var message bytes.Buffer
	w, err := client.NewWriter(ctx, &message, envelope.Context{"object": "log/1"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := io.Copy(w, strings.NewReader("a long stream")); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil { // finishes the message
		log.Fatal(err)
	}
	size, err := w.EncryptedSize(int64(len("a long stream")))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(size == int64(message.Len()))
	// Output: true
}

func ExampleClient_NewReader() {
	ctx, client := context.Background(), exampleClient()
	message, err := client.Encrypt(ctx, []byte("a long stream"), nil)
	if err != nil {
		log.Fatal(err)
	}
	r, err := client.NewReader(ctx, bytes.NewReader(message), nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := io.Copy(os.Stdout, r); err != nil { // all of it is authentic only when this is nil
		log.Fatal(err)
	}
	// Output: a long stream
}

// Any part of a message, and an io.ReadSeeker where one is needed.
func ExampleClient_NewReaderAt() {
	ctx, client := context.Background(), exampleClient()
	message, err := client.Encrypt(ctx, []byte("0123456789"), nil)
	if err != nil {
		log.Fatal(err)
	}
	r, err := client.NewReaderAt(ctx, bytes.NewReader(message), int64(len(message)), nil)
	if err != nil {
		log.Fatal(err)
	}
	part := make([]byte, 3)
	if _, err := r.ReadAt(part, 4); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s of %d bytes\n", part, r.Size())

	s := io.NewSectionReader(r, 0, r.Size())
	if _, err := s.Seek(-2, io.SeekEnd); err != nil {
		log.Fatal(err)
	}
	end, err := io.ReadAll(s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", end)
	// Output:
	// 456 of 10 bytes
	// 89
}

func ExampleClient_EncryptFile() {
	ctx, client := context.Background(), exampleClient()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	plain, message, back := filepath.Join(dir, "sales.csv"), filepath.Join(dir, "sales.csv.xf"), filepath.Join(dir, "back.csv")
	if err := os.WriteFile(plain, []byte("a,b\n1,2\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	ec := envelope.Context{"file": "sales.csv"}
	if err := client.EncryptFile(ctx, message, plain, ec, nil); err != nil {
		log.Fatal(err)
	}
	info, err := client.DecryptFile(ctx, back, message, ec, &envelope.FileOptions{
		Progress: func(done, total int64) { fmt.Printf("%d of %d bytes\n", done, total) },
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("opened by", info.KeyID)
	// Output:
	// 8 of 8 bytes
	// opened by example
}

func ExampleClient_Verify() {
	ctx, client := context.Background(), exampleClient()
	message, err := client.Encrypt(ctx, []byte("precious"), nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Verify(ctx, bytes.NewReader(message), nil)
	fmt.Println(err)
	message[len(message)-1] ^= 1
	_, err = client.Verify(ctx, bytes.NewReader(message), nil)
	fmt.Println(errors.Is(err, envelope.ErrAuthentication))
	// Output:
	// <nil>
	// true
}

// A row's primary key says where the value belongs: it is bound to the message but costs no byte of it, and the key
// service never sees it.
func ExampleOptions_withhold() {
	ctx := context.Background()
	client, err := envelope.New(exampleProvider(), &envelope.Options{Withhold: []string{"row"}, Require: []string{"tenant"}})
	if err != nil {
		log.Fatal(err)
	}
	message, err := client.Encrypt(ctx, []byte("+49 170 1234567"), envelope.Context{"tenant": "42", "row": "9"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Decrypt(ctx, message, envelope.Context{"tenant": "42", "row": "10"})
	fmt.Println(errors.Is(err, envelope.ErrAuthentication))
	_, err = client.Encrypt(ctx, nil, envelope.Context{"row": "9"})
	fmt.Println(errors.Is(err, envelope.ErrMissingPair))
	// Output:
	// true
	// true
}

// The folder has the wrapped keys, the message names them. Rewrapping replaces one small file, whatever the message's
// size. The raw key stands for a CMK here: a provider of package keyring that has KMS behind it moves the data key to the
// newest version of its CMK without seeing it.
func ExampleClient_RewrapKey() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	keys := envelope.KeyDir(dir)
	client, err := envelope.New(exampleProvider(), &envelope.Options{Keys: format.Detached, KeyStore: keys})
	if err != nil {
		log.Fatal(err)
	}
	message, err := client.Encrypt(ctx, []byte("a terabyte"), envelope.Context{"tenant": "42"})
	if err != nil {
		log.Fatal(err)
	}
	header, err := format.ReadHeader(bytes.NewReader(message))
	if err != nil {
		log.Fatal(err)
	}
	info, err := client.RewrapKey(ctx, header.Reference, envelope.Context{"tenant": "42"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("renewed under", info.KeyID)
	plaintext, err := client.Decrypt(ctx, message, envelope.Context{"tenant": "42"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)
	// Output:
	// renewed under example
	// a terabyte
}

// From one key to another, in place: the old entry stays until it is dropped by name.
func ExampleClient_RewrapFile() {
	ctx := context.Background()
	old := exampleProvider()
	next, err := keyring.NewRawAES("next", []byte("another key not to copy: 32bytes"))
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "message")
	client, err := envelope.New(old, &envelope.Options{Keys: format.Slots})
	if err != nil {
		log.Fatal(err)
	}
	message, err := client.Encrypt(ctx, []byte("moved"), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(path, message, 0o600); err != nil {
		log.Fatal(err)
	}

	worker, err := envelope.New(next, nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = worker.RewrapFile(ctx, path, nil, &envelope.RewrapOptions{
		Open: old,
		Drop: func(w format.WrappedKey) bool { return w.KeyID == "example" },
	})
	if err != nil {
		log.Fatal(err)
	}
	info, err := worker.DecryptFile(ctx, path+".txt", path, nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("opened by", info.KeyID)
	// Output: opened by next
}

// A copy of a message under the newest version of its CMK: same data, new wrapped key.
func ExampleClient_Rewrap() {
	ctx, client := context.Background(), exampleClient()
	message, err := client.Encrypt(ctx, []byte("a report"), nil)
	if err != nil {
		log.Fatal(err)
	}
	var renewed bytes.Buffer
	if _, err := client.Rewrap(ctx, &renewed, bytes.NewReader(message), nil, nil); err != nil {
		log.Fatal(err)
	}
	plaintext, err := client.Decrypt(ctx, renewed.Bytes(), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, same size: %t\n", plaintext, renewed.Len() == len(message))
	// Output: a report, same size: true
}

// A message of which there is no other copy, with a bad block in the middle and without its end.
func ExampleClient_Salvage() {
	ctx := context.Background()
	client := exampleClient()
	message, err := client.Encrypt(ctx, make([]byte, 1_000_000), nil)
	if err != nil {
		log.Fatal(err)
	}
	damaged := message[:len(message)-100_000]
	copy(damaged[500_000:], "what another program wrote")

	dir, err := os.MkdirTemp("", "xinfeng")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	out, err := os.Create(filepath.Join(dir, "salvaged")) // a new file: what is missing is zeros in it, and not plaintext
	if err != nil {
		log.Fatal(err)
	}
	defer out.Close()
	found, err := client.Salvage(ctx, out, bytes.NewReader(damaged), int64(len(damaged)), nil)
	if err != nil {
		log.Fatal(err) // the header is lost, or the key
	}
	for _, r := range found.Ranges {
		fmt.Printf("authentic: %d bytes at %d\n", r.Len, r.Off)
	}
	fmt.Println("complete:", found.Complete(), "size:", found.Size)
	// Output:
	// authentic: 458752 bytes at 0
	// authentic: 327680 bytes at 524288
	// complete: false size: -1
}
