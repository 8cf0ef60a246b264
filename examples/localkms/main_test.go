package main

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"
	"github.com/aliyun/credentials-go/credentials"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

// TestMain has the test binary be localkms itself, for tests of real processes.
func TestMain(m *testing.M) {
	if os.Getenv("LOCALKMS_TEST_CHILD") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// What is printed works: by the official SDK, and by our client.
func TestServe(t *testing.T) {
	p := start(t)
	client := p.sdk()
	key := createKey(t, client)
	blob, err := encrypt(client, key, "attack at dawn")
	if err != nil {
		t.Fatal(err)
	}
	if text, err := decrypt(client, blob); err != nil || text != "attack at dawn" {
		t.Errorf("decrypted: %q, %v", text, err)
	}
	if !strings.HasPrefix(key, "acs:kms:"+p.line["region"]+":"+p.line["account"]+":key/") {
		t.Errorf("key %s, region %s, account %s", key, p.line["region"], p.line["account"])
	}

	credential, err := credentials.NewCredential(new(credentials.Config).SetType("access_key").
		SetAccessKeyId(p.line["access key id"]).SetAccessKeySecret(p.line["access key secret"]))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := kmsclient.New(&kmsclient.Options{Region: "cn-hangzhou", Endpoint: p.line["endpoint"], Credential: credential})
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := ours.Decrypt(t.Context(), &kmsapi.DecryptRequest{CiphertextBlob: blob}); err != nil || string(opened.Plaintext.Bytes()) != "attack at dawn" {
		t.Errorf("decrypted by kmsclient: %v", err)
	}

	if _, err := decrypt(p.sdkOf(p.line["access key id"], "another"), blob); codeOfSDK(err) != "SignatureDoesNotMatch" {
		t.Errorf("with another secret: %v", err)
	}
	if status, body := get(t, http.DefaultClient, p.line["health"]); status != http.StatusOK || body != "ok\n" {
		t.Errorf("health = %d %q", status, body)
	}
	if status, body := get(t, http.DefaultClient, p.line["endpoint"]+"/other"); status != http.StatusNotFound || !strings.Contains(body, "InvalidAction.NotFound") {
		t.Errorf("another path = %d %s", status, body)
	}
	response, err := http.Post(p.line["health"], "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.Body.Close(); response.StatusCode != http.StatusNotFound {
		t.Errorf("POST of the health path = %d, want that of the service", response.StatusCode)
	}
	for _, want := range []string{
		"It guards no keys", " --endpoint " + p.host() + " --insecure --region cn-hangzhou --mode AK --access-key-id " + p.line["access key id"],
		`Endpoint: "` + p.line["endpoint"] + `"`, "ProtocolType.HTTP)",
	} {
		if !strings.Contains(p.greeting, want) {
			t.Errorf("the greeting does not say %q:\n%s", want, p.greeting)
		}
	}
	if strings.Contains(p.greeting, "WARNING") || strings.Contains(p.greeting, "control") {
		t.Errorf("the greeting of a server of this machine alone:\n%s", p.greeting)
	}
	if !strings.HasPrefix(p.host(), "127.0.0.1:") {
		t.Errorf("it listens at %s", p.host())
	}

	if status := p.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	log := p.log.String()
	for _, want := range []string{
		"level=INFO msg=request operation=Encrypt status=200 ", " requestId=", "level=WARN msg=request operation=Decrypt status=400 ",
		" code=SignatureDoesNotMatch", "msg=stopped",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not have %q:\n%s", want, log)
		}
	}
	for _, hidden := range []string{"attack", blob[:20], p.line["access key secret"], "Signature=", "string to sign", "healthz"} {
		if strings.Contains(log, hidden) {
			t.Errorf("the log has %q:\n%s", hidden, log)
		}
	}
	if _, err := http.Get(p.line["health"]); err == nil {
		t.Error("it answers after its end")
	}
}

func TestFlagsOfTheServer(t *testing.T) {
	p := start(t, "-access-key-id", "testid", "-access-key-secret", "it's not one to copy", "-account", "42",
		"-region", "cn-beijing", "-region", "cn-shanghai", "-log", "json", "-listen", "localhost:0")
	client := p.sdkOf("testid", "it's not one to copy")
	if key := createKey(t, client); !strings.HasPrefix(key, "acs:kms:cn-beijing:42:key/") { // the SDK asks for cn-hangzhou, which is not there
		t.Errorf("key %s", key)
	}
	request := kms.CreateDescribeRegionsRequest()
	request.Scheme = "http"
	answer, err := client.DescribeRegions(request)
	if err != nil {
		t.Fatal(err)
	}
	var regions []string
	for _, r := range answer.Regions.Region {
		regions = append(regions, r.RegionId)
	}
	if !slices.Equal(regions, []string{"cn-beijing", "cn-shanghai"}) {
		t.Errorf("regions %v", regions)
	}
	if !strings.Contains(p.greeting, `--access-key-id testid --access-key-secret 'it'\''s not one to copy'`) || !strings.HasPrefix(p.host(), "localhost:") {
		t.Errorf("greeting:\n%s", p.greeting)
	}
	p.end()
	var entry struct{ Level, Msg, Operation string }
	first, _, _ := strings.Cut(p.log.String(), "\n")
	if err := json.Unmarshal([]byte(first), &entry); err != nil || entry.Level != "INFO" || entry.Msg != "request" || entry.Operation != "CreateKey" {
		t.Errorf("the first line of the log is %s: %v", first, err)
	}
}

