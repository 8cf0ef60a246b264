package tea_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	kms "github.com/alibabacloud-go/kms-20160120/v3/client"
	util "github.com/alibabacloud-go/tea-utils/v2/service"
	teasdk "github.com/alibabacloud-go/tea/tea"

	"github.com/xinfeng-kms/xinfeng/kmsclient/kmstest"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// A recorder carries the SDK's requests and keeps the last answer as it came.
type recorder struct {
	transport http.RoundTripper
	status    int
	body      []byte
}

// Call has the signature that the SDK asks for.
func (r *recorder) Call(request *http.Request, _ *http.Transport) (*http.Response, error) {
	response, err := r.transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	r.status = response.StatusCode
	r.body, err = io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(r.body))
	return response, err
}

// An sdk makes calls through the SDK: by the method of the operation if the parameters are fields of its request, else
// by the one for any operation.
type sdk struct {
	target   kmstest.Target
	settings func(*openapi.Config)
	recorder *recorder
	clients  map[string]*kms.Client // by region
}

func (s *sdk) client(region string) (*kms.Client, error) {
	if c := s.clients[region]; c != nil {
		return c, nil
	}
	endpoint := s.target.Endpoint
	if endpoint == "" {
		endpoint = "kms." + region + ".aliyuncs.com"
	}
	config := &openapi.Config{
		AccessKeyId: &s.target.AccessKeyID, AccessKeySecret: &s.target.AccessKeySecret,
		Endpoint: &endpoint, RegionId: &region, Protocol: teasdk.String(strings.ToUpper(s.target.Scheme)), HttpClient: s.recorder,
	}
	s.settings(config)
	c, err := kms.NewClient(config)
	if err != nil {
		return nil, err
	}
	s.clients[region] = c
	return c, nil
}

// call is a kmstest.Caller.
func (s *sdk) call(region, action string, params map[string]string) ([]byte, error) {
	client, err := s.client(region)
	if err != nil {
		return nil, err
	}
	if s.target.Endpoint != "" { // the SDK sends no region, and the host names none
		params["RegionId"] = region
	}
	s.recorder.body = nil
	method := reflect.ValueOf(client).MethodByName(action + "WithOptions")
	if arguments, ok := typedArguments(method, params); ok {
		out := method.Call(append(arguments, reflect.ValueOf(&util.RuntimeOptions{})))
		if err, _ := out[1].Interface().(error); err != nil {
			return nil, s.refusal(err)
		}
		return s.recorder.body, s.kept(out[0].Elem().FieldByName("Body").Interface())
	}
	query := map[string]*string{}
	for name, value := range params {
		query[name] = &value
	}
	_, err = client.CallApi(&openapi.Params{
		Action: &action, Version: teasdk.String("2016-01-20"), Protocol: teasdk.String("HTTPS"), Pathname: teasdk.String("/"), Method: teasdk.String("POST"),
		AuthType: teasdk.String("AK"), Style: teasdk.String("RPC"), ReqBodyType: teasdk.String("formData"), BodyType: teasdk.String("json"),
	}, &openapi.OpenApiRequest{Query: query}, &util.RuntimeOptions{})
	if err != nil {
		return nil, s.refusal(err)
	}
	return s.recorder.body, nil
}

// typedArguments returns the arguments of a method but for the options: none, or the request with its fields set. It
// reports whether the method exists and every parameter is a field that holds its text as it is.
func typedArguments(method reflect.Value, params map[string]string) (arguments []reflect.Value, ok bool) {
	if !method.IsValid() {
		return nil, false
	}
	if method.Type().NumIn() == 1 { // of an operation without parameters
		return nil, len(params) == 0
	}
	request := reflect.New(method.Type().In(0).Elem())
	for name, value := range params {
		field := request.Elem().FieldByName(name)
		if !field.IsValid() || !utf8.ValidString(value) { // which the SDK would put right
			return nil, false
		}
		switch field.Interface().(type) {
		case *string:
			field.Set(reflect.ValueOf(&value))
		case *bool:
			b, err := strconv.ParseBool(value)
			if err != nil || strconv.FormatBool(b) != value {
				return nil, false
			}
			field.Set(reflect.ValueOf(&b))
		case *int32:
			n, err := strconv.ParseInt(value, 10, 32)
			if err != nil || strconv.FormatInt(n, 10) != value {
				return nil, false
			}
			n32 := int32(n)
			field.Set(reflect.ValueOf(&n32))
		case map[string]any: // marshalled again, ascending
			var m map[string]any
			if json.Unmarshal([]byte(value), &m) != nil || m == nil {
				return nil, false
			}
			if again, err := json.Marshal(m); err != nil || string(again) != value {
				return nil, false
			}
			field.Set(reflect.ValueOf(m))
		default:
			return nil, false
		}
	}
	return []reflect.Value{request}, true
}

