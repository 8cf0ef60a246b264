package osscse_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
)

// A vector is the published object of the vendor, as far as it is committed here: metadata, what they unwrap to, and
// some of its blocks.
type vector struct {
	metadata         map[string]string
	key, counter     []byte
	size             int64
	rows             []row
	sumEnc, sumPlain string
}

type row struct {
	off                            int64
	counter, ciphertext, plaintext []byte
}

func readVector(t *testing.T) *vector {
	t.Helper()
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	v := &vector{metadata: map[string]string{}}
	for line := range strings.Lines(string(read(t, "vector.txt"))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "data-key":
			v.key = unhex(value)
		case "counter":
			v.counter = unhex(value)
		case "size":
			v.size, _ = strconv.ParseInt(value, 10, 64)
		case "row":
			f := append(strings.Fields(value), "", "")
			off, err := strconv.ParseInt(f[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			v.rows = append(v.rows, row{off, unhex(f[1]), unhex(f[2]), unhex(f[3])})
		case "sha256-of-ciphertext":
			v.sumEnc = value
		case "sha256-of-plaintext":
			v.sumPlain = value
		default:
			v.metadata[name] = value
		}
	}
	if len(v.rows) != 5 || len(v.metadata) != 4 || v.size == 0 {
		t.Fatalf("vector.txt has %d rows, %d metadata", len(v.rows), len(v.metadata))
	}
	return v
}

func TestVector(t *testing.T) {
	v := readVector(t)
	m, err := osscse.Inspect(v.metadata)
	if err != nil || m.WrapAlgorithm != "RSA/NONE/PKCS1Padding" || m.ContentLength != -1 || m.Legacy {
		t.Fatalf("Inspect = %+v, %v", m, err)
	}
	o, err := osscse.NewObject(m, v.key, v.counter)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range v.rows {
		if got := o.CounterAt(row.off); !bytes.Equal(got, row.counter) {
			t.Errorf("counter at %d = %x, want %x", row.off, got, row.counter)
		}
		if len(row.ciphertext) == 0 {
			continue
		}
		rg, err := osscse.NewRange(row.off, int64(len(row.plaintext)))
		if err != nil {
			t.Fatal(err)
		}
		r, err := o.NewRangeReader(rg, osscse.Answer{
			StatusCode:   206,
			ContentRange: fmt.Sprintf("bytes %d-%d/%d", row.off, row.off+int64(len(row.ciphertext))-1, v.size),
			Body:         bytes.NewReader(row.ciphertext),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, row.plaintext) {
			t.Errorf("bytes from %d = %x, %v, want %x", row.off, got, err, row.plaintext)
		}
	}
	// Bytes 20 to 31: asked for from 16, 4 of them dropped.
	rg, err := osscse.NewRange(20, 12)
	if err != nil {
		t.Fatal(err)
	}
	if got := rg.Header()["Range"]; got != "bytes=16-31" {
		t.Errorf("Range = %q", got)
	}
	r, err := o.NewRangeReader(rg, osscse.Answer{206, "bytes 16-31/21839", bytes.NewReader(v.rows[1].ciphertext)})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || hex.EncodeToString(got) != "ffdb00430006040405040406" {
		t.Errorf("bytes 20 to 31 = %x, %v", got, err)
	}
}

// The whole published object, with its test key, from a clone of the vendor's repository.
func TestVectorWhole(t *testing.T) {
	const env = "XINFENG_OSS_GO_SDK"
	dir := os.Getenv(env)
	if dir == "" {
		t.Skipf("%s is not set to a clone of alibabacloud-oss-go-sdk-v2", env)
	}
	source, err := os.ReadFile(filepath.Join(dir, "oss", "encryption_client_mock_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)rsaPrivateKeyCompatibility string = `(.*?)`").FindSubmatch(source)
	if found == nil {
		t.Fatal("no test key in the clone")
	}
	key, err := osscse.NewRSAKey(found[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(filepath.Join(dir, "sample", "enc-example.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	v := readVector(t)
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != v.sumEnc {
		t.Errorf("SHA-256 of the body is %x", sum)
	}
	o, err := newClient(t, key).OpenUnauthenticated(t.Context(), v.metadata)
	if err != nil {
		t.Fatal(err)
	}
	plaintext, err := io.ReadAll(o.NewReader(bytes.NewReader(body)))
	if sum := sha256.Sum256(plaintext); err != nil || hex.EncodeToString(sum[:]) != v.sumPlain {
		t.Errorf("SHA-256 of the plaintext is %x, %v", sum, err)
	}
}
