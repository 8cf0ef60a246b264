package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"
)

// lines is a standard output that hands over what is written at once.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// A buffer is a standard error that may be read meanwhile.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// A process is a localkms that runs in this process.
type process struct {
	t        *testing.T
	greeting string
	line     map[string]string // of the greeting, by name
	log      *buffer
	stop     context.CancelFunc
	status   chan int
}

var greetingLine = regexp.MustCompile(`(?m)^([a-z ]+?) {2,}(\S.*)$`)

// start starts localkms and waits for its greeting.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	t.Setenv("NO_PROXY", "127.0.0.1,localhost")
	ctx, stop := context.WithCancel(t.Context())
	p := &process{t: t, line: map[string]string{}, log: new(buffer), stop: stop, status: make(chan int, 1)}
	out := make(lines, 1)
	go func() { p.status <- run(ctx, args, out, p.log) }()
	select {
	case p.greeting = <-out:
	case status := <-p.status:
		stop()
		t.Fatalf("run %q = %d\n%s", args, status, p.log)
	}
	for _, m := range greetingLine.FindAllStringSubmatch(p.greeting, -1) {
		p.line[m[1]] = m[2]
	}
	t.Cleanup(func() {
		stop()
		<-p.status
	})
	return p
}

// end stops localkms, and returns its exit status.
func (p *process) end() int {
	p.stop()
	status := <-p.status
	p.status <- status
	return status
}

// host is the address of the service, with its port.
func (p *process) host() string {
	_, host, _ := strings.Cut(p.line["endpoint"], "://")
	return host
}

// sdk returns the official SDK's client, with the printed access key.
func (p *process) sdk() *kms.Client {
	return p.sdkOf(p.line["access key id"], p.line["access key secret"])
}

func (p *process) sdkOf(id, secret string) *kms.Client {
	p.t.Helper()
	client, err := kms.NewClientWithAccessKey("cn-hangzhou", id, secret)
	if err != nil {
		p.t.Fatal(err)
	}
	client.Domain = p.host()
	return client
}

// createKey makes a key and returns its ARN.
func createKey(t *testing.T, client *kms.Client) string {
	t.Helper()
	answer, err := client.CreateKey(kms.CreateCreateKeyRequest())
	if err != nil {
		t.Fatal(err)
	}
	return answer.KeyMetadata.Arn
}

func encrypt(client *kms.Client, key, text string) (string, error) {
	request := kms.CreateEncryptRequest()
	request.KeyId, request.Plaintext = key, text
	request.Scheme = "http"
	answer, err := client.Encrypt(request)
	if err != nil {
		return "", err
	}
	return answer.CiphertextBlob, nil
}

func decrypt(client *kms.Client, blob string) (string, error) {
	request := kms.CreateDecryptRequest()
	request.CiphertextBlob = blob
	request.Scheme = "http"
	answer, err := client.Decrypt(request)
	if err != nil {
		return "", err
	}
	return answer.Plaintext, nil
}

// codeOfSDK returns the code that the service refused with.
func codeOfSDK(err error) string {
	var e *sdkerrors.ServerError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

// get returns status and body of a page.
func get(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// control makes a call of the control face, and stores its answer in out.
func (p *process) control(token, call, body string, out any) (status int) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.line["control"]+"/"+call, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode
}
