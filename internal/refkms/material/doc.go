// Package material is the cryptography of the reference KMS over raw bytes: the layout of a CiphertextBlob, the
// encryption context and how it is authenticated, and the ciphers of symmetric keys. It knows no key, no state and no
// operation.
//
// It writes no cipher: AES-GCM is the standard library's, SM4 is gmsm's.
//
// # Compatibility
//
// Internal. The bytes of a blob are what a durable store's users keep: they do not change.
package material
