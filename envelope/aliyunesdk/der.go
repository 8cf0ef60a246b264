package aliyunesdk

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"math/bits"
	"slices"
)

// The one-shot encoding is DER:
//
//	Message ::= SEQUENCE { head Head, body Body }
//	Head    ::= SEQUENCE { version INTEGER, algorithm INTEGER,
//	                       keys SET OF SEQUENCE { keyId OCTET STRING, blob OCTET STRING },
//	                       context SET OF SEQUENCE { key OCTET STRING, value OCTET STRING },
//	                       headerIv OCTET STRING, headerTag OCTET STRING }
//	Body    ::= SEQUENCE { iv OCTET STRING, ciphertext OCTET STRING, tag OCTET STRING }
//
// A blob is the decoded CiphertextBlob here. encoding/asn1 would copy a body twice and takes sets in any order; the little
// that this needs of DER is read strictly as it comes, so that nothing is allocated before its length is known, and each
// message has one spelling only (X.690, Sections 10 and 11).
const (
	derInteger     = 0x02
	derOctetString = 0x04
	derSequence    = 0x30
	derSet         = 0x31
)

// element reads tag and length of an element, which must end at or before end; -1 is no bound.
func (c *cursor) element(tag byte, end int64) (length int64, err error) {
	b, err := c.byte()
	if err != nil {
		return 0, err
	}
	if b != tag {
		return 0, fmt.Errorf("%w: DER tag %#02x, want %#02x", ErrMalformed, b, tag)
	}
	if b, err = c.byte(); err != nil {
		return 0, err
	}
	length = int64(b)
	if b >= 0x80 {
		n := int(b - 0x80)
		if n == 0 || n > 6 {
			return 0, fmt.Errorf("%w: DER length of %d bytes", ErrMalformed, n) // 0 is the indefinite form
		}
		length = 0
		for range n {
			if b, err = c.byte(); err != nil {
				return 0, err
			}
			length = length<<8 | int64(b)
		}
		if length < 0x80 || length < 1<<(8*(n-1)) {
			return 0, fmt.Errorf("%w: DER length is not the shortest", ErrMalformed)
		}
	}
	if end >= 0 && length > end-c.off {
		return 0, fmt.Errorf("%w: DER element runs over the one around it", ErrMalformed)
	}
	return length, nil
}

// octets reads an OCTET STRING of least to limit bytes.
func (c *cursor) octets(end int64, least, limit int) ([]byte, error) {
	n, err := c.element(derOctetString, end)
	if err != nil {
		return nil, err
	}
	if err := between(n, least, limit); err != nil {
		return nil, err
	}
	return c.bytes(int(n))
}

// integer reads a small non-negative INTEGER.
func (c *cursor) integer(end int64) (uint32, error) {
	n, err := c.element(derInteger, end)
	if err != nil {
		return 0, err
	}
	if n != 1 {
		return 0, fmt.Errorf("%w: INTEGER of %d bytes, want 1", ErrMalformed, n)
	}
	b, err := c.byte()
	if err == nil && b >= 0x80 {
		err = fmt.Errorf("%w: INTEGER is negative", ErrMalformed)
	}
	return uint32(b), err
}

// derHead reads a Head that ends at or before end; -1 is no bound.
func (c *cursor) derHead(end int64) (*Header, error) {
	h := &Header{Encoding: OneShot}
	c.begin("header")
	n, err := c.element(derSequence, end)
	if err == nil && n > MaxHeaderSize {
		err = between(n, 0, MaxHeaderSize)
	}
	if err != nil {
		return nil, c.fail(err)
	}
	end = c.off + n

	c.begin("version")
	if v, err := c.integer(end); err != nil {
		return nil, c.fail(err)
	} else if v != version {
		return nil, c.fail(fmt.Errorf("%d: %w", v, ErrUnsupportedVersion))
	}
	c.begin("algorithm")
	a, err := c.integer(end)
	if err == nil && !Algorithm(a).Known() {
		err = fmt.Errorf("%d: %w", a, ErrUnsupportedAlgorithm)
	}
	if err != nil {
		return nil, c.fail(err)
	}
	h.Algorithm = Algorithm(a)

	c.begin("wrapped keys")
	err = c.set(end, MaxWrappedKeys, func(end int64) ([]byte, error) {
		c.begin("wrapped key")
		id, err := c.octets(end, 1, MaxKeyIDSize)
		if err != nil {
			return nil, err
		}
		blob, err := c.octets(end, 1, MaxWrappedKeySize/4*3)
		if err != nil {
			return nil, err
		}
		k := WrappedKey{string(id), base64.StdEncoding.EncodeToString(blob)}
		h.Keys = append(h.Keys, k)
		return appendDERPair(nil, id, blob), checkKey(k)
	})
	if err != nil {
		return nil, c.fail(err)
	}
	c.begin("context")
	size := 4
	err = c.set(end, MaxContextSize, func(end int64) ([]byte, error) {
		c.begin("context pair")
		k, err := c.octets(end, 0, MaxContextSize)
		if err != nil {
			return nil, err
		}
		v, err := c.octets(end, 0, MaxContextSize)
		if err != nil {
			return nil, err
		}
		if size += 8 + len(k) + len(v); size > MaxContextSize {
			return nil, between(int64(size), 0, MaxContextSize)
		}
		if h.Context == nil {
			h.Context = Context{}
		} else if _, ok := h.Context[string(k)]; ok {
			return nil, fmt.Errorf("%w: two pairs of one key", ErrMalformed)
		}
		h.Context[string(k)] = string(v)
		return appendDERPair(nil, k, v), checkPair(k, v)
	})
	if err != nil {
		return nil, c.fail(err)
	}

	for _, f := range []struct {
		name string
		dst  []byte
	}{{"header IV", h.iv[:]}, {"header tag", h.tag[:]}} {
		c.begin(f.name)
		n, err := c.element(derOctetString, end)
		if err == nil {
			err = exactly(n, len(f.dst))
		}
		if err == nil {
			err = c.full(f.dst)
		}
		if err != nil {
			return nil, c.fail(err)
		}
	}
	c.begin("header")
	if c.off != end {
		return nil, c.fail(fmt.Errorf("%w: more than six fields", ErrMalformed))
	}
	if err := h.check(); err != nil {
		return nil, c.fail(err)
	}
	return h, nil
}

