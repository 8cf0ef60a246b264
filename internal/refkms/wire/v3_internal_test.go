package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
)

// The gateway's own example of a signature is a request to another product, which the Handler refuses before it looks at
// the signature: hence a test of what is inside.
func TestCanonicalRequestOfAnotherProduct(t *testing.T) {
	const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	r := &request{method: "POST", host: "ecs.cn-shanghai.aliyuncs.com", header: http.Header{
		"X-Acs-Action":          {"RunInstances"},
		"X-Acs-Version":         {"2014-05-26"},
		"X-Acs-Date":            {"2023-10-26T10:22:32Z"},
		"X-Acs-Signature-Nonce": {"3156853299f313e23d1673dc12e1703d"},
		"X-Acs-Content-Sha256":  {emptyHash},
	}, rawQuery: "RegionId=cn-shanghai&ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}
	if err := r.parse(); err != nil {
		t.Fatal(err)
	}
	names := strings.Split("host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version", ";")
	if !r.signsAll(names) {
		t.Error("signsAll = false")
	}
	sum := sha256.Sum256(r.canonicalRequest(names, emptyHash, true))
	hash := hex.EncodeToString(sum[:])
	if want := "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259"; hash != want {
		t.Errorf("hash of the canonical request = %s, want %s", hash, want)
	}
	mac := hmac.New(sha256.New, []byte("YourAccessKeySecret"))
	mac.Write([]byte("ACS3-HMAC-SHA256\n" + hash))
	if got, want := hex.EncodeToString(mac.Sum(nil)), "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"; got != want {
		t.Errorf("signature = %s, want %s", got, want)
	}
}
