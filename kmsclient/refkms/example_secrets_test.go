package refkms_test

import (
	"context"
	"fmt"
	"log"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// vault returns a client of a new server that keeps one secret, in version v1. The value is not one to copy.
func vault(name, value string) *refkms.Client {
	server, err := refkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	client := server.Client(nil)
	err = client.CreateSecret(context.Background(), &refkms.CreateSecretRequest{
		SecretName: name, VersionID: "v1", SecretData: kmsapi.NewPlaintext([]byte(value))})
	if err != nil {
		log.Fatal(err)
	}
	return client
}

// show prints the version of a secret that has a label, as an application reads it.
func show(client *refkms.Client, name, label string) {
	value, err := client.GetSecretValue(context.Background(), &refkms.GetSecretValueRequest{SecretName: name, VersionStage: label})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s %s\n", label, value.VersionID, value.SecretData.Bytes())
}

// A secret that the target system has made, and that works already, is rotated by one call: the new version is current,
// the one before is the previous one. Applications that ask for the secret by its name alone get the new value.
func ExampleClient_PutSecretValue() {
	client, ctx := vault("MyOAuthAppSecret", "old-app-secret"), context.Background()

	err := client.PutSecretValue(ctx, &refkms.PutSecretValueRequest{
		SecretName: "MyOAuthAppSecret", VersionID: "v2", SecretData: kmsapi.NewPlaintext([]byte("sample-app-secret"))})
	if err != nil {
		log.Fatal(err)
	}

	show(client, "MyOAuthAppSecret", "ACSCurrent")
	show(client, "MyOAuthAppSecret", "ACSPrevious")
	// Output:
	// ACSCurrent: v2 sample-app-secret
	// ACSPrevious: v1 old-app-secret
}

// A password that the target system is still to learn is rotated by several calls: it is made, kept as a version that is
// pending, registered with the target system, and made current only then. Applications never get a password that does
// not work.
func ExampleClient_PutSecretValue_pending() {
	client, ctx := vault("db_cred", `{"uname":"alice","pwd":"old"}`), context.Background()

	// A random password, of letters and digits.
	var password struct{ RandomPassword string }
	if err := client.Do(ctx, "GetRandomPassword", map[string]string{"ExcludePunctuation": "true"}, &password); err != nil {
		log.Fatal(err)
	}
	fmt.Println("characters:", len(password.RandomPassword))

	// The current version stays what it is.
	err := client.PutSecretValue(ctx, &refkms.PutSecretValueRequest{
		SecretName: "db_cred", VersionID: "v2", VersionStages: []string{"MyPendingLabel"},
		SecretData: kmsapi.NewPlaintext(fmt.Appendf(nil, `{"uname":"alice","pwd":%q}`, password.RandomPassword))})
	if err != nil {
		log.Fatal(err)
	}
	show(client, "db_cred", "ACSCurrent")

	pending, err := client.GetSecretValue(ctx, &refkms.GetSecretValueRequest{SecretName: "db_cred", VersionStage: "MyPendingLabel"})
	if err != nil {
		log.Fatal(err)
	}
	// … the database learns the password in pending.SecretData …
	fmt.Println("the database learns:", pending.VersionID)

	err = client.Do(ctx, "UpdateSecretVersionStage", map[string]string{
		"SecretName": "db_cred", "VersionStage": "ACSCurrent", "MoveToVersion": "v2"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	current, err := client.GetSecretValue(ctx, &refkms.GetSecretValueRequest{SecretName: "db_cred"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("current:", current.VersionID, current.VersionStages)
	show(client, "db_cred", "ACSPrevious")
	// Output:
	// characters: 32
	// ACSCurrent: v1 {"uname":"alice","pwd":"old"}
	// the database learns: v2
	// current: v2 [ACSCurrent MyPendingLabel]
	// ACSPrevious: v1 {"uname":"alice","pwd":"old"}
}
