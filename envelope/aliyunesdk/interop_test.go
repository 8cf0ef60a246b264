package aliyunesdk_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
)

// These exchange messages with the vendor's own SDKs, which talk to the reference KMS on loopback over its HTTP interface,
// while this package talks to it in the process. They run where the environment says where the SDKs are:
//
//	XINFENG_ALIYUN_ESDK_PYTHON  a Python interpreter that has aliyun_encryption_sdk, from a clone of
//	                            alibabacloud-encryption-sdk-python with PYTHONPATH set to its src, and what it requires
//	XINFENG_ALIYUN_ESDK_JAVA    the class path of alibabacloud-encryption-sdk-java and what it requires; java and keytool
//	                            of JDK 11 or newer are looked for in PATH
//
// Neither SDK is on PyPI or Maven Central; both are built from the vendor's repositories.

// An sdk is a program that answers requests, of testdata/interop.
type sdk struct {
	in  io.Writer
	out *bufio.Scanner
}

type sdkRequest struct {
	Op        string               `json:"op"`
	Algorithm aliyunesdk.Algorithm `json:"algorithm"`
	Keys      []string             `json:"keys"`
	Context   aliyunesdk.Context   `json:"context"`
	Data      []byte               `json:"data"`
	Header    string               `json:"header,omitempty"`
	Stream    bool                 `json:"stream"`
}

func start(t *testing.T, env []string, name string, args ...string) *sdk {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(append(os.Environ(), "NO_PROXY=*"), env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
		if t.Failed() {
			t.Logf("standard error of %s:\n%s", name, &stderr)
		}
	})
	s := &sdk{in: in, out: bufio.NewScanner(out)}
	s.out.Buffer(nil, 64<<20)
	return s
}

func (s *sdk) ask(t *testing.T, r sdkRequest) ([]byte, error) {
	t.Helper()
	if r.Context == nil {
		r.Context = aliyunesdk.Context{}
	}
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	if !s.out.Scan() {
		t.Fatalf("no answer: %v", s.out.Err())
	}
	var answer struct {
		Data  []byte
		Error string
	}
	if err := json.Unmarshal(s.out.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("SDK: %s", answer.Error)
	}
	return answer.Data, nil
}

func TestExchangeWithPython(t *testing.T) {
	const env = "XINFENG_ALIYUN_ESDK_PYTHON"
	python := os.Getenv(env)
	if python == "" {
		t.Skipf("%s is not set to a Python interpreter with the vendor's encryption SDK", env)
	}
	w := newWorld(t)
	srv := httptest.NewServer(w.server.Handler())
	defer srv.Close()
	id, secret := w.server.AccessKey()
	s := start(t, nil, python, filepath.Join("testdata", "interop", "sdk.py"), srv.URL, id, secret)
	exchange(t, w, s, false, []aliyunesdk.Algorithm{1, 2}, []aliyunesdk.Algorithm{3, 4, 5, 6, 7, 8})
}

func TestExchangeWithJava(t *testing.T) {
	const env = "XINFENG_ALIYUN_ESDK_JAVA"
	path := os.Getenv(env)
	if path == "" {
		t.Skipf("%s is not set to the class path of the vendor's encryption SDK", env)
	}
	w := newWorld(t)
	srv := httptest.NewTLSServer(w.server.Handler()) // the SDK speaks nothing else
	defer srv.Close()
	dir := t.TempDir()
	cert, store := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "store.jks")
	if err := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "keytool", "-importcert", "-noprompt", "-alias", "loopback", "-file", cert, "-keystore", store, "-storepass", "changeit").CombinedOutput(); err != nil {
		t.Fatalf("keytool: %v\n%s", err, out)
	}
	id, secret := w.server.AccessKey()
	s := start(t, nil, "java", "-Djavax.net.ssl.trustStore="+store, "-Djavax.net.ssl.trustStorePassword=changeit", "-cp", path,
		filepath.Join("testdata", "interop", "Sdk.java"), strings.TrimPrefix(srv.URL, "https://"), id, secret)
	exchange(t, w, s, true, []aliyunesdk.Algorithm{1, 2, 9}, []aliyunesdk.Algorithm{3, 4, 5, 6, 7, 8, 10, 11, 12})
}

