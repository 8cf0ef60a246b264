package format_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/vectors"
)

// exampleMessage returns a message that is 238 bytes long: the worked example of SPEC.md, Section 3.8.
func exampleMessage() []byte {
	b, err := os.ReadFile("testdata/vectors/known-raw-0001.vec")
	if err != nil {
		log.Fatal(err)
	}
	v, err := vectors.Parse(b)
	if err != nil {
		log.Fatal(err)
	}
	return v.Data
}

// Tell what a file says of itself, without any key.
func ExampleInspect() {
	message := exampleMessage() // or an *os.File, and the size that its Stat says
	report, err := format.Inspect(bytes.NewReader(message), int64(len(message)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(report)
	// Output:
	// message, version 1 (nothing below is verified)
	//   suite        AES256GCM
	//   size         238 bytes
	//   plaintext    5 bytes in 1 chunk of up to 65536
	//   kind         attached
	//   stored       "tenant": "42"
	//   withheld     1 pair
	//   wrapped key  raw "local", 112 bytes
	//   head         56 bytes at 0
	//   tag          32 bytes at 56
	//   keys         129 bytes at 88
	//   body         21 bytes at 217
}

// The same for programs: a part of the JSON.
func ExampleInspect_json() {
	message := exampleMessage()
	report, err := format.Inspect(bytes.NewReader(message), -1) // the size is not known here
	if err != nil {
		log.Fatal(err)
	}
	b, err := json.MarshalIndent(report.Message, "", "  ")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(b))
	// Output:
	// {
	//   "chunk_size": 65536,
	//   "withheld_pairs": 1,
	//   "kind": "attached",
	//   "chunks": -1,
	//   "plaintext_size": -1
	// }
}

// Which bytes of a large stored object to fetch for a part of its plaintext. The header is fetched once, and no key is
// needed for the arithmetic.
func ExampleHeader_Range() {
	header, err := format.ReadHeader(bytes.NewReader(exampleMessage()))
	if err != nil {
		log.Fatal(err)
	}
	total, err := header.EncryptedSize(10 << 20) // or what the store says of the object
	if err != nil {
		log.Fatal(err)
	}
	from, to, err := header.Range(1_000_000, 100, total)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Range: bytes=%d-%d\n", from, to-1)
	// Output: Range: bytes=983497-1049048
}

// Write a header. A writer computes the tag of the head under its data key; package envelope does it all.
func ExampleHeader_Marshal() {
	stored, err := format.AppendPairs(nil, map[string]string{"tenant": "42"})
	if err != nil {
		log.Fatal(err)
	}
	h := &format.Header{
		Suite: format.AES256GCM, ChunkSize: format.DefaultChunkSize, Stored: stored,
		Salt:   [32]byte{1, 2, 3}, // not a salt to copy: it must be random
		Kind:   format.Attached,
		Record: format.Record{{Provider: format.ProviderKMS, KeyID: "08c33a6f-4e0a-4a1b-a3fa-7ddfa1d4fb73", Ciphertext: make([]byte, 108)}},
	}
	head, err := h.AppendHead(nil)
	if err != nil {
		log.Fatal(err)
	}
	// Here the tag is derived from head and withheld pairs under the data key (SPEC.md, Section 4.1), and put in h.Tag.
	b, err := h.Marshal(nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(head), len(b), bytes.HasPrefix(b, head))
	// Output: 56 244 true
}

// Tell the entries of a context apart without making a map.
func ExamplePairs_All() {
	b, err := format.AppendPairs(nil, map[string]string{"tenant": "42", "region": "north"})
	if err != nil {
		log.Fatal(err)
	}
	for key, value := range format.Pairs(b).All() {
		fmt.Printf("%s=%s\n", key, value)
	}
	// Output:
	// region=north
	// tenant=42
}

// A new wrapped key takes the place of the old one of the same key, entries of other keys stay.
func ExampleMergeRecords() {
	old := format.Record{
		{Provider: "kms", KeyID: "08c33a6f-4e0a-4a1b-a3fa-7ddfa1d4fb73", Ciphertext: []byte("old")},
		{Provider: "raw", KeyID: "recovery", Ciphertext: make([]byte, format.LocalWrapSize)},
	}
	renewed := format.Record{{Provider: "kms", KeyID: "08c33a6f-4e0a-4a1b-a3fa-7ddfa1d4fb73", Ciphertext: []byte("new")}}
	for _, w := range format.MergeRecords(old, renewed) {
		fmt.Println(w.Provider, w.KeyID, len(w.Ciphertext), string(w.Ciphertext[:3]) == "new")
	}
	// Output:
	// kms 08c33a6f-4e0a-4a1b-a3fa-7ddfa1d4fb73 3 true
	// raw recovery 112 false
}

// A message in a configuration file, which holds text.
func ExampleArmor() {
	text, err := format.Armor(nil, exampleMessage())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(text))
	message, err := format.Dearmor(text)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(bytes.Equal(message, exampleMessage()))
	// Output:
	// -----BEGIN XINFENG MESSAGE-----
	// jlhGRQEBAAEQAAAMpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaUABnRl
	// bmFudAACNDKA6c3I6pTxwBMXUyXnF2S7pEDIdwjwYMuEcNnzI0wlrAEAfgEDcmF3
	// AAVsb2NhbABww8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8MKD80ctLlS
	// 3Z8sqySQR69pXNkWaf5Z0LVJMnqaArH4vsbGqX717b8OOk7moyQJJTWUeX1OY2TY
	// apspgclBnFJws88eBv9qYb472XliHR5TIXQIG0xROMgE6IBVX3NaGXbeQIKZ8Q==
	// -----END XINFENG MESSAGE-----
	// true
}
