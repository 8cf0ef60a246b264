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

// exampleRegion stands for a client of the key service in cn-hangzhou.
func exampleRegion(keys ...string) kmsapi.API {
	return newRegion("cn-hangzhou", "1234567890123456", keys...)
}

// An audit reads what many services have written under keys of their own.
func ExampleNewDiscovery() {
	const (
		billing  = "acs:kms:cn-hangzhou:1234567890123456:key/11111111-2222-4333-8444-555555555555"
		stranger = "acs:kms:cn-hangzhou:6666666666666666:key/11111111-2222-4333-8444-555555555555"
	)
	ctx := context.Background()
	hangzhou := exampleRegion("11111111-2222-4333-8444-555555555555")
	writer, err := keyring.NewKMS(hangzhou, billing, nil)
	if err != nil {
		log.Fatal(err)
	}
	key, err := writer.GenerateDataKey(ctx, &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM, Size: -1})
	if err != nil {
		log.Fatal(err)
	}
	defer key.Destroy()

	audit, err := keyring.NewDiscovery(map[string]kmsapi.API{"cn-hangzhou": hangzhou}, []string{"1234567890123456"})
	if err != nil {
		log.Fatal(err)
	}
	opened, err := audit.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Record: key.Record()})
	if err != nil {
		log.Fatal(err)
	}
	defer opened.Destroy()
	_, id := opened.OpenedBy()
	fmt.Println("opened under", id)

	// A key of an account that is not on the list is not asked for.
	foreign := key.Record().Clone()
	foreign[0].KeyID = stranger
	_, err = audit.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Record: foreign})
	fmt.Println(errors.Is(err, keyring.ErrNoMatch))
	// Output:
	// opened under acs:kms:cn-hangzhou:1234567890123456:key/11111111-2222-4333-8444-555555555555
	// true
}
