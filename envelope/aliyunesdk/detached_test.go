package aliyunesdk_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/internal/kmskey/kmskeytest"
)

// opens are all ways to read a body alone.
var opens = map[string]func(t *testing.T, d *aliyunesdk.Detached, body []byte) ([]byte, error){
	"Decrypt": func(_ *testing.T, d *aliyunesdk.Detached, body []byte) ([]byte, error) { return d.Decrypt(body) },
	"NewReader": func(_ *testing.T, d *aliyunesdk.Detached, body []byte) ([]byte, error) {
		r, err := d.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	},
	"NewReaderAt": func(t *testing.T, d *aliyunesdk.Detached, body []byte) ([]byte, error) {
		r, err := d.NewReaderAt(t.Context(), bytes.NewReader(body), int64(len(body)))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	},
}

func TestDetached(t *testing.T) {
	api := &kmskeytest.KMS{}
	ec := aliyunesdk.Context{"app": "billing"}
	for _, alg := range []aliyunesdk.Algorithm{aliyunesdk.AES128GCM, aliyunesdk.AES256GCM, aliyunesdk.SM4GCM} {
		c := newClient(t, &aliyunesdk.Options{Algorithm: alg}, aliyunesdk.Key{ARN: keyA, API: api}, aliyunesdk.Key{ARN: keyB, API: api})
		made, err := c.NewDetached(t.Context(), ec)
		if err != nil {
			t.Fatal(err)
		}
		h, err := aliyunesdk.InspectDetached(made.Header())
		if err != nil || len(h.Keys) != 2 || !maps.Equal(h.Context, ec) || h.Algorithm != alg {
			t.Errorf("InspectDetached = %+v, %v", h, err)
		}
		if made.Info().KeyID != keyA || made.Info().Algorithm != alg || !maps.Equal(made.Info().Context, ec) {
			t.Errorf("Info = %+v", made.Info())
		}
		opened, err := newClient(t, nil, aliyunesdk.Key{ARN: keyB, API: api}).OpenDetached(t.Context(), made.Header(), ec)
		if err != nil {
			t.Fatal(err)
		}
		if opened.Header() != made.Header() || opened.Info().KeyID != keyB {
			t.Errorf("opened %q by %+v", opened.Header(), opened.Info())
		}
		calls := api.Calls("")
		for _, size := range []int{0, 1, 1000, segment + 1} {
			plaintext := random(size)
			one, err := made.Encrypt(plaintext)
			if err != nil {
				t.Fatal(err)
			}
			var stream bytes.Buffer
			w, err := opened.NewWriter(&stream)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(plaintext); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			for _, body := range [][]byte{one, stream.Bytes()} {
				for name, open := range opens {
					for _, d := range []*aliyunesdk.Detached{made, opened} {
						if got, err := open(t, d, body); err != nil || !bytes.Equal(got, plaintext) {
							t.Errorf("%v, %d bytes: %s = %d bytes, %v", alg, size, name, len(got), err)
						}
					}
					for i := range min(len(body), 60) {
						broken := bytes.Clone(body)
						broken[i] ^= 1
						if got, err := open(t, made, broken); err == nil || got != nil {
							t.Errorf("%v, %d bytes, byte %d changed: %s = %d bytes, %v", alg, size, i, name, len(got), err)
						}
						if got, err := open(t, made, body[:i]); err == nil || got != nil {
							t.Errorf("%v, first %d of %d bytes: %s = %d bytes, %v", alg, i, size, name, len(got), err)
						}
					}
				}
			}
		}
		if n := api.Calls("") - calls; n != 0 {
			t.Errorf("%d calls for bodies", n)
		}
	}
}

// split takes a one-shot message apart as the vendor's SDK stores it: the header, and the body alone.
func split(t *testing.T, message []byte) (header string, body []byte) {
	t.Helper()
	m := parseDER(t, message)
	return base64.StdEncoding.EncodeToString(m.child(0).marshal()), m.child(1).marshal()
}

