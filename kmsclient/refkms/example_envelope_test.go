package refkms_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// Encrypt and decrypt under a CMK, without the cloud.
func Example_envelope() {
	ctx := context.Background()
	server, err := refkms.New(nil) // the key service: here one in this process
	if err != nil {
		log.Fatal(err)
	}
	kms := server.Client(nil)
	cmk, err := kms.CreateKey(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	provider, err := keyring.NewKMS(kms, cmk.ARN, nil) // data keys under one CMK
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

// apollo is code under test: it keeps notes encrypted, and takes whatever provider it is given.
type apollo struct{ client *envelope.Client }

func newApollo(provider keyring.KeyProvider) (*apollo, error) {
	c, err := envelope.New(provider, &envelope.Options{Require: []string{"tenant"}})
	return &apollo{c}, err
}

func (a *apollo) seal(ctx context.Context, tenant, note string) ([]byte, error) {
	return a.client.Encrypt(ctx, []byte(note), envelope.Context{"tenant": tenant})
}

// testDisabledKey is a test of apollo.
func testDisabledKey(t *testing.T) {
	server, err := refkms.New(nil) // in memory, gone with the test
	if err != nil {
		t.Fatal(err)
	}
	kms := server.Client(nil)
	cmk, err := kms.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := keyring.NewKMS(kms, cmk.KeyID, nil)
	if err != nil {
		t.Fatal(err)
	}
	app, err := newApollo(provider) // the code under test takes any provider
	if err != nil {
		t.Fatal(err)
	}

	if err := kms.DisableKey(t.Context(), cmk.KeyID); err != nil {
		t.Fatal(err)
	}
	if _, err := app.seal(t.Context(), "42", "note"); !errors.Is(err, kmsapi.ErrDisabled) {
		t.Errorf("seal = %v, want kmsapi.ErrDisabled", err)
	}
}

// Unit tests of code that encrypts: the same code, with the reference KMS in place of the cloud.
func Example_unitTest() {
	fmt.Println(testing.RunTests(func(_, _ string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: "TestDisabledKey", F: testDisabledKey}}))
	// Output: true
}

// exampleCMK makes a server and a CMK in a region of it.
func exampleCMK(region string) (*refkms.Client, string) {
	server, err := refkms.New(&refkms.Options{Region: region})
	if err != nil {
		log.Fatal(err)
	}
	kms := server.Client(nil)
	cmk, err := kms.CreateKey(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	return kms, cmk.ARN
}

// One data key for many messages of one tenant.
func Example_caching() {
	ctx := context.Background()
	kms, cmk := exampleCMK("cn-hangzhou")
	provider, err := keyring.NewKMS(kms, cmk, nil)
	if err != nil {
		log.Fatal(err)
	}
	cache, err := keyring.NewCaching(provider, &keyring.CachingOptions{MaxAge: time.Minute, MaxMessages: 10_000})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close() // wipes the data keys
	client, err := envelope.New(cache, nil)
	if err != nil {
		log.Fatal(err)
	}
	for range 1000 {
		if _, err := client.Encrypt(ctx, []byte("hello"), envelope.Context{"tenant": "42"}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(cache.Stats().Fetches, "call,", cache.Stats().CallsSaved, "saved")
	// Output: 1 call, 999 saved
}

// A message that the CMK of either region opens.
func Example_regions() {
	ctx := context.Background()
	hangzhou, homeARN := exampleCMK("cn-hangzhou")
	shanghai, awayARN := exampleCMK("cn-shanghai")

	home, err := keyring.NewKMS(hangzhou, homeARN, nil)
	if err != nil {
		log.Fatal(err)
	}
	away, err := keyring.NewKMS(shanghai, awayARN, nil)
	if err != nil {
		log.Fatal(err)
	}
	provider, err := keyring.NewMulti([]keyring.KeyProvider{home, away}, &keyring.MultiOptions{Hedge: 300 * time.Millisecond})
	if err != nil {
		log.Fatal(err)
	}
	client, err := envelope.New(provider, nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := client.Encrypt(ctx, []byte("hello"), nil)
	if err != nil {
		log.Fatal(err)
	}

	// The day on which Hangzhou's key is gone.
	id := homeARN[strings.LastIndex(homeARN, "/")+1:]
	if err := hangzhou.DisableKey(ctx, id); err != nil {
		log.Fatal(err)
	}
	_, info, err := client.AppendDecrypt(ctx, nil, message, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("opened in Shanghai:", info.KeyID == awayARN)
	// Output: opened in Shanghai: true
}
