package kmsclient_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// cloud stands for Alibaba Cloud in the examples: a reference KMS, of which they get a transport, a credential and the
// ARN of a CMK, alias/Apollo/WorkKey. With the service itself neither Transport nor Credential is needed.
func cloud() (transport http.RoundTripper, credential credentials.Credential, arn string) {
	server, err := refkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	key, err := server.Client(nil).CreateKey(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := server.Client(nil).CreateAlias(context.Background(), "alias/Apollo/WorkKey", key.KeyID); err != nil {
		log.Fatal(err)
	}
	id, secret := server.AccessKey()
	credential, err = credentials.NewCredential(new(credentials.Config).SetType("access_key").SetAccessKeyId(id).SetAccessKeySecret(secret))
	if err != nil {
		log.Fatal(err)
	}
	return server.Transport(), credential, key.ARN
}

// Envelopes under a CMK, through the SDK and the wire of the service.
func Example() {
	transport, credential, arn := cloud()
	ctx := context.Background()
	kms, err := kmsclient.New(&kmsclient.Options{Region: "cn-hangzhou", Transport: transport, Credential: credential})
	if err != nil {
		log.Fatal(err)
	}
	provider, err := keyring.NewKMS(kms, arn, nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := envelope.New(provider, nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := client.Encrypt(ctx, []byte("attack at dawn"), envelope.Context{"tenant": "42"})
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := client.Decrypt(ctx, message, envelope.Context{"tenant": "42"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)
	// Output: attack at dawn
}

// In production Region is all that is needed: credentials come from the environment, an RRSA token, a profile, the RAM role
// of the machine or a URI.
func ExampleNew() {
	kms, err := kmsclient.New(&kmsclient.Options{Region: "cn-hangzhou"})
	if err != nil {
		log.Fatal(err)
	}
	provider, err := keyring.NewKMS(kms, "acs:kms:cn-hangzhou:1234567890123456:key/1234abcd-12ab-34cd-56ef-12345678abcd", nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := envelope.New(provider, nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := client.Encrypt(context.Background(), []byte("attack at dawn"), envelope.Context{"tenant": "42"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(message))
}

// Less than 6 KB can be encrypted by the service itself. More is for an envelope, and the error says so.
func ExampleClient_EncryptBytes() {
	transport, credential, _ := cloud()
	ctx := context.Background()
	kms, err := kmsclient.New(&kmsclient.Options{Region: "cn-hangzhou", Transport: transport, Credential: credential})
	if err != nil {
		log.Fatal(err)
	}
	const key = "alias/Apollo/WorkKey"
	blob, err := kms.EncryptBytes(ctx, key, []byte("a password"), map[string]string{"for": "database"})
	if err != nil {
		log.Fatal(err)
	}
	password, err := kms.DecryptBytes(ctx, blob, map[string]string{"for": "database"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", password)

	_, err = kms.EncryptBytes(ctx, key, make([]byte, 10_000), nil)
	fmt.Println(errors.Is(err, kmsclient.ErrTooLarge))
	fmt.Println(err)
	// Output:
	// a password
	// true
	// kmsclient: Encrypt: Client.TooLarge: "10000 bytes, limit 4608": use an envelope: encrypt the data locally under a data key (package envelope)
}

// What a call failed for is matched by its cause; the text says what can be done.
func ExampleError() {
	transport, credential, _ := cloud()
	kms, err := kmsclient.New(&kmsclient.Options{Region: "cn-hangzhou", Transport: transport, Credential: credential})
	if err != nil {
		log.Fatal(err)
	}
	_, err = kms.DescribeKey(context.Background(), &kmsapi.DescribeKeyRequest{KeyID: "alias/none"})
	var e *kmsclient.Error
	switch {
	case errors.Is(err, kmsapi.ErrThrottled), errors.Is(err, kmsapi.ErrUnavailable):
		fmt.Println("later, perhaps")
	case errors.Is(err, kmsapi.ErrKeyNotFound) && errors.As(err, &e):
		fmt.Println(e.Code)
		fmt.Println(e.Remedy())
	}
	// Output:
	// Forbidden.AliasNotFound
	// create the alias in this region and account, or name the key by its id
}

// One client for each region, made as keys of the configuration need it: messages that open in either.
func ExampleRegions() {
	transport, credential, arn := cloud()
	regions, err := kmsclient.NewRegions(&kmsclient.Options{Transport: transport, Credential: credential})
	if err != nil {
		log.Fatal(err)
	}
	var providers []keyring.KeyProvider
	for _, arn := range []string{arn} { // one for each region
		kms, err := regions.ForARN(arn)
		if err != nil {
			log.Fatal(err)
		}
		provider, err := keyring.NewKMS(kms, arn, nil)
		if err != nil {
			log.Fatal(err)
		}
		providers = append(providers, provider)
		fmt.Println(kms.Region())
	}
	if _, err := keyring.NewMulti(providers, nil); err != nil {
		log.Fatal(err)
	}
	// Output: cn-hangzhou
}

// A transport of one's own, here with other roots of trust.
func ExampleNewTransport() {
	pem, err := os.ReadFile("testdata/roots.pem")
	if err != nil {
		log.Fatal(err)
	}
	transport := kmsclient.NewTransport()
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
		log.Fatal("no certificates in roots.pem")
	}
	_, err = kmsclient.New(&kmsclient.Options{
		Region:    "cn-hangzhou",
		Endpoint:  kmsclient.VPCEndpoint,
		Transport: transport,
	})
	if err != nil {
		log.Fatal(err)
	}
}
