package kmsclient_test

import (
	"errors"
	"testing"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"

	"github.com/xinfeng-kms/xinfeng/kmsclient"
	"github.com/xinfeng-kms/xinfeng/kmsclient/kmstest"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// The suite of KMS servers, through the clients of Client.SDK: what this package puts between the SDK and the service
// changes no answer and no refusal, down to its wording.
func TestSuiteThroughSDK(t *testing.T) {
	newTarget := func(t *testing.T, quotas *refkms.Quotas) kmstest.Target {
		server, err := refkms.New(&refkms.Options{Quotas: quotas})
		if err != nil {
			t.Fatal(err)
		}
		id, secret := server.AccessKey()
		regions, err := kmsclient.NewRegions(&kmsclient.Options{Credential: accessKey(t, id, secret), Transport: server.Transport()})
		if err != nil {
			t.Fatal(err)
		}
		return kmstest.Target{
			Region: "cn-hangzhou", OtherRegion: "ap-southeast-1", PlainRegion: "cn-qingdao", Account: refkms.DefaultAccount,
			AccessKeyID: id, AccessKeySecret: secret, Transport: server.Transport(), Advance: server.Advance, Wording: true,
			Call: func(region, action string, params map[string]string) ([]byte, error) {
				c, err := regions.For(region)
				if err != nil {
					return nil, err
				}
				k, err := c.SDK()
				if err != nil {
					return nil, err
				}
				req := requests.NewCommonRequest()
				req.Product, req.Version, req.ApiName, req.Method, req.QueryParams = "Kms", "2016-01-20", action, requests.POST, params
				resp, err := k.ProcessCommonRequest(req)
				var refused *sdkerrors.ServerError
				if errors.As(err, &refused) {
					return nil, &kmstest.Refusal{Status: refused.HttpStatus(), Code: refused.ErrorCode(), Message: refused.Message(), RequestID: refused.RequestId()}
				}
				if err != nil {
					return nil, err
				}
				return resp.GetHttpContentBytes(), nil
			},
		}
	}
	target := newTarget(t, &refkms.Quotas{None: true})
	target.Limited = func(t *testing.T, keys, aliases int) kmstest.Target {
		return newTarget(t, &refkms.Quotas{Keys: keys, Aliases: aliases})
	}
	kmstest.Run(t, target)
}
