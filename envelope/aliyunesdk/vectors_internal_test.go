package aliyunesdk

import (
	"bytes"
	"crypto/cipher"
	"testing"
)

// The fields of a vector, one by one, and the way back: what was parsed, and sealed under the same IVs, is the same
// message.
func TestVectorFields(t *testing.T) {
	haf := 0
	for _, v := range ReadVectors(t) {
		c := &cursor{r: bytes.NewReader(v.Message)}
		h, end, err := c.header()
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		headEnd := c.off
		at, err := c.body(&algorithms[h.Algorithm], h.Encoding, end, int64(len(v.Message)))
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if !bytes.Equal(h.iv[:], v.HeaderIV) || !bytes.Equal(at.iv, v.BodyIV) || at.size != int64(len(v.Message[at.off:at.tagAt()])) {
			t.Errorf("%s: IVs %x and %x, ciphertext of %d bytes at %d", v.Name, h.iv, at.iv, at.size, at.off)
		}
		if v.serialised != nil && !bytes.Equal(appendContext(nil, h.Context), v.serialised) {
			t.Errorf("%s: context is %x", v.Name, appendContext(nil, h.Context))
		}
		if v.haf != nil {
			haf++
			if !bytes.Equal(h.authenticated(), v.haf) {
				t.Errorf("%s: authenticated fields are %x", v.Name, h.authenticated())
			}
		}
		b, err := newBodyCipher(h, v.DataKey)
		if err != nil {
			t.Fatal(err)
		}
		if tag := b.headerTag(h); tag != h.tag {
			t.Errorf("%s: header tag is %x, want %x", v.Name, tag, h.tag)
		}

		var head []byte
		if v.Encoding == OneShot {
			if head, err = h.marshalDER(); err != nil {
				t.Fatal(err)
			}
			head = append(appendDERLength([]byte{derSequence}, len(v.Message)-int(headEnd)+len(head)), head...)
		} else {
			head = h.marshalBinary()
		}
		if !bytes.Equal(head, v.Message[:headEnd]) {
			t.Errorf("%s: header is marshalled to\n%x, want\n%x", v.Name, head, v.Message[:headEnd])
		}
		got := reseal(t, b, v, at.iv)
		if want := v.Message[headEnd:]; !bytes.Equal(got, want) {
			t.Errorf("%s: body is sealed to\n%x, want\n%x", v.Name, got, want)
		}
	}
	if haf != 2 {
		t.Errorf("%d vectors have the authenticated fields, want 2", haf)
	}
}

// reseal seals the plaintext of a vector. What this package does not write is written here.
func reseal(t *testing.T, b *bodyCipher, v *Vector, iv []byte) []byte {
	t.Helper()
	if b.alg.mode == modeGCM && v.Encoding == OneShot {
		return b.sealDER(nil, iv, v.Plaintext)
	}
	if b.alg.mode == modeGCM {
		var buf bytes.Buffer
		w, err := b.newWriter(&buf, nil, iv)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(v.Plaintext); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	ciphertext := insecureSeal(b, iv, v.Plaintext)
	if v.Encoding == Stream {
		return append(appendBinaryBody(nil, iv), ciphertext...)
	}
	return appendDER(nil, derSequence, appendDER(nil, derOctetString, iv), appendDER(nil, derOctetString, ciphertext), []byte{derOctetString, 0})
}

// insecureSeal encrypts under an algorithm without authentication.
func insecureSeal(b *bodyCipher, iv, plaintext []byte) []byte {
	out := bytes.Clone(plaintext)
	switch b.alg.mode {
	case modeCTR:
		cipher.NewCTR(b.block, iv).XORKeyStream(out, out)
		return out
	case modeCBCPKCS7:
		n := blockSize - len(out)%blockSize
		out = append(out, bytes.Repeat([]byte{byte(n)}, n)...)
	}
	cipher.NewCBCEncrypter(b.block, iv).CryptBlocks(out, out)
	return out
}
