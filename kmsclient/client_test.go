package kmsclient_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		name string
		opts *kmsclient.Options
		want string
	}{
		{"none", nil, "kmsclient: region of 0 characters, want 1 to 32"},
		{"no region", &kmsclient.Options{}, "kmsclient: region of 0 characters, want 1 to 32"},
		{"long region", &kmsclient.Options{Region: strings.Repeat("r", 33)}, "kmsclient: region of 33 characters, want 1 to 32"},
		{"longest region", &kmsclient.Options{Region: strings.Repeat("r", 32)}, ""},
		{"region with a dot", &kmsclient.Options{Region: "evil.example/"}, `kmsclient: region "evil.example/": want lower-case letters, digits and hyphens`},
		{"region in capitals", &kmsclient.Options{Region: "CN"}, `kmsclient: region "CN": want lower-case letters, digits and hyphens`},
		{"time", &kmsclient.Options{Region: "r", Timeout: -1}, "kmsclient: options: a time of -1ns, want 0 to 24h0m0s"},
		{"time of all", &kmsclient.Options{Region: "r", MaxElapsed: -1}, "kmsclient: options: a time of -1ns, want 0 to 24h0m0s"},
		{"long time", &kmsclient.Options{Region: "r", Timeout: 24*time.Hour + 1}, "kmsclient: options: a time of 24h0m0.000000001s, want 0 to 24h0m0s"},
		{"longest time", &kmsclient.Options{Region: "r", Timeout: 24 * time.Hour, MaxElapsed: 24 * time.Hour}, ""},
		{"attempts", &kmsclient.Options{Region: "r", MaxAttempts: -1}, "kmsclient: options: -1 attempts, want 1 to 20"},
		{"many attempts", &kmsclient.Options{Region: "r", MaxAttempts: 21}, "kmsclient: options: 21 attempts, want 1 to 20"},
		{"user agent", &kmsclient.Options{Region: "r", UserAgent: "a\r\nHost: b"}, "kmsclient: options: user agent is not printable ASCII of at most 128 bytes"},
		{"long user agent", &kmsclient.Options{Region: "r", UserAgent: strings.Repeat("a", 129)}, "kmsclient: options: user agent is not printable ASCII of at most 128 bytes"},
		{"endpoint with a path", &kmsclient.Options{Region: "r", Endpoint: "https://host/path"}, "kmsclient: endpoint is not a host, host:port or URL of nothing but these"},
		{"endpoint with a query", &kmsclient.Options{Region: "r", Endpoint: "host?q"}, "kmsclient: endpoint is not a host, host:port or URL of nothing but these"},
		{"endpoint with a fragment", &kmsclient.Options{Region: "r", Endpoint: "host#f"}, "kmsclient: endpoint is not a host, host:port or URL of nothing but these"},
		{"endpoint with a password", &kmsclient.Options{Region: "r", Endpoint: "https://user:" + secretKey + "@host"}, "kmsclient: endpoint is not a host, host:port or URL of nothing but these"},
		{"endpoint that cannot be read", &kmsclient.Options{Region: "r", Endpoint: "https://%zz" + secretKey}, "kmsclient: endpoint is not a host, host:port or URL of nothing but these"},
		{"endpoint of nothing", &kmsclient.Options{Region: "r", Endpoint: "https://"}, "kmsclient: endpoint is not a host, host:port or URL of nothing but these"},
		{"endpoint of another scheme", &kmsclient.Options{Region: "r", Endpoint: "ftp://host"}, `kmsclient: endpoint with scheme "ftp", want https`},
		{"endpoint of plain http", &kmsclient.Options{Region: "r", Endpoint: "http://<region>.example"}, "kmsclient: endpoint http://r.example: plain http is for loopback alone, use https"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := kmsclient.New(tt.opts)
			if tt.want == "" {
				if err != nil || c.Region() != tt.opts.Region {
					t.Errorf("New = %v", err)
				}
				return
			}
			if c != nil || err == nil || err.Error() != tt.want {
				t.Errorf("New = %v, want %s", err, tt.want)
			}
		})
	}
}

