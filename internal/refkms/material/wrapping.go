// Wrapping: key material on its way in, under a public key that GetParametersForImport handed out, and data keys on their
// way out, under one that the caller brought. Which specs and algorithms go together stands in the table, under Import
// and Export.

package material

import "fmt"

// Unwrap decrypts wrapped key material of exactly size bytes, as ImportKeyMaterial does. It returns [ErrAlgorithm], or
// [ErrCiphertext] both for what does not decrypt and for material of another size. The material is the caller's to clear.
func (k *KeyPair) Unwrap(a Algorithm, wrapped []byte, size int) ([]byte, error) {
	if !k.Spec().supports(a, Import) {
		return nil, fmt.Errorf("%w: unwrap: %v, %v", ErrAlgorithm, k.Spec(), a)
	}
	material, err := k.decrypt(a, wrapped)
	if err != nil {
		return nil, err
	}
	if len(material) != size {
		clear(material)
		return nil, ErrCiphertext
	}
	return material, nil
}

// Wrap encrypts key material or a data key of 1..[PairSpec.MaxPlaintext] bytes to the key, as ExportDataKey does, and as
// callers do before ImportKeyMaterial. It returns [ErrAlgorithm] or [ErrPlaintextSize].
func (p *PublicKey) Wrap(a Algorithm, material []byte) ([]byte, error) {
	if !p.spec.supports(a, Import, Export) {
		return nil, fmt.Errorf("%w: wrap: %v, %v", ErrAlgorithm, p.spec, a)
	}
	return p.encrypt(a, material)
}
