package keyring_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// A cache before the provider of a CMK: many messages, few calls.
func ExampleNewCaching() {
	ctx := context.Background()
	kms := exampleKMS()
	provider, err := keyring.NewKMS(kms, "alias/Apollo/WorkKey", nil)
	if err != nil {
		log.Fatal(err)
	}
	cache, err := keyring.NewCaching(provider, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	client, err := envelope.New(cache, nil)
	if err != nil {
		log.Fatal(err)
	}
	for i := range 1000 {
		ec := envelope.Context{"tenant": fmt.Sprint(i % 2)}
		message, err := client.Encrypt(ctx, []byte("hello"), ec)
		if err != nil {
			log.Fatal(err)
		}
		if _, err := client.Decrypt(ctx, message, ec); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("GenerateDataKey:", kms.count("GenerateDataKey"))
	fmt.Println("Decrypt:", kms.count("Decrypt"))
	s := cache.Stats()
	fmt.Println("keys at hand:", s.Held, "calls saved:", s.CallsSaved)
	// Output:
	// GenerateDataKey: 2
	// Decrypt: 2
	// keys at hand: 4 calls saved: 1996
}

// Limits for a service with few tenants: rights are looked at every minute, nobody waits for that, and no data key
// encrypts more than 10,000 messages or 1 GiB.
func ExampleCachingOptions() {
	provider, err := keyring.NewKMS(exampleKMS(), "alias/Apollo/WorkKey", nil)
	if err != nil {
		log.Fatal(err)
	}
	cache, err := keyring.NewCaching(provider, &keyring.CachingOptions{
		MaxEntries:   100,
		MaxAge:       time.Minute,
		RefreshAhead: 10 * time.Second,
		MaxMessages:  10_000,
		MaxBytes:     1 << 30,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	// A stream whose length is not known counts 1 GiB, so the next message has another key.
	for _, size := range []int64{-1, 100, 100} {
		key, err := cache.GenerateDataKey(context.Background(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Size: size})
		if err != nil {
			log.Fatal(err)
		}
		key.Destroy()
	}
	s := cache.Stats()
	fmt.Println("calls:", s.Fetches, "hits:", s.Hits)
	// Output: calls: 2 hits: 1
}

// A right was revoked, and is not to work until the keys at hand are old.
func ExampleCaching_Purge() {
	provider, err := keyring.NewKMS(exampleKMS(), "alias/Apollo/WorkKey", nil)
	if err != nil {
		log.Fatal(err)
	}
	cache, err := keyring.NewCaching(provider, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	key, err := cache.GenerateDataKey(context.Background(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Size: 5})
	if err != nil {
		log.Fatal(err)
	}
	cache.Purge()
	fmt.Println("keys at hand:", cache.Stats().Held)
	fmt.Println("in use:", key.Expand(make([]byte, 32), []byte("example")))
	key.Destroy() // the last borrower: now it is wiped
	fmt.Println("after use:", key.Expand(make([]byte, 32), []byte("example")))
	// Output:
	// keys at hand: 0
	// in use: <nil>
	// after use: data key is destroyed
}
