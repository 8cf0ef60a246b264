package control_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms/control"
)

// The face is served beside the service, and called as from any language: a request, JSON in and out.
func ExampleNew() {
	server, err := refkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	const token = "not-one-to-copy-but-from-crypto/rand.Text"
	face, err := control.New(server, token)
	if err != nil {
		log.Fatal(err)
	}
	listener := httptest.NewServer(face)
	defer listener.Close()

	call := func(name, body string, answer any) {
		request, err := http.NewRequest(http.MethodPost, listener.URL+"/"+name, strings.NewReader(body))
		if err != nil {
			log.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			log.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			log.Fatal(err)
		}
		if response.StatusCode != http.StatusOK {
			fmt.Printf("%s: %d %s", name, response.StatusCode, text)
			return
		}
		if err := json.Unmarshal(text, answer); err != nil {
			log.Fatal(err)
		}
	}
	var snapshot struct{ Snapshot int }
	call("Snapshot", "", &snapshot)
	call("CreateUser", `{"name": "alice"}`, &struct{}{})
	call("CreateUser", `{"name": "alice"}`, &struct{}{})
	call("Restore", fmt.Sprintf(`{"snapshot": %d}`, snapshot.Snapshot), &struct{}{})
	call("CreateUser", `{"name": "alice"}`, &struct{}{})
	// Output:
	// CreateUser: 409 {"error":{"code":"EntityAlreadyExists.User","message":"The User already exists."}}
}
