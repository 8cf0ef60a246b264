// Package vectors reads and writes the test vectors of the message format: files of format/testdata/vectors, one
// scenario each, with all that a reader needs in their heads. [ReadAll] reads them, [KMS] answers as their heads say.
//
// The program in generate makes them; they are never edited, and a released one is never changed.
//
// # Specification
//
// format/SPEC.md, Section 10, is where the files are described for readers in any language.
package vectors

// A Structure says what the bytes of a vector are.
type Structure string

const (
	Message Structure = "message"
	KeyFile Structure = "key-file"
	Cell    Structure = "cell"
	Armor   Structure = "armor" // the text form of a message
)

// An Outcome is what a reader must say to a vector. The set is closed.
type Outcome string

const (
	Success            Outcome = "success"             // all plaintext is released
	NotMessage         Outcome = "not-message"         // the first bytes are of something else
	UnsupportedVersion Outcome = "unsupported-version" // known by name, and refused
	UnsupportedSuite   Outcome = "unsupported-suite"   // unknown, or not one that the reader accepts
	UnsupportedKind    Outcome = "unsupported-kind"    // of key section
	ParseFault         Outcome = "parse"               // does not follow the format in another way
	Truncated          Outcome = "truncated"           // the input ends before the header, key file or cell does
	SizeFault          Outcome = "size"                // no message has the declared size
	NoKeyFile          Outcome = "no-key-file"         // the store has none of the reference
	NoMatch            Outcome = "no-match"            // no wrapped key is of one of the reader's keys
	InvalidDataKey     Outcome = "invalid-data-key"    // the key service answered something that is no data key
	Cost               Outcome = "cost"                // a passphrase asks for more work than the reader allows
	Authentication     Outcome = "authentication"      // not authentic
	// AuthenticationAtEnd: not authentic, and the input ended at the chunk at fault; matches both errors.
	AuthenticationAtEnd Outcome = "authentication-at-end"
)

var (
	structures = []Structure{Message, KeyFile, Cell, Armor}
	outcomes   = []Outcome{Success, NotMessage, UnsupportedVersion, UnsupportedSuite, UnsupportedKind, ParseFault, Truncated,
		SizeFault, NoKeyFile, NoMatch, InvalidDataKey, Cost, Authentication, AuthenticationAtEnd}
)

// A Vector is one scenario. Slices and maps that are empty stand for keys that the file does not have.
type Vector struct {
	Name      string // of the file, without ".vec"
	Comment   string
	Structure Structure
	Suite     uint16 // of the writer

	Parses   bool     // whether header, key file or cell is well formed; if not, Expect says what parsing it gives
	Expect   Outcome  // of reading it all
	Calls    int      // how often the reader asks its providers to open the record: 0 or 1
	KMSCalls int      // how often Decrypt of KMS is called in all, by a reader without a cache
	Released int64    // bytes of plaintext that a sequential reader has released when it is done; with HasSize, of all reads
	Payload  [32]byte // SHA-256 of these bytes

	Given        map[string]string // the context that the reader is given
	AcceptUnseen []string          // names of stored pairs that need not be given, or "*" alone
	AcceptSuites []uint16          // none: all
	HasSize      bool              // the reader is given Size, and opens the message for random access
	Size         int64             // declared size of the message in bytes, which may lie

	DataKey      []byte     // 32 bytes that opening the record gives, for a reader without providers; none if it gives none
	Providers    []Provider // in the reader's order
	KMSDecrypt   []DecryptAnswer
	KMSDescribe  []DescribeAnswer
	KeyFiles     [][]byte // what the reader's store holds, for messages of kind 03 and cells
	OpenedBefore []byte   // a message that a reader with a cache has opened just before, with success

	Data []byte // message, key file, cell, or text of a message
}

// A Provider is one configured provider of the reader. Which fields are set depends on Type.
type Provider struct {
	Type  string   `json:"type"` // kms, raw, passphrase, recipients or discovery
	KeyID string   `json:"key-id,omitempty"`
	Opens []string `json:"opens,omitempty"` // kms: further keys
	Key   string   `json:"key,omitempty"`   // raw: 32 bytes in hexadecimal

	Passphrase   string `json:"passphrase,omitempty"`
	MaxMemoryKiB int    `json:"max-memory-kib,omitempty"`
	MaxPasses    int    `json:"max-passes,omitempty"`
	MaxLanes     int    `json:"max-lanes,omitempty"`

	PrivateKeys []string `json:"private-keys,omitempty"` // recipients

	Accounts []string `json:"accounts,omitempty"` // discovery
	Regions  []string `json:"regions,omitempty"`
}

// A DecryptAnswer is what KMS answers to Decrypt of a blob with an encryption context, both compared exactly. To
// everything else it answers that the ciphertext is invalid.
type DecryptAnswer struct {
	Ciphertext string            `json:"ciphertext"`        // base64, as in the request
	Context    map[string]string `json:"context,omitempty"` // none: no parameter
	Plaintext  string            `json:"plaintext"`         // text, as in the answer
	KeyID      string            `json:"key-id"`            // of the key that answers
}

// A DescribeAnswer is what KMS answers to DescribeKey.
type DescribeAnswer struct {
	Alias string `json:"alias"`
	KeyID string `json:"key-id"`
}
