package osscse

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"

	"github.com/xinfeng-kms/xinfeng/internal/kmskey"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// A MasterKey wraps the data keys and counters of objects: a [KMSKey] or an [RSAKey], and no other.
type MasterKey interface {
	kind() kind
	describe() map[string]string
	// wrapAlgorithm returns what the metadata call it.
	wrapAlgorithm() string
	// wrap returns b wrapped, as the metadata have it.
	wrap(ctx context.Context, b []byte) (string, error)
	// unwrap opens a value of the metadata. Any failure that an attacker could cause looks the same. The caller wipes the
	// result.
	unwrap(ctx context.Context, m *Metadata, value string, size int) ([]byte, error)
}

type kind uint8

const (
	kindRSA kind = iota + 1
	kindKMS
)

// A wrapping is what the metadata say of how a key is wrapped.
type wrapping struct {
	kind kind
	oaep bool // of RSA: OAEP with SHA-1, else PKCS #1 v1.5
}

// A KMSKey is a master key in KMS. It is immutable and safe for concurrent use.
type KMSKey struct {
	key         *kmskey.Key
	description map[string]string
	ec          map[string]string
}

var _ MasterKey = (*KMSKey)(nil)

// KMSOptions are the options of a [KMSKey]. Nil means all defaults, as does every zero field.
type KMSOptions struct {
	// Opens lists further CMKs, by id or key ARN, under which objects may be that name this description: metadata have no
	// key id. At most 64; default none.
	Opens []string

	// Passphrase is the one that the Python SDK was configured with: it sends it to KMS as the pair "x-passphrase" of the
	// encryption context. The Go and Java SDKs have none. Default none.
	Passphrase string
}

// NewKMSKey returns the master key of a CMK, by its key id, alias, or ARN of either. description is what the metadata of
// its objects say, and may be nil; it is copied. Configured by an alias, each value that is read costs a DescribeKey
// besides, unless [KMSOptions.Opens] has the key. It makes no call.
//
// KMS takes no key id when it decrypts, so the answer is compared with this CMK and those of Opens: another is
// [ErrWrongKey].
func NewKMSKey(api kmsapi.API, keyID string, description map[string]string, opts *KMSOptions) (*KMSKey, error) {
	if opts == nil {
		opts = &KMSOptions{}
	}
	key, err := kmskey.New(api, keyID, opts.Opens)
	if err != nil {
		return nil, fmt.Errorf("osscse: %w", err)
	}
	if _, err := formatDescription(description); err != nil {
		return nil, err
	}
	k := &KMSKey{key: key, description: maps.Clone(description)}
	if opts.Passphrase != "" {
		k.ec = map[string]string{"x-passphrase": opts.Passphrase}
		if err := kmskey.CheckContext(k.ec); err != nil {
			return nil, fmt.Errorf("osscse: passphrase: %w", err)
		}
	}
	return k, nil
}

func (*KMSKey) kind() kind                    { return kindKMS }
func (k *KMSKey) describe() map[string]string { return k.description }
func (*KMSKey) wrapAlgorithm() string         { return wrapKMS }

// wrap makes one Encrypt call. The value is CiphertextBlob as KMS answers it: base64 of what it stands for.
func (k *KMSKey) wrap(ctx context.Context, b []byte) (string, error) {
	return k.key.Wrap(ctx, b, k.ec)
}

// unwrap makes one Decrypt call.
func (k *KMSKey) unwrap(ctx context.Context, m *Metadata, value string, size int) ([]byte, error) {
	blob := value
	// The Python SDK encodes the text of the blob once more. That of KMS itself begins with the id of a key version, whose
	// hyphens are no base64, so the two do not look alike.
	if b, err := base64.StdEncoding.DecodeString(value); err == nil && !m.Legacy && len(b) > 0 && kmskey.IsBase64(string(b)) {
		blob = string(b)
	}
	if err := kmskey.CheckBlob(blob); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnwrap, err)
	}
	if m.Legacy && size == blockSize {
		text, err := k.key.UnwrapText(ctx, blob, k.ec)
		if err != nil {
			return nil, unwrapError(err)
		}
		defer text.Clear()
		return parseCounter(text.Bytes())
	}
	b, err := k.key.Unwrap(ctx, blob, k.ec, func(n int) bool { return n == size })
	return b, unwrapError(err)
}

