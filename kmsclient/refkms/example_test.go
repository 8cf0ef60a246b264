package refkms_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// A data key is made under a key's alias and opened again.
func ExampleNew() {
	server, err := refkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	client, ctx := server.Client(nil), context.Background()

	key, err := client.CreateKey(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := client.CreateAlias(ctx, "alias/Apollo/WorkKey", key.KeyID); err != nil {
		log.Fatal(err)
	}
	ec := map[string]string{"tenant": "42"}
	dataKey, err := client.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: "alias/Apollo/WorkKey", EncryptionContext: ec})
	if err != nil {
		log.Fatal(err)
	}
	opened, err := client.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: dataKey.CiphertextBlob, EncryptionContext: ec})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("same data key:", string(opened.Plaintext.Bytes()) == string(dataKey.Plaintext.Bytes()))
	fmt.Println("by the key itself:", opened.KeyID == key.KeyID)
	// Output:
	// same data key: true
	// by the key itself: true
}

// What was encrypted yesterday opens today: a server in a file, and the key of the file in another one.
func ExampleOpen() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "kms")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path, root := filepath.Join(dir, "kms.db"), refkms.RootKeyFile(filepath.Join(dir, "kms.key"))

	yesterday, err := refkms.Open(path, root, nil) // makes both files
	if err != nil {
		log.Fatal(err)
	}
	key, err := yesterday.Client(nil).CreateKey(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	text := kmsapi.NewPlaintext([]byte("hello"))
	sealed, err := yesterday.Client(nil).Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: key.KeyID, Plaintext: text})
	if err != nil {
		log.Fatal(err)
	}
	if err := yesterday.Close(); err != nil {
		log.Fatal(err)
	}

	today, err := refkms.Open(path, root, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer today.Close()
	opened, err := today.Client(nil).Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: sealed.CiphertextBlob})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(opened.Plaintext.Bytes()))
	// Output: hello
}

// Keys rotate by their policy when the clock says so. What was encrypted before opens after.
func ExampleServer_Advance() {
	server, err := refkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	client, ctx := server.Client(nil), context.Background()
	const day = 24 * time.Hour

	key, err := client.CreateKey(ctx, &refkms.CreateKeyRequest{RotationInterval: 30 * day})
	if err != nil {
		log.Fatal(err)
	}
	old, err := client.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: key.KeyID, Plaintext: kmsapi.NewPlaintext([]byte("hello"))})
	if err != nil {
		log.Fatal(err)
	}

	server.Advance(65 * day)

	now, err := client.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: key.KeyID})
	if err != nil {
		log.Fatal(err)
	}
	opened, err := client.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: old.CiphertextBlob})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("rotated:", now.PrimaryKeyVersion != key.PrimaryKeyVersion)
	fmt.Printf("opened: %s, by the old version: %t\n", opened.Plaintext.Bytes(), opened.KeyVersionID == key.PrimaryKeyVersion)
	// Output:
	// rotated: true
	// opened: hello, by the old version: true
}

// Every operation is in reach, by its name and with the service's parameters.
func ExampleClient_Do() {
	server, err := refkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	client, ctx := server.Client(nil), context.Background()
	for _, description := range []string{"one", "two"} {
		if err := client.Do(ctx, "CreateKey", map[string]string{"Description": description}, nil); err != nil {
			log.Fatal(err)
		}
	}
	var answer struct{ TotalCount int }
	filters := `[{"Key":"KeyState","Values":["Enabled"]}]`
	if err := client.Do(ctx, "ListKeys", map[string]string{"Filters": filters}, &answer); err != nil {
		log.Fatal(err)
	}
	fmt.Println("keys:", answer.TotalCount)
	// Output: keys: 2
}