// exchange has messages of each side read by the other.
func exchange(t *testing.T, w *world, s *sdk, streams bool, both, reading []aliyunesdk.Algorithm) {
	arns := func(keys []aliyunesdk.Key) (ids []string) {
		for _, k := range keys {
			ids = append(ids, k.ARN)
		}
		return ids
	}
	contexts := []aliyunesdk.Context{nil, {"tenant": "42", "键": "值", "long": strings.Repeat("x", 100), "": "<&>'="}}
	encodings := []bool{false}
	if streams {
		encodings = append(encodings, true)
	}
	n := 0
	for _, alg := range both {
		for _, keys := range [][]aliyunesdk.Key{w.keys[:1], w.keys[:2], w.keys} {
			for _, ec := range contexts {
				for _, stream := range encodings {
					for _, size := range []int{0, 1, 16, 1000, 200_000} {
						name := fmt.Sprintf("%v, %d keys, %d pairs, stream %v, %d bytes", alg, len(keys), len(ec), stream, size)
						c := newClient(t, &aliyunesdk.Options{Algorithm: alg}, keys...)
						plaintext := random(size)

						// Ours, read by the SDK with each of the keys alone.
						var message []byte
						var err error
						if stream {
							message = writeStream(t, c, plaintext, ec, 70_000)
						} else if message, err = c.Encrypt(t.Context(), plaintext, ec); err != nil {
							t.Fatal(err)
						}
						for _, k := range keys {
							got, err := s.ask(t, sdkRequest{Op: "decrypt", Algorithm: alg, Keys: []string{k.ARN}, Context: ec, Data: message, Stream: stream})
							if err != nil || !bytes.Equal(got, plaintext) {
								t.Errorf("%s: the SDK opens ours to %d bytes, %v", name, len(got), err)
							}
						}

						// The SDK's, read by us in every way.
						message, err = s.ask(t, sdkRequest{Op: "encrypt", Algorithm: alg, Keys: arns(keys), Context: ec, Data: plaintext, Stream: stream})
						if err != nil {
							t.Errorf("%s: the SDK does not encrypt: %v", name, err)
							continue
						}
						for _, k := range keys {
							for reading, read := range readings {
								if got, err := read(newClient(t, nil, k), t.Context(), message, ec); err != nil || !bytes.Equal(got, plaintext) {
									t.Errorf("%s: %s of the SDK's = %d bytes, %v", name, reading, len(got), err)
								}
							}
						}
						n++
					}
				}
			}
		}
	}
	for _, alg := range reading {
		c := newClient(t, &aliyunesdk.Options{InsecureAllowAlgorithms: []aliyunesdk.Algorithm{alg}}, w.keys[0])
		for _, stream := range encodings {
			for _, size := range []int{16, 160, 1000, 200_000} {
				if size == 1000 && slices.Contains([]aliyunesdk.Algorithm{3, 4, 10}, alg) {
					continue // no whole blocks
				}
				plaintext := random(size)
				message, err := s.ask(t, sdkRequest{Op: "encrypt", Algorithm: alg, Keys: arns(w.keys[:1]), Context: contexts[1], Data: plaintext, Stream: stream})
				if err != nil {
					t.Errorf("%v, stream %v, %d bytes: the SDK does not encrypt: %v", alg, stream, size, err)
					continue
				}
				for reading, read := range readings {
					if got, err := read(c, t.Context(), message, contexts[1]); err != nil || !bytes.Equal(got, plaintext) {
						t.Errorf("%v, stream %v, %d bytes: %s of the SDK's = %d bytes, %v", alg, stream, size, reading, len(got), err)
					}
				}
				n++
			}
		}
	}
	n += exchangeDetached(t, w, s, encodings, contexts)
	t.Logf("%d cases", n)

	// A message that was changed is refused by the SDK, too: it sees what we see.
	message, err := newClient(t, nil, w.keys[0]).Encrypt(t.Context(), []byte("hello"), nil)
	if err != nil {
		t.Fatal(err)
	}
	message[len(message)-1] ^= 1
	if got, err := s.ask(t, sdkRequest{Op: "decrypt", Algorithm: 2, Keys: arns(w.keys[:1]), Data: message}); err == nil {
		t.Errorf("the SDK opens a changed message to %q", got)
	}
}

// exchangeDetached does so with messages whose header is kept elsewhere: ours, or cut off a message of the SDK's.
func exchangeDetached(t *testing.T, w *world, s *sdk, encodings []bool, contexts []aliyunesdk.Context) (n int) {
	c := newClient(t, nil, w.keys[0])
	for _, ec := range contexts {
		made, err := c.NewDetached(t.Context(), ec)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := s.ask(t, sdkRequest{Op: "encrypt", Algorithm: 2, Keys: []string{w.keys[0].ARN}, Context: ec, Data: []byte{}})
		if err != nil {
			t.Fatal(err)
		}
		header := base64.StdEncoding.EncodeToString(parseDER(t, theirs).child(0).marshal())
		opened, err := c.OpenDetached(t.Context(), header, ec)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []*aliyunesdk.Detached{made, opened} {
			for _, stream := range encodings {
				plaintext := random(100_000)
				var b bytes.Buffer
				if stream {
					bw, err := d.NewWriter(&b)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := bw.Write(plaintext); err != nil {
						t.Fatal(err)
					}
					if err := bw.Close(); err != nil {
						t.Fatal(err)
					}
				} else {
					body, err := d.Encrypt(plaintext)
					if err != nil {
						t.Fatal(err)
					}
					b.Write(body)
				}
				r := sdkRequest{Op: "decrypt", Algorithm: 2, Keys: []string{w.keys[0].ARN}, Context: ec, Data: b.Bytes(), Header: d.Header(), Stream: stream}
				if got, err := s.ask(t, r); err != nil || !bytes.Equal(got, plaintext) {
					t.Errorf("detached, %d pairs, stream %v: the SDK opens ours to %d bytes, %v", len(ec), stream, len(got), err)
				}
				r.Op, r.Data = "encrypt", plaintext
				body, err := s.ask(t, r)
				if err != nil {
					t.Errorf("detached, %d pairs, stream %v: the SDK does not encrypt: %v", len(ec), stream, err)
					continue
				}
				for name, open := range opens {
					if got, err := open(t, d, body); err != nil || !bytes.Equal(got, plaintext) {
						t.Errorf("detached, %d pairs, stream %v: %s of the SDK's = %d bytes, %v", len(ec), stream, name, len(got), err)
					}
				}
				n++
			}
		}
	}
	return n
}