// Every operation, with everything it takes and answers, against what the server says of itself.
func TestOperations(t *testing.T) {
	w := newWorld(t, kmsclient.Options{})
	ctx, ec := t.Context(), map[string]string{"b": "<>&\u2028", "a": "", "信": "封"}
	if err := w.direct.CreateAlias(ctx, "alias/Apollo/WorkKey", w.key); err != nil {
		t.Fatal(err)
	}
	want, err := w.direct.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: w.key})
	if err != nil {
		t.Fatal(err)
	}
	version := want.PrimaryKeyVersion

	got, err := w.client.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: "alias/Apollo/WorkKey"})
	if err != nil {
		t.Fatal(err)
	}
	if got.RequestID == "" || got.RequestID == want.RequestID {
		t.Errorf("request id %q", got.RequestID)
	}
	if got.RequestID = want.RequestID; *got != *want {
		t.Errorf("DescribeKey = %+v, want %+v", got, want)
	}

	for size, bytes := range map[int]int{0: 32, 1: 1, 16: 16, 1024: 1024} {
		dk, err := w.client.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: "alias/Apollo/WorkKey", NumberOfBytes: size, EncryptionContext: ec})
		if err != nil {
			t.Fatal(err)
		}
		key, err := base64.StdEncoding.DecodeString(string(dk.Plaintext.Bytes()))
		if err != nil || len(key) != bytes || dk.KeyID != w.key || dk.KeyVersionID != version || dk.RequestID == "" {
			t.Errorf("GenerateDataKey(%d) = %+v of %d bytes, %v", size, dk, len(key), err)
		}
		opened, err := w.client.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: dk.CiphertextBlob, EncryptionContext: ec})
		if err != nil || string(opened.Plaintext.Bytes()) != string(dk.Plaintext.Bytes()) || opened.KeyID != w.key || opened.KeyVersionID != version || opened.RequestID == "" {
			t.Errorf("Decrypt = %+v, %v", opened, err)
		}
	}

	for _, text := range []string{"x", "信封 \"quoted\"\r\n\t\\ +%&=", strings.Repeat("x", kmsclient.MaxPlaintext)} {
		enc, err := w.client.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: w.key, Plaintext: kmsapi.NewPlaintext([]byte(text)), EncryptionContext: ec})
		if err != nil || enc.KeyID != w.key || enc.KeyVersionID != version || enc.RequestID == "" {
			t.Fatalf("Encrypt = %+v, %v", enc, err)
		}
		re, err := w.client.ReEncrypt(ctx, &kmsapi.ReEncryptRequest{CiphertextBlob: enc.CiphertextBlob, SourceEncryptionContext: ec, DestinationKeyID: "alias/Apollo/WorkKey", DestinationEncryptionContext: map[string]string{"c": "d"}})
		if err != nil || re.KeyID != w.key || re.KeyVersionID != version || re.RequestID == "" {
			t.Fatalf("ReEncrypt = %+v, %v", re, err)
		}
		for blob, ec := range map[string]map[string]string{enc.CiphertextBlob: ec, re.CiphertextBlob: {"c": "d"}} {
			opened, err := w.client.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: blob, EncryptionContext: ec})
			if err != nil || string(opened.Plaintext.Bytes()) != text {
				t.Errorf("Decrypt = %v, want %d bytes as they were", err, len(text))
			}
			if _, err := w.client.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: blob}); !errors.Is(err, kmsapi.ErrInvalidCiphertext) {
				t.Errorf("Decrypt without the context = %v, want ErrInvalidCiphertext", err)
			}
			if _, err := w.client.ReEncrypt(ctx, &kmsapi.ReEncryptRequest{CiphertextBlob: blob, DestinationKeyID: w.key}); !errors.Is(err, kmsapi.ErrInvalidCiphertext) {
				t.Errorf("ReEncrypt without the context = %v, want ErrInvalidCiphertext", err)
			}
		}
	}
}

// Refusals of the reference KMS over its wire, as its client in process tells them.
func TestRefusals(t *testing.T) {
	w := newWorld(t, kmsclient.Options{})
	ctx := t.Context()
	enc, err := w.client.EncryptBytes(ctx, w.key, []byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(want error, code string, err error) {
		t.Helper()
		if e := asError(t, err); !errors.Is(err, want) || e.Code != code || e.RequestID == "" || e.Attempts != 1 {
			t.Errorf("error = %v, want %v, %s", err, want, code)
		}
	}
	generate := func(key string, n int) error {
		_, err := w.client.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: key, NumberOfBytes: n})
		return err
	}
	decrypt := func(blob string) error {
		_, err := w.client.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: blob})
		return err
	}
	check(kmsapi.ErrKeyNotFound, "Forbidden.KeyNotFound", generate("no-such-key", 0))
	check(kmsapi.ErrKeyNotFound, "Forbidden.AliasNotFound", generate("alias/none", 0))
	check(kmsclient.ErrAliasNotFound, "Forbidden.AliasNotFound", generate("alias/none", 0))
	check(kmsapi.ErrInvalidParameter, "MissingParameter", generate("", 0))
	check(kmsapi.ErrInvalidParameter, "InvalidParameter", generate(w.key, 1025))
	check(kmsapi.ErrInvalidCiphertext, "InvalidParameter", decrypt("!"))
	check(kmsapi.ErrInvalidParameter, "MissingParameter", decrypt(""))
	must(w.direct.DisableKey(ctx, w.key))
	check(kmsapi.ErrDisabled, "Rejected.Disabled", decrypt(enc))
	must(w.direct.EnableKey(ctx, w.key))
	must(w.direct.ScheduleKeyDeletion(ctx, w.key, 7))
	check(kmsapi.ErrPendingDeletion, "Rejected.PendingDeletion", decrypt(enc))
	w.server.Advance(8 * 24 * time.Hour)
	check(kmsapi.ErrKeyNotFound, "Forbidden.KeyNotFound", decrypt(enc))

	id, secret := w.server.AccessKey()
	for _, tt := range []struct{ id, secret, code string }{
		{"nobody", secret, "InvalidAccessKeyId.NotFound"},
		{id, "wrong", "SignatureDoesNotMatch"},
	} {
		c := newClient(t, kmsclient.Options{Transport: w.server.Transport(), Credential: accessKey(t, tt.id, tt.secret)})
		check(kmsapi.ErrUnauthenticated, tt.code, describe(ctx, c))
	}
}

