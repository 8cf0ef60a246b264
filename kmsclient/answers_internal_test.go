package kmsclient

import (
	"net/http"
	"strings"
	"testing"
)

// What was read of a plaintext is wiped, with the body and with an answer that is refused. White-box, for it is memory that
// nobody is given.
func TestDecodeWipes(t *testing.T) {
	for _, tt := range []struct{ name, body string }{
		{"fine", `{"KeyId":"k","Plaintext":"YW5zd2Vy"}`},
		{"refused", `{"Plaintext":"YW5zd2Vy"}`},
		{"refused after it", `{"Plaintext":"YW5zd2Vy","KeyId":17}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &answer{status: http.StatusOK, header: http.Header{}, body: []byte(tt.body)}
			var v decryptResult
			err := a.decode("Decrypt", &v)
			if got := string(v.Plaintext); err == nil && got != "YW5zd2Vy" || err != nil && got != strings.Repeat("\x00", 8) {
				t.Errorf("plaintext %q, error %v", got, err)
			}
			if strings.Trim(string(a.body), "\x00") != "" {
				t.Errorf("the body is %q", a.body)
			}
			var dk generateDataKeyResult
			a.body = []byte(`{"Plaintext":"YW5zd2Vy"}`)
			if err := a.decode("GenerateDataKey", &dk); err == nil || strings.Trim(string(dk.Plaintext), "\x00") != "" {
				t.Errorf("data key %q, error %v", dk.Plaintext, err)
			}
		})
	}
}
