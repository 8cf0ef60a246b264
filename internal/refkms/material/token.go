package material

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
)

// An import token is base64 of
//
//	0   1  tokenVersion
//	1  12  nonce, random
//	    n  ciphertext, AES-256-GCM
//	   16  tag, GCM; the id of the CMK is authenticated with it
//
// and the plaintext is the wrapping pair itself:
//
//	0   8  end of validity, seconds since 1970
//	8   1  length of the name
//	    n  name of spec and algorithm, RSA_2048/RSAES_OAEP_SHA_256
//	       private key, as KeyPair.Marshal writes it
//
// So the server remembers no token: whoever has one brings the pair back, sealed under a secret of the CMK that it is
// for. However many are handed out, they take no memory, and one that has expired is told apart from one that never was.

// ImportSecretSize is the length in bytes of the secret that a CMK's import tokens are sealed with.
const ImportSecretSize = 32

// tokenVersion begins every token. Tokens live for a day: with a new version, those of the old are no tokens.
const tokenVersion = 1

// The labels under which keys are derived from the secret of a CMK.
const (
	tokenLabel = "refkms import token"
	markLabel  = "refkms mark of imported material"
)

// ErrToken: not an import token for the CMK.
var ErrToken = errors.New("material: not an import token of the key")

// A Wrapping is what an import token stands for.
type Wrapping struct {
	Pair      *KeyPair
	Algorithm Algorithm
	Expires   int64 // seconds since 1970
}

// SealToken returns the import token of a wrapping pair for a CMK. secret is random, [ImportSecretSize] long, and the
// CMK's alone. Nonces are random: NIST SP 800-38D, Section 8.3, allows 2^32 tokens for one CMK.
func SealToken(secret []byte, keyID string, w Wrapping) (string, error) {
	aead, err := tokenAEAD(secret)
	if err != nil {
		return "", err
	}
	private, err := w.Pair.Marshal()
	if err != nil {
		return "", err
	}
	name := w.Pair.Spec().String() + "/" + w.Algorithm.String()
	plaintext := binary.BigEndian.AppendUint64(make([]byte, 0, 9+len(name)+len(private)), uint64(w.Expires))
	plaintext = append(plaintext, byte(len(name)))
	plaintext = append(plaintext, name...)
	plaintext = append(plaintext, private...)
	raw := make([]byte, 1+ivSize)
	raw[0] = tokenVersion
	rand.Read(raw[1:])
	raw = aead.Seal(raw, raw[1:], plaintext, []byte(keyID))
	clear(plaintext)
	clear(private)
	return base64.StdEncoding.EncodeToString(raw), nil
}

// OpenToken returns what a token stands for, or [ErrToken] for any text that [SealToken] has not made for the CMK, of
// any length. Whether the token has expired is for the caller to see.
func OpenToken(secret []byte, keyID, token string) (Wrapping, error) {
	raw, err := DecodeBase64(token)
	if err != nil || len(raw) < 1+ivSize || raw[0] != tokenVersion {
		return Wrapping{}, ErrToken
	}
	aead, err := tokenAEAD(secret)
	if err != nil {
		return Wrapping{}, err
	}
	plaintext, err := aead.Open(nil, raw[1:1+ivSize], raw[1+ivSize:], []byte(keyID))
	if err != nil {
		return Wrapping{}, ErrToken
	}
	defer clear(plaintext)
	return parseWrapping(plaintext)
}

// parseWrapping reads what SealToken wrote; that is authentic, and still nothing is taken for granted.
func parseWrapping(b []byte) (Wrapping, error) {
	if len(b) < 9 || len(b) < 9+int(b[8]) {
		return Wrapping{}, ErrToken
	}
	w := Wrapping{Expires: int64(binary.BigEndian.Uint64(b))}
	name, private := string(b[9:9+int(b[8])]), b[9+int(b[8]):]
	specName, algorithmName, _ := strings.Cut(name, "/")
	spec, ok := ParsePairSpec(specName)
	if !ok {
		return Wrapping{}, ErrToken
	}
	if w.Algorithm, ok = spec.Algorithm(Import, algorithmName); !ok {
		return Wrapping{}, ErrToken
	}
	var err error
	if w.Pair, err = ParsePair(spec, private); err != nil {
		return Wrapping{}, ErrToken
	}
	return w, nil
}

func tokenAEAD(secret []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, tokenLabel, 32)
	if err != nil {
		return nil, err // unreachable: 32 bytes are no more than HKDF gives
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err // unreachable: the key has 32 bytes
	}
	return cipher.NewGCM(block)
}

// Mark returns 32 bytes by which the material that was imported into a CMK is known again when it has been deleted:
// HMAC-SHA-256 under a key of the CMK's own secret, so that two CMKs with the same material have different marks.
func Mark(secret, imported []byte) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, markLabel, 32)
	if err != nil {
		return nil, err // unreachable: 32 bytes are no more than HKDF gives
	}
	h := hmac.New(sha256.New, key)
	h.Write(imported)
	return h.Sum(nil), nil
}
