package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// exampleKMS stands for a client of the cloud, or of the reference KMS in package refkms.
func exampleKMS() *fakeKMS {
	kms := newFakeKMS(prod, dev)
	kms.aliases["alias/Apollo/WorkKey"] = prod
	return kms
}

// The provider of a CMK. An ARN makes wrapped keys carry the ARN of their CMK.
func ExampleNewKMS() {
	ctx := context.Background()
	provider, err := keyring.NewKMS(exampleKMS(), "acs:kms:cn-hangzhou:1234567890123456:alias/Apollo/WorkKey", nil)
	if err != nil {
		log.Fatal(err)
	}
	key, err := provider.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Size: -1})
	if err != nil {
		log.Fatal(err)
	}
	defer key.Destroy()
	for _, w := range key.Record() {
		fmt.Println(w.Provider, w.KeyID)
	}
	fmt.Println(key) // shows nothing
	// Output:
	// kms acs:kms:cn-hangzhou:1234567890123456:key/11111111-2222-4333-8444-555555555555
	// [data key]
}

// An alias that was pointed at another CMK: the old one is listed until its messages are rewrapped.
func ExampleKMSOptions() {
	ctx := context.Background()
	kms := exampleKMS()
	before, err := keyring.NewKMS(kms, "alias/Apollo/WorkKey", nil)
	if err != nil {
		log.Fatal(err)
	}
	old, err := before.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Size: -1})
	if err != nil {
		log.Fatal(err)
	}
	defer old.Destroy()

	kms.point("alias/Apollo/WorkKey", dev)
	req := &keyring.DecryptRequest{Suite: format.AES256GCM, Record: old.Record()}
	strict, err := keyring.NewKMS(kms, "alias/Apollo/WorkKey", nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = strict.Decrypt(ctx, req)
	fmt.Println("without it:", errors.Is(err, keyring.ErrNoMatch))

	after, err := keyring.NewKMS(kms, "alias/Apollo/WorkKey", &keyring.KMSOptions{Opens: []string{prod}})
	if err != nil {
		log.Fatal(err)
	}
	key, err := after.Decrypt(ctx, req)
	if err != nil {
		log.Fatal(err)
	}
	defer key.Destroy()
	fmt.Println("with it:", key.Equal(old))
	// Output:
	// without it: true
	// with it: true
}

// A raw key of one's own: for tests, and as a recovery key. This one is not to be copied.
func ExampleNewRawAES() {
	ctx := context.Background()
	provider, err := keyring.NewRawAES("recovery-2026", []byte("not a key to copy: 32 bytes long"))
	if err != nil {
		log.Fatal(err)
	}
	key, err := provider.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: format.SM4GCM, Size: -1})
	if err != nil {
		log.Fatal(err)
	}
	defer key.Destroy()
	opened, err := provider.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.SM4GCM, Record: key.Record()})
	if err != nil {
		log.Fatal(err)
	}
	defer opened.Destroy()
	fmt.Println(opened.Equal(key), len(key.Record()[0].Ciphertext))
	// Output: true 112
}

// A passphrase, for people without a key service. This one is not to be copied: draw words by lot.
func ExampleNewPassphrase() {
	ctx := context.Background()
	passphrase := []byte("correct horse battery staple")
	provider, err := keyring.NewPassphrase("laptop", passphrase, nil)
	clear(passphrase) // the provider has a copy
	if err != nil {
		log.Fatal(err)
	}
	defer provider.Close() // wipes it
	key, err := provider.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Size: -1})
	if err != nil {
		log.Fatal(err)
	}
	defer key.Destroy()
	opened, err := provider.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Record: key.Record()})
	if err != nil {
		log.Fatal(err)
	}
	defer opened.Destroy()
	fmt.Println(opened.Equal(key), provider)

	// A server that opens what others wrote allows no more than its own messages need.
	strict, err := keyring.NewPassphrase("laptop", []byte("correct horse battery staple"), &keyring.PassphraseOptions{
		MaxMemoryKiB: 32 << 10, MaxPasses: 3, MaxLanes: 4,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer strict.Close()
	_, err = strict.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Record: key.Record()})
	fmt.Println(errors.Is(err, keyring.ErrCost))
	// Output:
	// true passphrase "laptop"
	// true
}

// limited is a provider of one's own: it asks another one, and no more often than it may. It passes Wrap on, so that
// messages under it can be rewrapped, and says what is inside, so that it hides no [keyring.UnauthenticatedSender].
type limited struct {
	keyring.KeyProvider
	left int
}

func (p *limited) GenerateDataKey(ctx context.Context, req *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	if p.left == 0 {
		return nil, fmt.Errorf("limited: %w", kmsapi.ErrThrottled)
	}
	p.left--
	return p.KeyProvider.GenerateDataKey(ctx, req)
}

func (p *limited) Wrap(ctx context.Context, req *keyring.WrapRequest) (format.Record, error) {
	w, ok := p.KeyProvider.(keyring.Wrapper)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return w.Wrap(ctx, req)
}

func (p *limited) Unwrap() keyring.KeyProvider { return p.KeyProvider }

// Any type with the two methods is a provider; package keyringtest has the suite that it must pass.
func ExampleKeyProvider() {
	ctx := context.Background()
	raw, err := keyring.NewRawAES("x", []byte("not a key to copy: 32 bytes long"))
	if err != nil {
		log.Fatal(err)
	}
	var provider keyring.KeyProvider = &limited{raw, 1}
	for range 2 {
		key, err := provider.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Size: -1})
		fmt.Println(key != nil, errors.Is(err, kmsapi.ErrThrottled))
		key.Destroy()
	}
	// Output:
	// true false
	// false true
}
