package kmstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"
)

// A Refusal is the service's answer to a call that it refuses.
type Refusal struct {
	Status                   int // of HTTP
	Code, Message, RequestID string
}

// Error says code, status and request id.
func (r *Refusal) Error() string {
	return fmt.Sprintf("kmstest: %s (HTTP %d, request %s)", r.Code, r.Status, r.RequestID)
}

const (
	product    = "Kms"
	apiVersion = "2016-01-20"
)

// endpoint returns the host of a region.
func (t *Target) endpoint(region string) string {
	if t.Endpoint != "" {
		return t.Endpoint
	}
	return "kms." + region + ".aliyuncs.com"
}

// shared hides what kind a transport is: the SDK writes into an *http.Transport at every call.
type shared struct{ http.RoundTripper }

// An officialSDK makes calls through alibaba-cloud-sdk-go: through the method of the operation where it has one and the
// parameters are fields of its request, else through a CommonRequest.
type officialSDK struct {
	target  *Target
	clients map[string]*kms.Client // by region
}

func newOfficialSDK(t *Target) *officialSDK {
	return &officialSDK{target: t, clients: map[string]*kms.Client{}}
}

func (s *officialSDK) client(region string) (*kms.Client, error) {
	if c := s.clients[region]; c != nil {
		return c, nil
	}
	c, err := kms.NewClientWithAccessKey(region, s.target.AccessKeyID, s.target.AccessKeySecret)
	if err != nil {
		return nil, err
	}
	c.Domain = s.target.endpoint(region)
	c.SetTransport(shared{s.target.Transport})
	s.clients[region] = c
	return c, nil
}

// call is a Caller.
func (s *officialSDK) call(region, action string, params map[string]string) ([]byte, error) {
	client, err := s.client(region)
	if err != nil {
		return nil, err
	}
	method := reflect.ValueOf(client).MethodByName(action)
	if request, ok := s.typedRequest(method, action, params); ok {
		out := method.Call([]reflect.Value{request})
		if err, _ := out[1].Interface().(error); err != nil {
			return nil, refusalOf(err)
		}
		answer := out[0].Interface().(responses.AcsResponse).GetHttpContentBytes()
		return answer, decodesInto(out[0].Elem(), answer)
	}
	request := requests.NewCommonRequest()
	request.Product, request.Version, request.ApiName = product, apiVersion, action
	request.Domain, request.Scheme, request.Method = s.target.endpoint(region), s.target.Scheme, requests.POST
	request.QueryParams = params
	response, err := client.ProcessCommonRequest(request)
	if err != nil {
		return nil, refusalOf(err)
	}
	return response.GetHttpContentBytes(), nil
}

// typedRequest returns the request of a method, with its fields set. It reports whether the method exists and all
// parameters are fields of its request; an empty field is not sent, so that a parameter that is empty is none.
func (s *officialSDK) typedRequest(method reflect.Value, action string, params map[string]string) (request reflect.Value, ok bool) {
	if !method.IsValid() {
		return request, false
	}
	request = reflect.New(method.Type().In(0).Elem())
	rpc := new(requests.RpcRequest)
	rpc.InitWithApiInfo(product, apiVersion, action, "kms", "openAPI")
	rpc.Scheme = s.target.Scheme
	request.Elem().FieldByName("RpcRequest").Set(reflect.ValueOf(rpc))
	fields := map[string]reflect.Value{}
	for i := range request.Elem().NumField() {
		if f := request.Elem().Field(i); f.Kind() == reflect.String {
			fields[request.Elem().Type().Field(i).Tag.Get("name")] = f
		}
	}
	for name, value := range params {
		f, ok := fields[name]
		if !ok || value == "" {
			return request, false
		}
		f.SetString(value)
	}
	return request, true
}

// refusalOf returns the service's refusal in an error of the SDK, or the error.
func refusalOf(err error) error {
	var server *sdkerrors.ServerError
	if !errors.As(err, &server) {
		return err
	}
	return &Refusal{Status: server.HttpStatus(), Code: server.ErrorCode(), Message: server.Message(), RequestID: server.RequestId()}
}

// decodesInto refuses an answer of which the SDK's own struct has not kept what it has fields for.
func decodesInto(typed reflect.Value, answer []byte) error {
	var doc any
	dec := json.NewDecoder(bytes.NewReader(answer))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		return err
	}
	return kept(typed, doc, "answer")
}

func kept(v reflect.Value, doc any, path string) error {
	switch doc := doc.(type) {
	case map[string]any:
		if v.Kind() != reflect.Struct {
			return fmt.Errorf("%s is an object, and a %v of the SDK", path, v.Type())
		}
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if member, ok := doc[name]; ok && name != "" {
				if err := kept(v.Field(i), member, path+"."+name); err != nil {
					return err
				}
			}
		}
	case []any:
		if v.Kind() != reflect.Slice || v.Len() != len(doc) {
			return fmt.Errorf("%s is a list of %d, and %v to the SDK", path, len(doc), v)
		}
		for i := range doc {
			if err := kept(v.Index(i), doc[i], fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case nil:
	default:
		if fmt.Sprint(v) != fmt.Sprint(doc) {
			return fmt.Errorf("%s is not to the SDK what the answer says", path) // neither value is printed: it may be secret
		}
	}
	return nil
}