// set reads a SET OF SEQUENCE. read reads one element's contents, up to end, and returns how DER spells the element.
func (c *cursor) set(end int64, limit int, read func(end int64) ([]byte, error)) error {
	n, err := c.element(derSet, end)
	if err != nil {
		return err
	}
	end = c.off + n
	var last []byte
	for i := 0; c.off < end; i++ {
		if i == limit {
			return fmt.Errorf("more than %d elements: %w", limit, ErrTooLarge)
		}
		n, err := c.element(derSequence, end)
		if err != nil {
			return err
		}
		own := c.off + n
		spelt, err := read(own)
		if err != nil {
			return err
		}
		if c.off != own {
			return fmt.Errorf("%w: more than two fields", ErrMalformed)
		}
		if err := ascending(last, spelt, i == 0); err != nil {
			return err
		}
		last = spelt
	}
	return nil
}

// appendDER appends an element.
func appendDER(dst []byte, tag byte, contents ...[]byte) []byte {
	n := 0
	for _, b := range contents {
		n += len(b)
	}
	dst = appendDERLength(append(dst, tag), n)
	for _, b := range contents {
		dst = append(dst, b...)
	}
	return dst
}

func appendDERLength(dst []byte, n int) []byte {
	size := derSize(n) - n - 1
	if size == 1 {
		return append(dst, byte(n))
	}
	dst = append(dst, 0x80|byte(size-1))
	for i := size - 2; i >= 0; i-- {
		dst = append(dst, byte(n>>(8*i)))
	}
	return dst
}

// derSize returns the length of an element with n bytes of contents: tag, length, contents.
func derSize(n int) int {
	size := 2
	if n >= 0x80 {
		size += (bits.Len(uint(n)) + 7) / 8
	}
	return size + n
}

// appendDERPair appends SEQUENCE { OCTET STRING, OCTET STRING }.
func appendDERPair(dst, a, b []byte) []byte {
	return appendDER(dst, derSequence, appendDER(nil, derOctetString, a), appendDER(nil, derOctetString, b))
}

// marshalDER returns the Head of h.
func (h *Header) marshalDER() ([]byte, error) {
	var keys, pairs [][]byte
	for _, k := range h.Keys {
		blob, err := base64.StdEncoding.Strict().DecodeString(k.Blob)
		if err != nil {
			return nil, fmt.Errorf("%w: wrapped key: not base64", ErrMalformed)
		}
		keys = append(keys, appendDERPair(nil, []byte(k.KeyID), blob))
	}
	for _, k := range slices.Sorted(maps.Keys(h.Context)) {
		pairs = append(pairs, appendDERPair(nil, []byte(k), []byte(h.Context[k])))
	}
	// The elements of a SET OF are in the order of their encodings, where a shorter one sorts first.
	slices.SortFunc(keys, bytes.Compare)
	slices.SortFunc(pairs, bytes.Compare)
	return appendDER(nil, derSequence,
		appendDER(nil, derInteger, []byte{version}),
		appendDER(nil, derInteger, []byte{byte(h.Algorithm)}),
		appendDER(nil, derSet, keys...),
		appendDER(nil, derSet, pairs...),
		appendDER(nil, derOctetString, h.iv[:]),
		appendDER(nil, derOctetString, h.tag[:])), nil
}
