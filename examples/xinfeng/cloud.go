package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"

	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

// A cloud is Alibaba Cloud KMS, or whatever speaks its protocol at an endpoint. Credentials are those that package
// kmsclient finds in the environment, in a profile or in a role; none is ever a flag.
type cloud struct {
	regions *kmsclient.Regions
	region  string // of keys that are not named by ARN, "" if they have to be
}

var _ service = (*cloud)(nil)

func newCloud(region, endpoint string) (*cloud, error) {
	regions, err := kmsclient.NewRegions(&kmsclient.Options{Endpoint: endpoint, UserAgent: "xinfeng-cli"})
	if err != nil {
		return nil, usageError{err}
	}
	return &cloud{regions, region}, nil
}

// client returns the client of a key's region.
func (c *cloud) client(key string) (client *kmsclient.Client, err error) {
	switch {
	case strings.HasPrefix(key, "acs:"):
		client, err = c.regions.ForARN(key)
	case c.region == "":
		return nil, usagef("want --region, or the ARN of a key")
	default:
		client, err = c.regions.For(c.region)
	}
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}

func (c *cloud) api(key string) (kmsapi.API, error) { return c.client(key) }

func (c *cloud) writeTo(context.Context) ([]string, error) { return nil, errNoKey }

func (c *cloud) resolve(_ context.Context, key string) (string, error) { return key, nil }

func (c *cloud) opensAny() (keyring.KeyProvider, error) { return nil, errNoKey }

// do calls an operation once: keys are made and changed by hand, so whoever sees an error decides.
func (c *cloud) do(ctx context.Context, key, action string, params map[string]string, out any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	client, err := c.client(key)
	if err != nil {
		return err
	}
	sdk, err := client.SDK()
	if err != nil {
		return err
	}
	req := requests.NewCommonRequest()
	req.Product, req.Version, req.ApiName, req.Method = "Kms", "2016-01-20", action, requests.POST
	for name, value := range params {
		req.QueryParams[name] = value
	}
	if key != "" {
		req.QueryParams["KeyId"] = bareKey(key)
	}
	resp, err := sdk.ProcessCommonRequest(req)
	var refused *sdkerrors.ServerError
	if errors.As(err, &refused) {
		err = fmt.Errorf("%s: %s: %s (request %s)", action, refused.ErrorCode(), refused.Message(), refused.RequestId())
		if cause := causeOf(refused.ErrorCode()); cause != nil {
			return fmt.Errorf("%w: %w", err, cause)
		}
		return err
	} else if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(resp.GetHttpContentBytes(), out)
}

// bareKey returns the key id or alias that a key is named by, without the rest of an ARN.
func bareKey(key string) string {
	if !strings.HasPrefix(key, "acs:") {
		return key
	}
	return strings.TrimPrefix(key[strings.LastIndexByte(key, ':')+1:], "key/")
}

// causeOf returns the cause of a code that this program acts on, nil for others.
func causeOf(code string) error {
	switch {
	case code == "Forbidden.KeyNotFound", code == "Forbidden.AliasNotFound":
		return kmsapi.ErrKeyNotFound
	case code == "AliasAlreadyExists":
		return kmsapi.ErrConflict
	case code == "Rejected.Disabled":
		return kmsapi.ErrDisabled
	case code == "Rejected.PendingDeletion":
		return kmsapi.ErrPendingDeletion
	case code == kmsclient.CodeNoCredentials, strings.HasPrefix(code, "InvalidAccessKeyId"), strings.HasPrefix(code, "InvalidSecurityToken"),
		strings.HasPrefix(code, "SignatureDoesNotMatch"):
		return kmsapi.ErrUnauthenticated
	case code == "Forbidden.NoPermission":
		return kmsapi.ErrAccessDenied
	case strings.HasPrefix(code, "Forbidden"):
		return kmsapi.ErrServiceNotEnabled
	}
	return nil
}
