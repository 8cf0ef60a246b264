package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/envelope/fourline"
	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
)

// A fourlineReport is what a four-line envelope says.
type fourlineReport struct {
	PlaintextSize int    `json:"plaintext_size"`
	WrappedKey    string `json:"wrapped_key"` // base64
	Chunks        bool   `json:"chunks"`      // the other file, which has no tag; the rest is unknown then
}

func (r *fourlineReport) String() string {
	if r.Chunks {
		return "chunk file of the guide's other script (no tag: nothing in it can be verified)\n"
	}
	return fmt.Sprintf("four-line envelope (nothing below is verified)\n  %-12s %d bytes\n  %-12s %d characters; the file does not say of which CMK\n",
		"plaintext", r.PlaintextSize, "wrapped key", len(r.WrappedKey))
}

// An aliyunReport is what a message of the vendor's encryption SDK says.
type aliyunReport struct {
	Detached      bool              `json:"detached,omitempty"` // a header that is kept elsewhere than its messages
	Encoding      string            `json:"encoding"`
	Algorithm     string            `json:"algorithm"`
	Authenticated bool              `json:"authenticated"` // whether the algorithm protects the body
	Context       map[string]string `json:"context,omitempty"`
	WrappedKeys   []aliyunKey       `json:"wrapped_keys"`
}

type aliyunKey struct {
	KeyID string `json:"key_id"`
	Blob  string `json:"ciphertext"` // base64
}

func (r *aliyunReport) String() string {
	var b strings.Builder
	what := "message"
	if r.Detached {
		what = "header of messages"
	}
	fmt.Fprintf(&b, "%s of the vendor's encryption SDK (nothing below is verified)\n", what)
	line := func(name, value string) { fmt.Fprintf(&b, "  %-12s %s\n", name, value) }
	line("encoding", r.Encoding)
	line("algorithm", r.Algorithm)
	if !r.Authenticated {
		line("caution", "the algorithm does not protect the body against change")
	}
	for _, k := range slices.Sorted(maps.Keys(r.Context)) {
		line("context", fmt.Sprintf("%.96q: %.96q", k, r.Context[k]))
	}
	for _, k := range r.WrappedKeys {
		line("wrapped key", fmt.Sprintf("%.128q", k.KeyID))
	}
	return b.String()
}

// An ossReport is what the metadata of a client-side encrypted OSS object say.
type ossReport struct {
	WrapAlgorithm string            `json:"wrap_algorithm"`
	Description   map[string]string `json:"description,omitempty"`
	ContentLength int64             `json:"content_length"` // -1 if not there
	Legacy        bool              `json:"legacy"`
}

func (r *ossReport) String() string {
	var b strings.Builder
	b.WriteString("metadata of an encrypted OSS object (nothing below is verified, and nothing of the object can be)\n")
	line := func(name, value string) { fmt.Fprintf(&b, "  %-12s %s\n", name, value) }
	line("wrapped by", show(r.WrapAlgorithm))
	if r.ContentLength >= 0 {
		line("plaintext", fmt.Sprintf("%d bytes", r.ContentLength))
	}
	if r.Legacy {
		line("caution", "in the format of older Python SDKs")
	}
	for _, k := range slices.Sorted(maps.Keys(r.Description)) {
		line("master key", fmt.Sprintf("%.96q: %.96q", k, r.Description[k]))
	}
	return b.String()
}

// inspectForeign says what a file of another format says, or that it is none: errUnknown. open returns its bytes from the
// beginning, at each call anew.
func inspectForeign(open func() io.Reader, size int64) (*inspection, error) {
	head := make([]byte, 64)
	n, err := io.ReadFull(open(), head)
	if err != nil && err != io.ErrUnexpectedEOF {
		if err == io.EOF {
			return nil, errUnknown
		}
		return nil, err
	}
	head = head[:n]
	if strings.HasPrefix(strings.TrimSpace(string(head)), "{") {
		return inspectOSS(open())
	}
	if isBase64(head) && size >= 0 && size <= 2*fourline.DefaultMaxSize {
		text, err := io.ReadAll(open())
		if err != nil {
			return nil, err
		}
		info, err := fourline.Inspect(text)
		switch {
		case err == nil:
			return &inspection{Format: "fourline", Unverified: true, Fourline: &fourlineReport{PlaintextSize: info.PlaintextSize, WrappedKey: info.WrappedKey}}, nil
		case errors.Is(err, fourline.ErrChunkFile):
			return &inspection{Format: "fourline-chunks", Unverified: true, Fourline: &fourlineReport{Chunks: true}}, nil
		}
		if h, err := aliyunesdk.InspectDetached(strings.TrimSpace(string(text))); err == nil {
			found := inspectAliyun(h)
			found.Aliyun.Detached = true
			return found, nil
		}
	}
	h, err := aliyunesdk.Inspect(open())
	if err != nil {
		return nil, errUnknown
	}
	return inspectAliyun(h), nil
}

func inspectAliyun(h *aliyunesdk.Header) *inspection {
	r := &aliyunReport{Encoding: h.Encoding.String(), Algorithm: h.Algorithm.String(), Authenticated: h.Algorithm.Authenticated(), Context: h.Context}
	for _, k := range h.Keys {
		r.WrappedKeys = append(r.WrappedKeys, aliyunKey{k.KeyID, k.Blob})
	}
	return &inspection{Format: "aliyunesdk", Unverified: true, Aliyun: r}
}

func isBase64(b []byte) bool {
	for _, c := range b {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/', c == '=':
		default:
			return false
		}
	}
	return true
}

// maxMetadata bounds the JSON of an object's metadata in bytes; OSS allows 8 KiB of them.
const maxMetadata = 64 << 10

func inspectOSS(r io.Reader) (*inspection, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxMetadata))
	if err != nil {
		return nil, err
	}
	var metadata map[string]string
	if json.Unmarshal(text, &metadata) != nil {
		return nil, errUnknown
	}
	m, err := osscse.Inspect(metadata)
	if errors.Is(err, osscse.ErrNotEncrypted) {
		return nil, errUnknown
	} else if err != nil {
		return nil, err
	}
	return &inspection{Format: "osscse-metadata", Unverified: true, OSS: &ossReport{m.WrapAlgorithm, m.Description, m.ContentLength, m.Legacy}}, nil
}
