package material

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// What is in a token has been authenticated, so nobody can send these; it is white-box because no token holds them. They
// are what another release may have written.
func TestParseWrapping(t *testing.T) {
	pair, err := GeneratePair(ECSM2)
	if err != nil {
		t.Fatal(err)
	}
	private, err := pair.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	plaintext := func(name string, private []byte) []byte {
		b := binary.BigEndian.AppendUint64(nil, 5)
		return append(append(append(b, byte(len(name))), name...), private...)
	}
	good := plaintext("EC_SM2/SM2PKE", private)
	if w, err := parseWrapping(good); err != nil || w.Expires != 5 || w.Algorithm != SM2PKE || !bytes.Equal(w.Pair.Public().DER(), pair.Public().DER()) {
		t.Errorf("parseWrapping = %+v, %v", w, err)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "no name": good[:8], "half a name": good[:12], "no key": good[:22], "half a key": good[:40],
		"a longer key":                    append(bytes.Clone(good), 0),
		"a key of zeros":                  plaintext("EC_SM2/SM2PKE", make([]byte, 32)),
		"no such spec":                    plaintext("EC_SM9/SM2PKE", private),
		"an algorithm of another spec":    plaintext("EC_SM2/RSAES_OAEP_SHA_1", private),
		"an algorithm of another use":     plaintext("EC_SM2/SM2DSA", private),
		"no algorithm":                    plaintext("EC_SM2", private),
		"a spec that wraps for nobody":    plaintext("RSA_4096/RSAES_OAEP_SHA_1", private),
		"a spec whose keys are no scalar": plaintext("RSA_2048/RSAES_OAEP_SHA_1", private),
	} {
		if w, err := parseWrapping(b); !errors.Is(err, ErrToken) {
			t.Errorf("%s: parseWrapping = %+v, %v, want ErrToken", name, w, err)
		}
	}
}
