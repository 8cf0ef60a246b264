package refkms

import (
	"fmt"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/boltstore"
)

// RootKeySize is the size of a key that opens the file of a server, in bytes.
const RootKeySize = boltstore.KeySize

// A RootKey opens the file of a server: a key or a passphrase, under which the key that seals the file lies in it. Its
// zero value is not usable. It shows nothing of itself when it is printed.
type RootKey struct {
	// lock is a func because fmt prints no more than its address.
	lock func(o *StoreOptions) boltstore.Lock
}

// RootKeyBytes returns the RootKey that is a key of [RootKeySize] random bytes, of which it keeps a copy.
func RootKeyBytes(key []byte) (RootKey, error) {
	l, err := boltstore.Key(key)
	if err != nil {
		return RootKey{}, fmt.Errorf("refkms: root key: %w", err)
	}
	return RootKey{func(*StoreOptions) boltstore.Lock { return l }}, nil
}

// RootKeyFile returns the RootKey that is a key in a file of [RootKeySize] bytes. The file is read when the server's is
// opened; it is made, of random bytes and readable by its owner alone, together with the server's, if neither is there.
// Keep it where the server's file, and copies of it, are not.
func RootKeyFile(path string) RootKey {
	return RootKey{func(o *StoreOptions) boltstore.Lock { return boltstore.KeyFile(path, o.InsecureAllowWideMode) }}
}

// RootKeyPassphrase returns the RootKey that is a passphrase, of which it keeps a copy. It must not be empty. The key is
// derived from it by argon2id, with 64 MiB or more, as fits into a quarter of a second on the machine that makes the
// file: nobody who has the file guesses faster than a few passphrases a second and core.
func RootKeyPassphrase(passphrase []byte) (RootKey, error) {
	l, err := boltstore.Passphrase(passphrase)
	if err != nil {
		return RootKey{}, fmt.Errorf("refkms: root key: %w", err)
	}
	return RootKey{func(*StoreOptions) boltstore.Lock { return l }}, nil
}