// One region alone is the server's own, and those of the service stay.
func TestRegion(t *testing.T) {
	p := start(t, "-region", "cn-beijing")
	if key := createKey(t, p.sdk()); !strings.HasPrefix(key, "acs:kms:cn-hangzhou:") { // which the SDK asks for
		t.Errorf("key %s", key)
	}
	if p.line["region"] != "cn-beijing" {
		t.Errorf("region %s", p.line["region"])
	}
}

func TestQuotas(t *testing.T) {
	for _, quotas := range []bool{false, true} {
		var args []string
		if quotas {
			args = append(args, "-quotas")
		}
		client, code := start(t, args...).sdk(), ""
		for i := 0; i < 250 && code == ""; i++ {
			if _, err := client.CreateKey(kms.CreateCreateKeyRequest()); err != nil {
				code = codeOfSDK(err)
			}
		}
		if refused := code == "Rejected.Throttling" || code == "Rejected.LimitExceeded"; refused != quotas || !refused && code != "" {
			t.Errorf("quotas %t: 250 keys end in %q", quotas, code)
		}
	}
}

func TestConfig(t *testing.T) {
	p := start(t, "-config", filepath.Join("testdata", "accounts.json"))
	key := createKey(t, p.sdk())
	alice := p.sdkOf("LTAIalice", "secret-of-alice")
	if _, err := encrypt(alice, key, "x"); err != nil {
		t.Errorf("alice encrypts: %v", err)
	}
	if _, err := alice.CreateKey(kms.CreateCreateKeyRequest()); codeOfSDK(err) != "Forbidden.NoPermission" {
		t.Errorf("alice makes a key: %v", err)
	}
	if key := createKey(t, p.sdkOf("LTAIother", "secret-of-other")); !strings.Contains(key, ":42:key/") {
		t.Errorf("the other account made %s", key)
	}
}

func TestControl(t *testing.T) {
	p := start(t, "-control")
	token := p.line["control token"]
	if status, page := get(t, http.DefaultClient, p.line["control"]); status != http.StatusOK || !strings.Contains(page, "\nAdvance\n") {
		t.Errorf("GET / = %d %s", status, page)
	}
	var before, after struct{ Now time.Time }
	p.control(token, "Now", "", &before)
	if status := p.control(token, "Advance", `{"seconds": 864000}`, &after); status != http.StatusOK || after.Now.Sub(before.Now) < 240*time.Hour {
		t.Errorf("Advance = %d %v, was %v", status, after, before)
	}
	var refusal map[string]any
	if status := p.control("another-token-than-that", "Now", "", &refusal); status != http.StatusUnauthorized {
		t.Errorf("with another token: %d %v", status, refusal)
	}
	answer, err := p.sdk().CreateKey(kms.CreateCreateKeyRequest())
	if err != nil {
		t.Fatal(err)
	}
	if made, err := time.Parse(time.RFC3339, answer.KeyMetadata.CreationDate); err != nil || made.Before(after.Now.Truncate(time.Second)) {
		t.Errorf("a key is dated %s, the clock has %v", answer.KeyMetadata.CreationDate, after.Now)
	}
	var fault struct{ Fault int }
	for kind, want := range map[string]string{"throttled": "Rejected.Throttling", "cut": "unexpected EOF", "lost-after": "EOF"} {
		p.control(token, "Inject", `{"kind": "`+kind+`", "operation": "ListKeys", "face": "http", "times": 1}`, &fault)
		if _, err := p.sdk().ListKeys(kms.CreateListKeysRequest()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a fault, %s: %v, want %s", kind, err, want)
		}
	}
	if _, err := p.sdk().ListKeys(kms.CreateListKeysRequest()); err != nil {
		t.Errorf("after the faults: %v", err)
	}
	if p.line["control"] == p.line["endpoint"] || !strings.HasPrefix(p.line["control"], "http://127.0.0.1:") {
		t.Errorf("control at %s", p.line["control"])
	}
	if status := p.end(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if strings.Contains(p.log.String(), token) {
		t.Error("the log has the token")
	}

	p = start(t, "-control=localhost:0", "-control-token", "a-token-that-was-given")
	if status := p.control("a-token-that-was-given", "Now", "", &before); status != http.StatusOK || strings.Contains(p.greeting, "a-token") || !strings.HasPrefix(p.line["control"], "http://localhost:") {
		t.Errorf("with a token of our own: %d\n%s", status, p.greeting)
	}
	p = start(t, "-control=false")
	if _, ok := p.line["control"]; ok {
		t.Errorf("-control=false:\n%s", p.greeting)
	}
}

// The package comment lists the flags that there are.
func TestFlagsAreDocumented(t *testing.T) {
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	comment, _, _ := strings.Cut(string(source), "\npackage main")
	var documented, defined []string
	for _, m := range regexp.MustCompile(`(?m)^//\t-([a-z-]+)`).FindAllStringSubmatch(comment, -1) {
		documented = append(documented, m[1])
	}
	var help strings.Builder
	if status := run(t.Context(), []string{"-h"}, &help, io.Discard); status != 0 {
		t.Errorf("-h = %d", status)
	}
	for _, m := range regexp.MustCompile(`(?m)^  -([a-z-]+)`).FindAllStringSubmatch(help.String(), -1) {
		defined = append(defined, m[1])
	}
	slices.Sort(documented)
	if len(defined) == 0 || !slices.Equal(documented, defined) {
		t.Errorf("documented: %v\ndefined: %v", documented, defined)
	}
	if text := new(helpText).Error(); text != flag.ErrHelp.Error() {
		t.Errorf("the error of -h is %q", text)
	}
}
