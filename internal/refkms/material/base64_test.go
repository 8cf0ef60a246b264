package material_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

func TestBase64(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []byte // nil: refused
	}{
		{"bytes", "AAECAw==", []byte{0, 1, 2, 3}},
		{"folded as openssl does", strings.Repeat(strings.Repeat("A", 64)+"\n", 8), make([]byte, 384)},
		{"blanks and tabs", " A A\tE=\r\n", []byte{0, 1}},
		{"nothing but blanks", " \n", []byte{}},
		{"bits beyond the last byte", "AAF=", []byte{0, 1}},
		{"not padded", "AAE", nil},
		{"the other alphabet", "-_-_", nil},
		{"PEM", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", nil},
		{"longest", strings.Repeat("A", 16<<10), make([]byte, 12<<10)},
		{"too long", strings.Repeat("A", 16<<10+4), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b material.Base64
			if err := b.SetParam(tt.text); (err == nil) != (tt.want != nil) || !bytes.Equal(b, tt.want) {
				t.Errorf("SetParam(%.40q) = %x, %v, want %x", tt.text, []byte(b), err, tt.want)
			}
		})
	}
	if b := (material.Base64{0, 1}); b.ParamText() != "AAE=" {
		t.Errorf("ParamText = %s, want AAE=", b.ParamText())
	}
	if b := make(material.Base64, 12<<10); b.CheckParam() != nil {
		t.Error("CheckParam refuses the longest")
	}
	if b := make(material.Base64, 12<<10+1); b.CheckParam() == nil {
		t.Error("CheckParam accepts one byte more than the longest")
	}
}

// What is base64 may be a plaintext: it shows nowhere but in the answer.
func TestBase64IsNotShown(t *testing.T) {
	v := struct{ B material.Base64 }{material.Base64("secret")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, v); !strings.Contains(got, "[bytes]") || strings.Contains(got, "secret") || strings.Contains(got, "736563") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "b", v.B)
	if !strings.Contains(log.String(), "b=[bytes]") {
		t.Errorf("slog writes %s", log.String())
	}
	if doc, err := json.Marshal(v); err != nil || string(doc) != `{"B":"c2VjcmV0"}` {
		t.Errorf("Marshal = %s, %v", doc, err)
	}
}
