// SM2: signature and encryption of GB/T 32918, by gmsm. Private keys are stored as scalars of 32 bytes in 1..n-2.

package material

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"io"
	"math/big"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
)

type sm2Private struct{ key *sm2.PrivateKey }

type sm2Public struct{ key *ecdsa.PublicKey }

func generateSM2() (privateKey, error) {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return &sm2Private{key}, nil
}

func parseSM2Private(b []byte) (privateKey, error) {
	key, err := sm2.NewPrivateKey(b)
	if err != nil {
		return nil, err
	}
	return &sm2Private{key}, nil
}

func (k *sm2Private) public() publicKey { return &sm2Public{&k.key.PublicKey} }

func (k *sm2Private) marshal() ([]byte, error) { return k.scalar(), nil }

func (k *sm2Private) scalar() []byte { return k.key.D.FillBytes(make([]byte, scalarSize)) }

// sign signs e as given. Options would make gmsm hash it, with Z_A before it, once more.
func (k *sm2Private) sign(_ Algorithm, e []byte) ([]byte, error) {
	return k.key.Sign(rand.Reader, e, nil)
}

func (k *sm2Private) decrypt(_ Algorithm, ciphertext []byte) ([]byte, error) {
	// gmsm would also take compressed points and ASN.1.
	n := len(ciphertext) - SM2Overhead
	if n < 1 || n > MaxSM2Plaintext || ciphertext[0] != 4 {
		return nil, ErrCiphertext
	}
	if isZero(ciphertext[SM2Overhead:]) {
		return k.decryptZeros(ciphertext, n)
	}
	return k.key.Decrypt(nil, ciphertext, nil)
}

// decryptZeros decrypts a ciphertext whose C2 is n zeros, which gmsm v0.34.1 refuses: it looks for zeros in C2 where the
// standard looks for them in the mask (GB/T 32918.4, Section 7.1, step B4). One in 256 honest ciphertexts of a single
// byte is such a one; here plaintext and mask are the same.
func (k *sm2Private) decryptZeros(ciphertext []byte, n int) ([]byte, error) {
	c1 := ciphertext[:pointSize]
	if _, err := sm2.NewPublicKey(c1); err != nil { // on the curve, without which ScalarMult panics
		return nil, err
	}
	x, y := k.key.ScalarMult(new(big.Int).SetBytes(c1[1:1+scalarSize]), new(big.Int).SetBytes(c1[1+scalarSize:]), k.scalar())
	shared := make([]byte, 2*scalarSize)
	x.FillBytes(shared[:scalarSize])
	y.FillBytes(shared[scalarSize:])
	plaintext := sm3.Kdf(shared, n)
	c3 := sm3.New()
	c3.Write(shared[:scalarSize])
	c3.Write(plaintext)
	c3.Write(shared[scalarSize:])
	if subtle.ConstantTimeCompare(c3.Sum(nil), ciphertext[pointSize:SM2Overhead]) != 1 || isZero(plaintext) {
		return nil, ErrCiphertext
	}
	return plaintext, nil
}

// isZero reports whether all bytes are zero, in time that depends on their number only.
func isZero(b []byte) bool { return subtle.ConstantTimeCompare(b, make([]byte, len(b))) == 1 }

func parseSM2Public(point []byte) (publicKey, error) {
	key, err := sm2.NewPublicKey(point)
	if err != nil {
		return nil, err
	}
	return &sm2Public{key}, nil
}

func (p *sm2Public) spki() ([]byte, error) {
	key, err := sm2.PublicKeyToECDH(p.key)
	if err != nil {
		return nil, err
	}
	return marshalPoint(oidSM2, key.Bytes())
}

func (p *sm2Public) verify(_ Algorithm, e, signature []byte) bool {
	return sm2.VerifyASN1(p.key, e, signature)
}

// encrypt hands gmsm the randomness of one attempt at a time. Where the mask of the first attempt is all zeros (one in
// 256 for a single byte), gmsm v0.34.1 tries again with a key that the first attempt has overwritten, and nobody can
// decrypt what comes out; so a second draw ends the attempt, and the next one starts afresh.
func (p *sm2Public) encrypt(_ Algorithm, plaintext []byte) ([]byte, error) {
	for {
		ciphertext, err := sm2.Encrypt(&oneScalar{}, p.key, plaintext, nil)
		if errors.Is(err, errSecondScalar) {
			continue
		}
		if err != nil {
			return nil, err // unreachable: the key is on the curve and the plaintext not empty
		}
		return ciphertext, nil
	}
}

var errSecondScalar = errors.New("material: second scalar drawn")

// oneScalar reads as the random bytes of one scalar, and fails from then on.
type oneScalar struct{ drawn bool }

func (r *oneScalar) Read(b []byte) (int, error) {
	if r.drawn || len(b) != scalarSize {
		return 0, errSecondScalar
	}
	r.drawn = true
	return io.ReadFull(rand.Reader, b)
}