func TestDetachedVectors(t *testing.T) {
	for _, v := range aliyunesdk.ReadVectors(t) {
		if v.Encoding != aliyunesdk.OneShot {
			continue
		}
		api := &kmskeytest.KMS{}
		c := plant(t, api, v.Message, v.DataKeyText(), &aliyunesdk.Options{InsecureAllowAlgorithms: insecure})
		header, body := split(t, v.Message)
		d, err := c.OpenDetached(t.Context(), header, v.Context)
		if err != nil {
			t.Fatal(err)
		}
		for name, open := range opens {
			if got, err := open(t, d, body); err != nil || !bytes.Equal(got, v.Plaintext) {
				t.Errorf("%s: %s = %q, %v", v.Name, name, got, err)
			}
			// A whole message is none, and none is empty.
			for what, b := range map[string][]byte{"message": v.Message, "nothing": nil} {
				var parse *aliyunesdk.ParseError
				if got, err := open(t, d, b); !errors.As(err, &parse) || got != nil {
					t.Errorf("%s: %s of %s = %v, want a ParseError", v.Name, name, what, err)
				}
			}
			if got, err := open(t, d, append(bytes.Clone(body), 0)); !errors.Is(err, aliyunesdk.ErrMalformed) || got != nil {
				t.Errorf("%s: %s of more than a body = %v, want ErrMalformed", v.Name, name, err)
			}
		}
		if !v.Algorithm.Authenticated() {
			if _, err := d.Encrypt(nil); !errors.Is(err, aliyunesdk.ErrUnauthenticatedAlgorithm) {
				t.Errorf("%s: Encrypt = %v, want ErrUnauthenticatedAlgorithm", v.Name, err)
			}
			if _, err := d.NewWriter(io.Discard); !errors.Is(err, aliyunesdk.ErrUnauthenticatedAlgorithm) {
				t.Errorf("%s: NewWriter = %v, want ErrUnauthenticatedAlgorithm", v.Name, err)
			}
		}
	}
	// What the package comment warns of: bodies of messages under one data key and context can be exchanged.
	j1, s4 := vector(t, "J1"), vector(t, "S4")
	header, _ := split(t, j1.Message)
	d, err := plant(t, &kmskeytest.KMS{}, j1.Message, j1.DataKeyText(), nil).OpenDetached(t.Context(), header, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := s4.Message[bytes.Index(s4.Message, []byte{12, 0, 0, 0, 0xa2}):]
	if got, err := d.Decrypt(body); err != nil || !bytes.Equal(got, s4.Plaintext) {
		t.Errorf("body of another message: %q, %v", got, err)
	}
}

func TestDetachedHeaders(t *testing.T) {
	v := vector(t, "J2")
	header, _ := split(t, v.Message)
	der, err := base64.StdEncoding.DecodeString(header)
	if err != nil {
		t.Fatal(err)
	}
	whole := base64.StdEncoding.EncodeToString(v.Message)
	behind := base64.StdEncoding.EncodeToString(append(bytes.Clone(der), 0))
	api := &kmskeytest.KMS{}
	c := plant(t, api, v.Message, v.DataKeyText(), nil)
	for name, tt := range map[string]struct {
		header string
		want   error
	}{
		"empty":           {"", io.ErrUnexpectedEOF},
		"no base64":       {"?", aliyunesdk.ErrMalformed},
		"line end":        {header + "\n", aliyunesdk.ErrMalformed},
		"line ends":       {header[:64] + "\r\n" + header[64:], aliyunesdk.ErrMalformed},
		"unpadded":        {strings.TrimRight(header, "="), aliyunesdk.ErrMalformed},
		"cut":             {header[:64], io.ErrUnexpectedEOF},
		"whole message":   {whole, aliyunesdk.ErrMalformed},
		"something after": {behind, aliyunesdk.ErrMalformed},
		"enormous":        {strings.Repeat("A", 2<<20), aliyunesdk.ErrTooLarge},
	} {
		if tt.header == header {
			continue // J2's has no padding
		}
		if d, err := c.OpenDetached(t.Context(), tt.header, v.Context); !errors.Is(err, tt.want) || d != nil {
			t.Errorf("%s: OpenDetached = %v, want %v", name, err, tt.want)
		}
		if h, err := aliyunesdk.InspectDetached(tt.header); !errors.Is(err, tt.want) || h != nil {
			t.Errorf("%s: InspectDetached = %v, want %v", name, err, tt.want)
		}
	}
	if _, err := c.OpenDetached(t.Context(), header, nil); !errors.Is(err, aliyunesdk.ErrAuthentication) {
		t.Errorf("without its context: %v, want ErrAuthentication", err)
	}
	if n := api.Calls(""); n != 0 {
		t.Errorf("%d calls", n)
	}
	for i := range der {
		broken := bytes.Clone(der)
		broken[i] ^= 4
		if d, err := c.OpenDetached(t.Context(), base64.StdEncoding.EncodeToString(broken), v.Context); err == nil || d != nil {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	boom := errors.New("boom")
	down := newClient(t, nil, aliyunesdk.Key{ARN: keyA, API: &kmskeytest.KMS{Fail: map[string]error{"GenerateDataKey": boom}}})
	if _, err := down.NewDetached(t.Context(), nil); !errors.Is(err, boom) {
		t.Errorf("NewDetached = %v, want boom", err)
	}
	d, err := c.OpenDetached(t.Context(), header, v.Context)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.NewReader(errReader{boom}); !errors.Is(err, boom) {
		t.Errorf("NewReader = %v, want boom", err)
	}
}
