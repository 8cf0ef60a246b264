package aliyunesdk

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// The stream encoding is
//
//	u32(1) || u32(algorithm) || lp(CTX) || u32(number of keys) || for each key, by key id: lp(key id) || lp(blob)
//	|| lp(header IV) || lp(header tag) || u32le(length of the body's IV) || IV || ciphertext || tag
//
// with big-endian lengths but for the one of the body's IV, which is little-endian. A blob is base64 text here. The body
// has no length: it ends where the input ends.

// binaryHead reads a header behind its version.
func (c *cursor) binaryHead() (*Header, error) {
	h := &Header{Encoding: Stream}
	c.begin("algorithm")
	a, err := c.u32()
	if err == nil && !Algorithm(a).Known() {
		err = fmt.Errorf("%d: %w", a, ErrUnsupportedAlgorithm)
	}
	if err != nil {
		return nil, c.fail(err)
	}
	h.Algorithm = Algorithm(a)

	c.begin("context")
	ec, err := c.lp(0, MaxContextSize)
	if err == nil {
		h.Context, err = parseContext(ec)
	}
	if err != nil {
		return nil, c.fail(err)
	}

	c.begin("number of wrapped keys")
	n, err := c.u32()
	if err == nil && n > MaxWrappedKeys {
		err = fmt.Errorf("%d, limit %d: %w", n, MaxWrappedKeys, ErrTooLarge)
	}
	if err != nil {
		return nil, c.fail(err)
	}
	for i := range int(n) {
		c.begin("wrapped key")
		id, err := c.lp(1, MaxKeyIDSize)
		if err != nil {
			return nil, c.fail(err)
		}
		blob, err := c.lp(1, MaxWrappedKeySize)
		if err != nil {
			return nil, c.fail(err)
		}
		k := WrappedKey{string(id), string(blob)}
		if err := checkKey(k); err != nil {
			return nil, c.fail(err)
		}
		if i > 0 {
			if err := ascending([]byte(h.Keys[i-1].KeyID), id, false); err != nil {
				return nil, c.fail(err)
			}
		}
		h.Keys = append(h.Keys, k)
	}

	for _, f := range []struct {
		name string
		dst  []byte
	}{{"header IV", h.iv[:]}, {"header tag", h.tag[:]}} {
		c.begin(f.name)
		n, err := c.u32()
		if err == nil {
			err = exactly(int64(n), len(f.dst))
		}
		if err == nil {
			err = c.full(f.dst)
		}
		if err != nil {
			return nil, c.fail(err)
		}
	}
	if err := h.check(); err != nil {
		return nil, c.fail(err)
	}
	return h, nil
}

// parseContext takes CTX apart: nothing, or the number of pairs and the pairs in ascending order.
func parseContext(b []byte) (Context, error) {
	if len(b) == 0 {
		return nil, nil
	}
	c := cursor{r: bytes.NewReader(b)}
	n, err := c.u32()
	if err == nil && (n == 0 || int64(n) > int64(len(b)/8)) {
		err = fmt.Errorf("%w: %d pairs in %d bytes", ErrMalformed, n, len(b))
	}
	if err != nil {
		return nil, within(err)
	}
	ec := make(Context, n)
	var last []byte
	for i := range int(n) {
		k, err := c.lp(0, len(b))
		if err != nil {
			return nil, within(err)
		}
		v, err := c.lp(0, len(b))
		if err != nil {
			return nil, within(err)
		}
		if err := ascending(last, k, i == 0); err != nil {
			return nil, err
		}
		if err := checkPair(k, v); err != nil {
			return nil, err
		}
		ec[string(k)], last = string(v), k
	}
	if c.off != int64(len(b)) {
		return nil, fmt.Errorf("%w: %d bytes behind the last pair", ErrMalformed, int64(len(b))-c.off)
	}
	return ec, nil
}

// within is the error of something that ends, or is too long, within a field that is there: it is malformed, not cut.
func within(err error) error { return fmt.Errorf("%w: %v", ErrMalformed, err) }

// marshalBinary returns the header of h as the stream encoding begins.
func (h *Header) marshalBinary() []byte {
	b := binary.BigEndian.AppendUint32(nil, version)
	b = binary.BigEndian.AppendUint32(b, uint32(h.Algorithm))
	ec := appendContext(nil, h.Context)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(ec))), ec...)
	b = appendKeys(b, h.Keys)
	b = append(binary.BigEndian.AppendUint32(b, headerIVSize), h.iv[:]...)
	return append(binary.BigEndian.AppendUint32(b, tagSize), h.tag[:]...)
}