// refusal returns what the service refused a call with, or err if it is not that. The SDK must have understood it.
func (s *sdk) refusal(err error) error {
	var understood *teasdk.SDKError
	if !errors.As(err, &understood) || s.recorder.body == nil {
		return err
	}
	r := &kmstest.Refusal{Status: s.recorder.status}
	if json.Unmarshal(s.recorder.body, &struct {
		Code, Message *string
		RequestId     *string
	}{&r.Code, &r.Message, &r.RequestID}) != nil {
		return err
	}
	// What follows is the request id or, with version 4, the address of a pointer to it.
	message := fmt.Sprintf("code: %d, %s request id: ", r.Status, r.Message)
	if teasdk.StringValue(understood.Code) != r.Code || teasdk.IntValue(understood.StatusCode) != r.Status ||
		!strings.HasPrefix(teasdk.StringValue(understood.Message), message) {
		return fmt.Errorf("the SDK takes %v for %s: %.300s", r, teasdk.StringValue(understood.Code), teasdk.StringValue(understood.Message))
	}
	return r
}

// kept refuses an answer of which the SDK's own struct has kept something else.
func (s *sdk) kept(body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	var kept, answer any
	if err := errors.Join(json.Unmarshal(text, &kept), json.Unmarshal(s.recorder.body, &answer)); err != nil {
		return err
	}
	if !within(kept, answer) {
		return errors.New("the SDK's struct is not what the answer says")
	}
	return nil
}

// within reports whether a is in b: the same, or an object with some of b's members, or a list of such.
func within(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		m, ok := b.(map[string]any)
		for name := range a {
			ok = ok && within(a[name], m[name])
		}
		return ok
	case []any:
		l, ok := b.([]any)
		ok = ok && len(l) == len(a)
		for i := range a {
			ok = ok && within(a[i], l[i])
		}
		return ok
	}
	return a == b
}

// A face is how the suite reaches a server: through the SDK with some settings, over a socket or not.
type face struct {
	settings func(*openapi.Config)
	socket   bool
}

// newServer returns a new server. quotas nil is those of the service.
func newServer(t *testing.T, quotas *refkms.Quotas) *refkms.Server {
	t.Helper()
	server, err := refkms.New(&refkms.Options{Quotas: quotas})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// target returns a server as a target of the suite. It does not say that there is RSA_4096, which takes seconds to make and
// is the same whoever asks.
func (f face) target(t *testing.T, server *refkms.Server) kmstest.Target {
	t.Helper()
	id, secret := server.AccessKey()
	target := f.as(t, server, id, secret)
	target.DryRun, target.Advance, target.ServiceKey = true, server.Advance, server.RAM("").ServiceKey
	target.Limited = func(t *testing.T, keys, aliases int) kmstest.Target {
		return f.target(t, newServer(t, &refkms.Quotas{Keys: keys, Aliases: aliases}))
	}
	target.NotEnabled = func(t *testing.T) kmstest.Target {
		closed := newServer(t, nil)
		if err := closed.RAM("").SetStatus(refkms.AccountNotEnabled); err != nil {
			t.Fatal(err)
		}
		return f.target(t, closed)
	}
	target.Powerless = func(t *testing.T) kmstest.Target {
		user := "kmstest-" + strings.ToLower(rand.Text())
		if err := server.RAM("").CreateUser(user); err != nil {
			t.Fatal(err)
		}
		id, secret, err := server.RAM("").CreateAccessKey(user)
		if err != nil {
			t.Fatal(err)
		}
		return f.as(t, server, id, secret)
	}
	return target
}

// as returns a server as it is to whoever has an access key.
func (f face) as(t *testing.T, server *refkms.Server, id, secret string) kmstest.Target {
	t.Helper()
	target := kmstest.Target{
		Region: "cn-hangzhou", OtherRegion: "ap-southeast-1", PlainRegion: "cn-qingdao", Account: refkms.DefaultAccount,
		AccessKeyID: id, AccessKeySecret: secret, Scheme: "https", Transport: server.Transport(), Wording: true,
	}
	if f.socket {
		listener := httptest.NewServer(server.Handler())
		t.Cleanup(listener.Close)
		target.Scheme, target.Endpoint, target.Transport = "http", strings.TrimPrefix(listener.URL, "http://"), new(http.Transport)
	}
	s := &sdk{target: target, settings: f.settings, recorder: &recorder{transport: target.Transport}, clients: map[string]*kms.Client{}}
	target.Call = s.call
	return target
}

// Every way to sign that the SDK has, without a socket and over one.
func TestReference(t *testing.T) {
	for _, tt := range []struct {
		name               string
		version, algorithm string
	}{
		{"version 3", "", ""},
		{"version 3, SM3", "", "ACS3-HMAC-SM3"},
		{"version 4", "v4", ""},
		{"version 4, SM3", "v4", "ACS4-HMAC-SM3"},
		{"version 2", "", "v2"},
	} {
		settings := func(c *openapi.Config) {
			if tt.version != "" {
				c.SignatureVersion = &tt.version
			}
			if tt.algorithm != "" {
				c.SignatureAlgorithm = &tt.algorithm
			}
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Run("in process", func(t *testing.T) {
				kmstest.Run(t, face{settings: settings}.target(t, newServer(t, &refkms.Quotas{None: true})))
			})
			if tt.algorithm == "" {
				t.Run("over a socket", func(t *testing.T) {
					kmstest.Run(t, face{settings, true}.target(t, newServer(t, &refkms.Quotas{None: true})))
				})
			}
		})
	}
}
