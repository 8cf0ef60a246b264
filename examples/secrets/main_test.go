package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

func newKMS(t *testing.T) (*refkms.Server, *kms.Client) {
	t.Helper()
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	id, secret := server.AccessKey()
	client, err := kms.NewClientWithAccessKey(refkms.DefaultRegion, id, secret)
	if err != nil {
		t.Fatal(err)
	}
	client.SetTransport(server.Transport())
	return server, client
}

func TestStory(t *testing.T) {
	server, client := newKMS(t)
	var out strings.Builder
	db := database{}
	if err := story(&out, client, db); err != nil {
		t.Fatal(err)
	}
	const want = `connected as alice with version v1
rotated; with the password from before: the database refuses alice
connected as alice with version v2
not rotated: the database is being restarted
connected as alice with version v2
`
	if out.String() != want {
		t.Errorf("the story is\n%swant\n%s", &out, want)
	}

	// The version that was not registered is pending still; the one before is kept, in case it is needed again.
	for stage, version := range map[string]string{"ACSCurrent": "v2", "ACSPrevious": "v1", "MyPendingLabel": "v3"} {
		request := kms.CreateGetSecretValueRequest()
		request.SecretName, request.VersionStage = secretName, stage
		secret, err := client.GetSecretValue(request)
		if err != nil {
			t.Fatal(err)
		}
		var l login
		if err := json.Unmarshal([]byte(secret.SecretData), &l); err != nil || l.User != "alice" || secret.VersionId != version {
			t.Errorf("%s is version %s, want %s", stage, secret.VersionId, version)
		}
		if works := db.connect(l) == nil; works != (stage == "ACSCurrent") {
			t.Errorf("the database takes the password of %s: %t", stage, works)
		}
	}

	// Nobody finds a password in the trail.
	events, err := server.Events(nil)
	if err != nil {
		t.Fatal(err)
	}
	records, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	if password := db["alice"]; len(password) != 32 || strings.Contains(string(records), password) || strings.Contains(out.String(), password) {
		t.Errorf("a password of %d characters, or one that is told", len(password))
	}
}

// Where the new value works before it is stored, as the secret of an application does that its OAuth server has made, one call
// is the whole rotation.
func TestOneCall(t *testing.T) {
	_, client := newKMS(t)
	create := kms.CreateCreateSecretRequest()
	create.SecretName, create.VersionId, create.SecretData = "MyOAuthAppSecret", "v1", "the first"
	if _, err := client.CreateSecret(create); err != nil {
		t.Fatal(err)
	}
	put := kms.CreatePutSecretValueRequest()
	put.SecretName, put.VersionId, put.SecretData = "MyOAuthAppSecret", "v2", "sample-app-secret"
	if _, err := client.PutSecretValue(put); err != nil {
		t.Fatal(err)
	}
	for stage, want := range map[string]string{"": "v2 sample-app-secret", "ACSCurrent": "v2 sample-app-secret", "ACSPrevious": "v1 the first"} {
		request := kms.CreateGetSecretValueRequest()
		request.SecretName, request.VersionStage = "MyOAuthAppSecret", stage
		secret, err := client.GetSecretValue(request)
		if err != nil {
			t.Fatal(err)
		}
		if got := secret.VersionId + " " + secret.SecretData; got != want {
			t.Errorf("stage %q is %q, want %q", stage, got, want)
		}
	}
}

func TestNoSecret(t *testing.T) {
	_, client := newKMS(t)
	var refusal sdkerrors.Error
	err := connect(new(strings.Builder), client, database{})
	if !errors.As(err, &refusal) || refusal.ErrorCode() != "Forbidden.ResourceNotFound" {
		t.Errorf("connect = %v, want Forbidden.ResourceNotFound", err)
	}
}

// A value that is no login is an error that does not show it.
func TestNoLogin(t *testing.T) {
	_, client := newKMS(t)
	create := kms.CreateCreateSecretRequest()
	create.SecretName, create.VersionId, create.SecretData = secretName, "v1", "hunter2"
	if _, err := client.CreateSecret(create); err != nil {
		t.Fatal(err)
	}
	err := connect(new(strings.Builder), client, database{})
	if err == nil || err.Error() != "secret db_cred, version v1: not a login" {
		t.Errorf("connect = %v", err)
	}
}
