package stream_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
)

// exampleSealer stands for what suite.Body derives for a message. This key is not one to copy.
func exampleSealer() *suite.Sealer {
	aead, err := suite.Lookup(suite.AES256GCM).NewAEAD(make([]byte, 32))
	if err != nil {
		log.Fatal(err)
	}
	return &suite.Sealer{AEAD: aead}
}

func Example() {
	w := exampleSealer()
	var body bytes.Buffer
	ww := stream.NewWriter(&body, w, 1<<16, nil)
	if _, err := io.Copy(ww, strings.NewReader("a letter in its envelope\n")); err != nil {
		log.Fatal(err)
	}
	if err := ww.Close(); err != nil {
		log.Fatal(err)
	}
	if _, err := io.Copy(os.Stdout, stream.NewReader(&body, w, 1<<16, nil)); err != nil {
		log.Fatal(err)
	}
	// Output: a letter in its envelope
}

func ExampleReader_truncated() {
	w := exampleSealer()
	body := stream.Seal(nil, make([]byte, 3<<12), w, 1<<12, nil)
	n, err := io.Copy(io.Discard, stream.NewReader(bytes.NewReader(body[:2*(1<<12+suite.TagSize)]), w, 1<<12, nil))
	fmt.Println(n, err)
	fmt.Println(errors.Is(err, suite.ErrAuthentication), errors.Is(err, io.ErrUnexpectedEOF))
	// Output:
	// 4096 stream: chunk 1, where the input ends: not authentic
	// true true
}

func ExampleNewReaderAt() {
	w := exampleSealer()
	body := stream.Seal(nil, []byte("a letter in its envelope"), w, 1<<12, nil)
	ra, err := stream.NewReaderAt(bytes.NewReader(body), 0, int64(len(body)), w, 1<<12, nil)
	if err != nil {
		log.Fatal(err)
	}
	word := make([]byte, 6)
	if _, err := ra.ReadAt(word, 2); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d bytes, of which %s", ra.Size(), word)
	// Output: 24 bytes, of which letter
}
