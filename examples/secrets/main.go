// Secrets keeps the password of a database in Secrets Manager: the application fetches it when it connects, and holds no
// password in its configuration. Whoever runs the database rotates it, by several calls, so that the application never gets
// one that does not work.
//
//	go run ./examples/secrets
//
// KMS and database are in this process; with a client of [kmsclient.Client.SDK], the same calls go to the cloud.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

const secretName = "db_cred"

// A login is the value of the secret, as JSON. It is never printed.
type login struct {
	User     string `json:"uname"`
	Password string `json:"pwd"`
}

// A database knows its users' passwords.
type database map[string]string

func (db database) connect(l login) error {
	if password, ok := db[l.User]; !ok || password != l.Password {
		return fmt.Errorf("the database refuses %s", l.User)
	}
	return nil
}

func main() {
	log.SetFlags(0)
	server, err := refkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	id, secret := server.AccessKey()
	client, err := kms.NewClientWithAccessKey(refkms.DefaultRegion, id, secret)
	if err != nil {
		log.Fatal(err)
	}
	client.SetTransport(server.Transport())
	if err := story(os.Stdout, client, database{}); err != nil {
		log.Fatal(err)
	}
}

func story(out io.Writer, client *kms.Client, db database) error {
	password, err := randomPassword(client)
	if err != nil {
		return err
	}
	first := login{"alice", password}
	db[first.User] = first.Password
	value, err := json.Marshal(first)
	if err != nil {
		return err
	}
	create := kms.CreateCreateSecretRequest()
	create.SecretName, create.VersionId, create.SecretData = secretName, "v1", string(value)
	if _, err := client.CreateSecret(create); err != nil {
		return err
	}
	if err := connect(out, client, db); err != nil {
		return err
	}

	// The old password stops working when the new one is registered: the application that has it is refused, fetches the
	// secret again, and goes on.
	if err := rotate(client, "v2", func(l login) error { db[l.User] = l.Password; return nil }); err != nil {
		return err
	}
	fmt.Fprintln(out, "rotated; with the password from before:", db.connect(first))
	if err := connect(out, client, db); err != nil {
		return err
	}

	// A rotation that fails before the database has learnt the password changes nothing for the application.
	failure := errors.New("the database is being restarted")
	if err := rotate(client, "v3", func(login) error { return failure }); !errors.Is(err, failure) {
		return fmt.Errorf("rotate = %v, want %v", err, failure)
	}
	fmt.Fprintln(out, "not rotated:", failure)
	return connect(out, client, db)
}

// connect is what an application does: it asks for the current value by the secret's name alone.
func connect(out io.Writer, client *kms.Client, db database) error {
	request := kms.CreateGetSecretValueRequest()
	request.SecretName = secretName
	secret, err := client.GetSecretValue(request)
	if err != nil {
		return err
	}
	var l login
	if err := json.Unmarshal([]byte(secret.SecretData), &l); err != nil {
		return fmt.Errorf("secret %s, version %s: not a login", secretName, secret.VersionId) // not err: it may quote the value
	}
	if err := db.connect(l); err != nil {
		return err
	}
	fmt.Fprintf(out, "connected as %s with version %s\n", l.User, secret.VersionId)
	return nil
}

// rotate stores a new password as a pending version, has the database learn it, and makes the version current then.
func rotate(client *kms.Client, version string, register func(login) error) error {
	password, err := randomPassword(client)
	if err != nil {
		return err
	}
	next := login{"alice", password}
	value, err := json.Marshal(next)
	if err != nil {
		return err
	}
	put := kms.CreatePutSecretValueRequest()
	put.SecretName, put.VersionId, put.SecretData, put.VersionStages = secretName, version, string(value), `["MyPendingLabel"]`
	if _, err := client.PutSecretValue(put); err != nil {
		return err
	}
	if err := register(next); err != nil {
		return err
	}
	move := kms.CreateUpdateSecretVersionStageRequest()
	move.SecretName, move.VersionStage, move.MoveToVersion = secretName, "ACSCurrent", version
	_, err = client.UpdateSecretVersionStage(move)
	return err
}

func randomPassword(client *kms.Client) (string, error) {
	request := kms.CreateGetRandomPasswordRequest()
	request.ExcludePunctuation = "true"
	answer, err := client.GetRandomPassword(request)
	if err != nil {
		return "", err
	}
	return answer.RandomPassword, nil
}