// The newer wording of the service names no parameter, and the gateway of an instance has no ReEncrypt.
func TestInvalidParameterAndActions(t *testing.T) {
	for _, tt := range []struct {
		name, code, message string
		decrypt, reencrypt  error
		encrypt             error
	}{
		{"blob", "InvalidParameter", `The specified parameter "CiphertextBlob" is not valid.`, kmsapi.ErrInvalidCiphertext, kmsapi.ErrInvalidCiphertext, kmsapi.ErrInvalidParameter},
		{"context", "InvalidParameter", `The specified parameter "EncryptionContext" is not valid.`, kmsapi.ErrInvalidCiphertext, kmsapi.ErrInvalidParameter, kmsapi.ErrInvalidParameter},
		{"source context", "InvalidParameter", `The specified parameter "SourceEncryptionContext" is not valid.`, kmsapi.ErrInvalidCiphertext, kmsapi.ErrInvalidCiphertext, kmsapi.ErrInvalidParameter},
		{"unnamed", "InvalidParameter", "The specified parameter is not valid.", kmsapi.ErrInvalidCiphertext, kmsapi.ErrInvalidParameter, kmsapi.ErrInvalidParameter},
		{"another", "InvalidParameter", `The specified parameter "DestinationKeyId" is not valid.`, kmsapi.ErrInvalidParameter, kmsapi.ErrInvalidParameter, kmsapi.ErrInvalidParameter},
		{"no such operation", "InvalidAction.NotFound", "Specified api is not found.", kmsapi.ErrUnsupportedOperation, errors.ErrUnsupported, errors.ErrUnsupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body, err := json.Marshal(map[string]string{"Code": tt.code, "Message": tt.message})
			if err != nil {
				t.Fatal(err)
			}
			c := newClient(t, kmsclient.Options{Transport: always(400, string(body))})
			for op, want := range map[string]error{"Decrypt": tt.decrypt, "ReEncrypt": tt.reencrypt, "Encrypt": tt.encrypt} {
				err := calls(t.Context(), c)[op]()
				other := map[error]error{kmsapi.ErrInvalidCiphertext: kmsapi.ErrInvalidParameter, kmsapi.ErrInvalidParameter: kmsapi.ErrInvalidCiphertext}[want]
				if !errors.Is(err, want) || other != nil && errors.Is(err, other) {
					t.Errorf("%s = %v, want %v", op, err, want)
				}
			}
		})
	}
}

