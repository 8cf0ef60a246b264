package kmsclient_test

import (
	"testing"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

// What the client and the SDK cost beside the network: a transport that answers at once.
func BenchmarkCall(b *testing.B) {
	c := newClient(b, kmsclient.Options{Transport: always(200, described)})
	b.ReportAllocs()
	for b.Loop() {
		if err := describe(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
}

// A round trip to the reference KMS.
func BenchmarkDecrypt(b *testing.B) {
	for name, w := range map[string]*world{"transport": newWorld(b, kmsclient.Options{}), "socket": newSocketWorld(b, kmsclient.Options{})} {
		b.Run(name, func(b *testing.B) {
			resp, err := w.client.GenerateDataKey(b.Context(), &kmsapi.GenerateDataKeyRequest{KeyID: w.key})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.client.Decrypt(b.Context(), &kmsapi.DecryptRequest{CiphertextBlob: resp.CiphertextBlob}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
