package keyring_test

import (
	"context"
	"fmt"
	"log"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// A message that a key in either of two places opens. The keys are not ones to copy; in production each is a CMK of its
// own region:
//
//	home, err := keyring.NewKMS(hangzhou, "acs:kms:cn-hangzhou:1234567890123456:key/1111…", nil)
//	away, err := keyring.NewKMS(shanghai, "acs:kms:cn-shanghai:1234567890123456:key/2222…", nil)
func ExampleNewMulti() {
	ctx := context.Background()
	home, err := keyring.NewRawAES("home", []byte("not a key to copy: 32 bytes long"))
	if err != nil {
		log.Fatal(err)
	}
	away, err := keyring.NewRawAES("away", []byte("nor is this one, as long as that"))
	if err != nil {
		log.Fatal(err)
	}
	provider, err := keyring.NewMulti([]keyring.KeyProvider{home, away}, nil)
	if err != nil {
		log.Fatal(err)
	}
	key, err := provider.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Size: -1})
	if err != nil {
		log.Fatal(err)
	}
	defer key.Destroy()
	for _, w := range key.Record() {
		fmt.Println("wrapped under", w.KeyID)
	}

	// The day on which home is gone.
	opened, err := away.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Record: key.Record()})
	if err != nil {
		log.Fatal(err)
	}
	defer opened.Destroy()
	_, id := opened.OpenedBy()
	fmt.Println("opened under", id, opened.Equal(key))
	// Output:
	// wrapped under away
	// wrapped under home
	// opened under away true
}