// Answers are taken as the documentation has them or not at all.
func TestStrictAnswers(t *testing.T) {
	fine := `{"KeyId":"k","KeyVersionId":"v","CiphertextBlob":"YQ==","Plaintext":"YQ==","KeyMetadata":{"KeyId":"k","KeyState":"Enabled"},"RequestId":"r","New":[1,{}]}`
	for op, call := range calls(t.Context(), newClient(t, kmsclient.Options{Transport: always(200, fine)})) {
		if err := call(); err != nil {
			t.Errorf("%s = %v", op, err)
		}
	}
	for _, tt := range []struct {
		name, op, body, message string
	}{
		{"nothing", "Decrypt", "", "0 bytes that are not the JSON of an answer"},
		{"null", "Decrypt", "null", "field KeyId is missing"},
		{"a list", "Decrypt", "[]", "2 bytes that are not the JSON of an answer"},
		{"two documents", "Decrypt", fine + "{}", "bytes that are not the JSON of an answer"},
		{"no key", "Decrypt", `{"Plaintext":"YQ=="}`, "field KeyId is missing"},
		{"empty key", "Decrypt", `{"KeyId":"","Plaintext":"YQ=="}`, "field KeyId is missing"},
		{"key that is a number", "Decrypt", `{"KeyId":17,"Plaintext":"YQ=="}`, "field KeyId is of another type"},
		{"no plaintext", "Decrypt", `{"KeyId":"k"}`, "field Plaintext is missing"},
		{"plaintext of nothing", "Decrypt", `{"KeyId":"k","Plaintext":""}`, "field Plaintext is missing"},
		{"plaintext that is null", "Decrypt", `{"KeyId":"k","Plaintext":null}`, "field Plaintext is missing"},
		{"plaintext that is a number", "Decrypt", `{"KeyId":"k","Plaintext":5}`, "field Plaintext is of another type"},
		{"plaintext that is an object", "Decrypt", `{"KeyId":"k","Plaintext":{}}`, "field Plaintext is of another type"},
		{"plaintext that is no UTF-8", "Decrypt", "{\"KeyId\":\"k\",\"Plaintext\":\"\xff\"}", "field Plaintext is of another type"},
		{"no blob", "GenerateDataKey", `{"KeyId":"k","Plaintext":"YQ=="}`, "field CiphertextBlob is missing"},
		{"no data key", "GenerateDataKey", `{"KeyId":"k","CiphertextBlob":"YQ=="}`, "field Plaintext is missing"},
		{"no blob of Encrypt", "Encrypt", `{"KeyId":"k"}`, "field CiphertextBlob is missing"},
		{"no blob of ReEncrypt", "ReEncrypt", `{"KeyId":"k"}`, "field CiphertextBlob is missing"},
		{"no metadata", "DescribeKey", `{}`, "field KeyMetadata.KeyId is missing"},
		{"no state", "DescribeKey", `{"KeyMetadata":{"KeyId":"k"}}`, "field KeyMetadata.KeyState is missing"},
		{"state that is a number", "DescribeKey", `{"KeyMetadata":{"KeyId":"k","KeyState":1}}`, "field KeyMetadata.KeyState is of another type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := calls(t.Context(), newClient(t, kmsclient.Options{Transport: withHeader(always(200, tt.body), "x-acs-request-id", "header")}))[tt.op]()
			if e := asError(t, err); !errors.Is(err, kmsclient.ErrInvalidAnswer) || !errors.Is(err, kmsapi.ErrUnavailable) || !strings.HasSuffix(e.Message, tt.message) || e.RequestID != "header" || e.StatusCode != 200 {
				t.Errorf("%s = %v, want ErrInvalidAnswer, %s", tt.op, err, tt.message)
			}
		})
	}
	// Escapes of JSON are undone.
	c := newClient(t, kmsclient.Options{Transport: always(200, `{"KeyId":"k","Plaintext":"\u4fe1\n\ud83d\ude00"}`)})
	if resp, err := c.Decrypt(t.Context(), &kmsapi.DecryptRequest{CiphertextBlob: "YQ=="}); err != nil || string(resp.Plaintext.Bytes()) != "信\n😀" {
		t.Errorf("Decrypt = %v", err)
	}
}

// Whatever a peer answers, the SDK's clients have an error and no panic.
func TestSDK(t *testing.T) {
	w := newWorld(t, kmsclient.Options{})
	k, err := w.client.SDK()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := k.ListKeys(kms.CreateListKeysRequest())
	if err != nil || keys.TotalCount != 1 || keys.Keys.Key[0].KeyId != w.key {
		t.Errorf("ListKeys = %+v, %v", keys, err)
	}
	req := kms.CreateEnableKeyRequest()
	req.KeyId = "none"
	_, err = k.EnableKey(req)
	var refused *sdkerrors.ServerError
	if !errors.As(err, &refused) || refused.ErrorCode() != "Forbidden.KeyNotFound" || refused.HttpStatus() != 404 || refused.RequestId() == "" || refused.Message() != "The specified Key is not found." {
		t.Errorf("EnableKey = %v", err)
	}
	for name, peer := range peers {
		c := newClient(t, kmsclient.Options{Transport: roundTrip(peer)})
		k, err := c.SDK()
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.EnableKey(req)
		var of *url.Error
		if errors.As(err, &of) {
			t.Errorf("%s: %v is a *url.Error", name, err)
		}
	}
	broken := newClient(t, kmsclient.Options{Transport: failing(opError(errors.New("connection refused")))})
	if k, err = broken.SDK(); err != nil {
		t.Fatal(err)
	}
	if _, err = k.EnableKey(req); !errors.As(err, &refused) || refused.ErrorCode() != kmsclient.CodeUnreachable || refused.HttpStatus() != 503 || refused.Message() != "dial tcp: connection refused" {
		t.Errorf("EnableKey without a connection = %v", err)
	}
}
