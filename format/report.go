package format

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Report is what a message, key file or cell says to somebody without any key. [Inspect] makes it.
//
// Nothing in it is verified: whoever can write the bytes can have it say anything. It marshals to JSON with the names
// of its tags, which are stable: fields may be added, none is renamed or given another meaning. Offsets and sizes are
// in bytes, offsets from the start of the input; binary values are in hexadecimal but for ciphertexts, which are in
// base64 as KMS takes them.
type Report struct {
	Structure  string `json:"structure"`            // "message", "key-file" or "cell"
	Unverified bool   `json:"unverified"`           // always true
	Version    int    `json:"version,omitempty"`    // 1; a cell has none
	Suite      string `json:"suite"`                // "AES256GCM" or "SM4GCM"
	Size       int64  `json:"size"`                 // of the whole, -1 if unknown
	SizeFault  string `json:"size_fault,omitempty"` // why nothing of this structure has that size
	Parts      []Part `json:"parts"`                // one after the other, from offset 0 to the end

	Salt      string            `json:"salt,omitempty"`      // message and cell
	Tag       string            `json:"tag,omitempty"`       // message
	Commit    string            `json:"commit,omitempty"`    // key file
	Stored    map[string]string `json:"stored,omitempty"`    // stored pairs of a message or key file
	Reference string            `json:"reference,omitempty"` // key file, cell, and message of kind "detached"

	// WrappedKeys are those of the record in force, in its order.
	WrappedKeys []KeyReport `json:"wrapped_keys,omitempty"`

	Message *MessageReport `json:"message,omitempty"` // of a message only
	Cell    *CellReport    `json:"cell,omitempty"`    // of a cell only
}

// A Part is a run of bytes with a name: head, tag, keys and body of a message; head, commit and keys of a key file;
// head and sealed of a cell.
type Part struct {
	Name   string `json:"name"`
	Offset int64  `json:"offset"`
	Size   int64  `json:"size"` // -1 if unknown
}

// A MessageReport is what only a message has.
type MessageReport struct {
	ChunkSize     int          `json:"chunk_size"`
	Withheld      int          `json:"withheld_pairs"`  // how many; what they are stands nowhere
	Kind          string       `json:"kind"`            // of key section: "attached", "slots" or "detached"
	Slots         []SlotReport `json:"slots,omitempty"` // both, of kind "slots"
	Chunks        int64        `json:"chunks"`          // number of chunks, -1 if unknown
	PlaintextSize int64        `json:"plaintext_size"`  // as computed from the size, -1 if unknown
}

// A SlotReport is one of the two slots of a message of kind "slots".
type SlotReport struct {
	Offset  int64 `json:"offset"`
	Size    int64 `json:"size"`
	Valid   bool  `json:"valid"`    // its check is right: it was written, and completely
	InForce bool  `json:"in_force"` // its wrapped keys are those of the message
	// Generation and WrappedKeys are those of a valid slot.
	Generation  uint32      `json:"generation,omitempty"`
	WrappedKeys []KeyReport `json:"wrapped_keys,omitempty"`
}

// A KeyReport is one wrapped key.
type KeyReport struct {
	Offset     int64  `json:"offset"` // of the entry
	Size       int64  `json:"size"`   // of the entry
	Provider   string `json:"provider"`
	KeyID      string `json:"key_id"`
	Ciphertext []byte `json:"ciphertext"` // base64
}

// A CellReport is what only a cell has.
type CellReport struct {
	ValueSize int64 `json:"value_size"` // as computed from the size, -1 if unknown
}

// maxPrinted bounds in characters what String prints of a text that whoever wrote the bytes has chosen.
const maxPrinted = 96

func printable(s string) string {
	if r := []rune(s); len(r) > maxPrinted {
		return fmt.Sprintf("%q… (%d bytes)", string(r[:maxPrinted]), len(s))
	}
	return fmt.Sprintf("%q", s)
}

func count[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// String returns the report for people, in several lines. Its layout is not for programs, they use JSON. Texts that
// whoever wrote the bytes has chosen are quoted, and cut if they are long.
func (r *Report) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-12s "+format+"\n", append([]any{name}, args...)...)
	}
	b.WriteString(strings.ReplaceAll(r.Structure, "-", " "))
	if r.Version > 0 {
		fmt.Fprintf(&b, ", version %d", r.Version)
	}
	b.WriteString(" (nothing below is verified)\n")
	line("suite", "%s", r.Suite)
	if r.Size >= 0 {
		line("size", "%d bytes", r.Size)
	}
	if r.SizeFault != "" {
		line("fault", "%s", r.SizeFault)
	}
	if m := r.Message; m != nil {
		m.print(line)
	}
	if c := r.Cell; c != nil && c.ValueSize >= 0 {
		line("value", "%d bytes", c.ValueSize)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Stored)) {
		line("stored", "%s: %s", printable(k), printable(r.Stored[k]))
	}
	if m := r.Message; m != nil && m.Withheld > 0 {
		line("withheld", "%s", count(m.Withheld, "pair"))
	}
	if r.Reference != "" {
		line("key file", "%s", r.Reference)
	}
	printKeys(line, r.WrappedKeys)
	for _, p := range r.Parts {
		if p.Size < 0 {
			line(p.Name, "from byte %d", p.Offset)
		} else {
			line(p.Name, "%d bytes at %d", p.Size, p.Offset)
		}
	}
	return b.String()
}

func (m *MessageReport) print(line func(name, format string, args ...any)) {
	if m.PlaintextSize >= 0 {
		line("plaintext", "%d bytes in %s of up to %d", m.PlaintextSize, count(m.Chunks, "chunk"), m.ChunkSize)
	} else {
		line("plaintext", "in chunks of up to %d bytes", m.ChunkSize)
	}
	line("kind", "%s", m.Kind)
	for i, s := range m.Slots {
		state := "not valid"
		switch {
		case s.InForce:
			state = fmt.Sprintf("in force, generation %d, %s", s.Generation, count(len(s.WrappedKeys), "wrapped key"))
		case s.Valid:
			state = fmt.Sprintf("older, generation %d, %s", s.Generation, count(len(s.WrappedKeys), "wrapped key"))
		}
		line(fmt.Sprintf("slot %d", i), "%d bytes at %d, %s", s.Size, s.Offset, state)
	}
}

func printKeys(line func(name, format string, args ...any), keys []KeyReport) {
	for _, k := range keys {
		line("wrapped key", "%s %s, %d bytes", k.Provider, printable(k.KeyID), len(k.Ciphertext))
	}
}
