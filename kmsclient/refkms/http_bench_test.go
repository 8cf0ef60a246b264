package refkms_test

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// connections is how many keep-alive connections a benchmark has.
const connections = 8

// BenchmarkHandler measures GenerateDataKey over HTTP on eight keep-alive connections, beside a bare net/http handler
// that gets the same requests, wraps a data key by AES-GCM and answers the same JSON. Both run in turns, and the ratio is
// the median of theirs; the target is 0.6. Requests are signed beforehand, each with a nonce of its own; the client does next to
// nothing.
func BenchmarkHandler(b *testing.B) {
	server, err := refkms.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	key, err := server.Client(nil).CreateKey(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	id, secret := server.AccessKey()
	ours, bare := dial(b, server.Handler()), dial(b, bareHandler(b))
	const turn = 800 // requests
	var oursTime, bareTime []time.Duration
	var ratios []float64
	for b.Loop() {
		b.StopTimer()
		requests := make([][]byte, turn)
		for i := range requests {
			requests[i] = signedRequest(id, secret, map[string]string{"Action": "GenerateDataKey", "KeyId": key.KeyID, "NumberOfBytes": "32"})
		}
		b.StartTimer()
		o, r := run(b, ours, requests), run(b, bare, requests)
		oursTime, bareTime, ratios = append(oursTime, o/turn), append(bareTime, r/turn), append(ratios, float64(r)/float64(o))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(median(oursTime)), "ns/call")
	b.ReportMetric(float64(median(bareTime)), "ns/bare-call")
	b.ReportMetric(median(ratios), "of-bare")
}

// median of turns: what else the machine does in one of them does not count.
func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

// bareHandler returns a handler that does what cannot be spared.
func bareHandler(b *testing.B) http.Handler {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dataKey, nonce := make([]byte, 32), make([]byte, 12)
		rand.Read(dataKey)
		rand.Read(nonce)
		text := base64.StdEncoding.EncodeToString(dataKey)
		answer, err := json.Marshal(struct {
			KeyId, KeyVersionId, Plaintext, CiphertextBlob, RequestId string
		}{"1234abcd-12ab-34cd-56ef-12345678abcd", "1234abcd-12ab-34cd-56ef-12345678abcd", text,
			base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(text), nil)), "1234abcd-12ab-34cd-56ef-12345678abcd"})
		if err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(answer)
	})
}

// signedRequest returns a request as an SDK sends it.
func signedRequest(id, secret string, params map[string]string) []byte {
	q := url.Values{}
	for name, value := range params {
		q.Set(name, value)
	}
	for name, value := range map[string]string{
		"Version": "2016-01-20", "Format": "JSON", "AccessKeyId": id, "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0",
		"SignatureType": "", "SignatureNonce": rand.Text(), "Timestamp": time.Now().UTC().Format("2006-01-02T15:04:05Z"), "RegionId": "cn-hangzhou",
	} {
		q.Set(name, value)
	}
	mac := hmac.New(sha1.New, []byte(secret+"&"))
	// No value holds a blank, an asterisk or a tilde, on which form encoding and the signature's differ.
	io.WriteString(mac, "POST&%2F&"+url.QueryEscape(q.Encode()))
	q.Set("Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return []byte("POST /?" + q.Encode() + " HTTP/1.1\r\nHost: kms.cn-hangzhou.aliyuncs.com\r\nContent-Length: 0\r\n" +
		"Content-Type: application/x-www-form-urlencoded\r\nUser-Agent: AlibabaCloud (linux; amd64) Golang/1.26 Core/1.63.107\r\n" +
		"X-Sdk-Core-Version: 1.63.107\r\nX-Acs-Version: 2016-01-20\r\nAccept-Encoding: identity\r\n\r\n")
}

// dial serves a handler on loopback and connects to it.
func dial(b *testing.B, handler http.Handler) []net.Conn {
	listener := httptest.NewServer(handler)
	b.Cleanup(listener.Close)
	conns := make([]net.Conn, connections)
	for i := range conns {
		conn, err := net.Dial("tcp", strings.TrimPrefix(listener.URL, "http://"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		conns[i] = conn
	}
	return conns
}

// run sends the requests over all connections and returns how long it took.
func run(b *testing.B, conns []net.Conn, requests [][]byte) time.Duration {
	var wg sync.WaitGroup
	share := len(requests) / len(conns)
	start := time.Now()
	for i, conn := range conns {
		wg.Go(func() {
			in := bufio.NewReader(conn)
			for _, request := range requests[i*share : (i+1)*share] {
				if _, err := conn.Write(request); err != nil {
					b.Error(err)
					return
				}
				if err := skipAnswer(in); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// skipAnswer reads a success.
func skipAnswer(in *bufio.Reader) error {
	length := 0
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return fmt.Errorf("%s", line)
		}
		if len(line) == 0 {
			_, err := in.Discard(length)
			return err
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); textproto.CanonicalMIMEHeaderKey(string(name)) == "Content-Length" {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
}
