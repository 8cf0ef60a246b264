package fourline_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/xinfeng-kms/xinfeng/envelope/fourline"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// exampleAPI stands for a client of KMS that holds the wrapped key of testdata/sales.csv.cipher.
func exampleAPI() kmsapi.API {
	api := &kmskeytest.KMS{}
	b, err := os.ReadFile("testdata/datakey.txt")
	if err != nil {
		log.Fatal(err)
	}
	fields := strings.Fields(string(b)) // key: <text> blob: <text>
	api.Plant(fields[3], keyID, fields[1], nil)
	api.Alias(alias, keyID)
	return api
}

// A file that the guide's script has written.
func ExampleClient_Decrypt() {
	client, err := fourline.New(exampleAPI(), "alias/Apollo/WorkKey", nil)
	if err != nil {
		log.Fatal(err)
	}
	file, err := os.ReadFile("testdata/sales.csv.cipher")
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := client.Decrypt(context.Background(), file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", plaintext)

	_, err = client.Decrypt(context.Background(), append([]byte("A"), file[1:]...))
	fmt.Println(errors.Is(err, fourline.ErrAuthentication))
	// Output:
	// region,month,amount
	// 华东1(杭州),2019-04,1234.50
	// 华北2(北京),2019-04,987.00
	// true
}

// A file for the guide's script to read.
func ExampleClient_Encrypt() {
	ctx := context.Background()
	server, err := refkms.New(nil) // stands for the service
	if err != nil {
		log.Fatal(err)
	}
	kms := server.Client(nil)
	cmk, err := kms.CreateKey(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := fourline.New(kms, cmk.KeyID, nil)
	if err != nil {
		log.Fatal(err)
	}
	file, err := client.Encrypt(ctx, []byte("region,month,amount\n"))
	if err != nil {
		log.Fatal(err)
	}
	info, err := fourline.Inspect(file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.PlaintextSize, "bytes in", strings.Count(string(file), "\n"), "lines")
	// Output: 20 bytes in 4 lines
}
