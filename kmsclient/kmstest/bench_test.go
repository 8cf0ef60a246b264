package kmstest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// BenchmarkSDK measures GenerateDataKey and Decrypt by the official SDK over loopback HTTP, as a program has them that runs
// against the reference KMS unchanged. Most of the time is the SDK's.
func BenchmarkSDK(b *testing.B) {
	server, err := refkms.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	key, err := server.Client(nil).CreateKey(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	listener := httptest.NewServer(server.Handler())
	b.Cleanup(listener.Close)
	transport := struct{ http.RoundTripper }{&http.Transport{MaxIdleConnsPerHost: 8}} // hidden, or the SDK would write into it
	id, secret := server.AccessKey()
	newClient := func() *kms.Client {
		client, err := kms.NewClientWithAccessKey(refkms.DefaultRegion, id, secret)
		if err != nil {
			b.Fatal(err)
		}
		client.Domain = strings.TrimPrefix(listener.URL, "http://")
		client.SetTransport(transport)
		return client
	}
	generate := func(client *kms.Client) (*kms.GenerateDataKeyResponse, error) {
		request := kms.CreateGenerateDataKeyRequest()
		request.Scheme, request.KeyId = "http", key.KeyID
		return client.GenerateDataKey(request)
	}
	dataKey, err := generate(newClient())
	if err != nil {
		b.Fatal(err)
	}
	for _, line := range []struct {
		name string
		call func(*kms.Client) error
	}{
		{"GenerateDataKey", func(client *kms.Client) error { _, err := generate(client); return err }},
		{"Decrypt", func(client *kms.Client) error {
			request := kms.CreateDecryptRequest()
			request.Scheme, request.CiphertextBlob = "http", dataKey.CiphertextBlob
			_, err := client.Decrypt(request)
			return err
		}},
	} {
		for _, callers := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s/callers=%d", line.name, callers), func(b *testing.B) {
				clients := make([]*kms.Client, callers) // one for each: a client of the SDK is for one goroutine
				for i := range clients {
					clients[i] = newClient()
				}
				b.ResetTimer()
				var wg sync.WaitGroup
				for i, client := range clients {
					calls := b.N / callers
					if i < b.N%callers {
						calls++
					}
					wg.Go(func() {
						for range calls {
							if err := line.call(client); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
			})
		}
	}
}