// unwrapError makes an answer that is no key look like a blob that does not open.
func unwrapError(err error) error {
	if errors.Is(err, kmsapi.ErrInvalidCiphertext) || errors.Is(err, kmskey.ErrInvalidDataKey) {
		return fmt.Errorf("%w: %w", ErrUnwrap, err)
	}
	return err
}

// An RSAKey is a pair of RSA keys that the program holds itself, or the public one alone, which only writes. It is
// immutable and safe for concurrent use.
type RSAKey struct {
	public      *rsa.PublicKey
	private     *rsa.PrivateKey // nil for a key that only writes
	description map[string]string
}

var _ MasterKey = (*RSAKey)(nil)

// NewRSAKey returns the master key of a PEM block: PUBLIC KEY, RSA PUBLIC KEY, PRIVATE KEY or RSA PRIVATE KEY, of at least
// 1024 bits. description is what the metadata of its objects say, and may be nil; it is copied. Objects are written with
// PKCS #1 v1.5, the only padding that all SDKs read; new uses have every reason not to.
func NewRSAKey(block []byte, description map[string]string) (*RSAKey, error) {
	if _, err := formatDescription(description); err != nil {
		return nil, err
	}
	k := &RSAKey{description: maps.Clone(description)}
	p, rest := pem.Decode(block)
	if p == nil || len(rest) > 0 {
		return nil, errors.New("osscse: RSA key is not one PEM block")
	}
	var key any
	var err error
	switch p.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(p.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(p.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(p.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(p.Bytes)
	default:
		return nil, fmt.Errorf("osscse: PEM block %s is no RSA key", kmskey.Quote(p.Type))
	}
	if err != nil {
		return nil, fmt.Errorf("osscse: RSA key: PEM block %s does not parse", p.Type) // not err, which may quote the key
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		k.public = key
	case *rsa.PrivateKey:
		k.public, k.private = &key.PublicKey, key
	default:
		return nil, fmt.Errorf("osscse: PEM block %s holds another key than RSA", p.Type)
	}
	const least = 1024
	if n := k.public.N.BitLen(); n < least {
		return nil, fmt.Errorf("osscse: RSA key of %d bits, want at least %d", n, least)
	}
	return k, nil
}

func (*RSAKey) kind() kind                    { return kindRSA }
func (k *RSAKey) describe() map[string]string { return k.description }
func (*RSAKey) wrapAlgorithm() string         { return wrapPKCS1 }

func (k *RSAKey) wrap(_ context.Context, b []byte) (string, error) {
	//lint:ignore SA1019 the format has no other padding that all its readers know
	wrapped, err := rsa.EncryptPKCS1v15(rand.Reader, k.public, b)
	if err != nil {
		return "", fmt.Errorf("RSA: %w", err)
	}
	return base64.StdEncoding.EncodeToString(wrapped), nil
}

// unwrap tells nobody whether a PKCS #1 v1.5 padding was right: a wrong one makes a random key, as RFC 8017 and RFC 3218
// advise against Bleichenbacher's attack. That of a counter is found by its zero bytes later, whatever went wrong.
func (k *RSAKey) unwrap(_ context.Context, m *Metadata, value string, size int) ([]byte, error) {
	if k.private == nil {
		return nil, fmt.Errorf("RSA key has no private half: %w", ErrNoMatch)
	}
	wrapped, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(wrapped) != k.private.Size() {
		return nil, ErrUnwrap // a matter of the value's length, which is no secret
	}
	if m.wrap.oaep {
		b, err := rsa.DecryptOAEP(sha1.New(), nil, k.private, wrapped, nil)
		switch {
		case err != nil:
			return nil, ErrUnwrap
		case m.Legacy && size == blockSize:
			return parseCounter(b)
		case len(b) != size:
			return nil, ErrUnwrap
		}
		return b, nil
	}
	b := make([]byte, size)
	rand.Read(b)
	//lint:ignore SA1019 the format has no other padding that all its readers know
	if err := rsa.DecryptPKCS1v15SessionKey(nil, k.private, wrapped, b); err != nil {
		return nil, ErrUnwrap // of the key and the length alone
	}
	return b, nil
}
