package osscse

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/internal/kmskey"
)

// MaxMetadataValue bounds each value in characters. OSS takes 8 KB of metadata in all.
const MaxMetadataValue = 8192

// The names of the metadata, without the prefix of user metadata, and those of older Python SDKs.
const (
	prefix = "x-oss-meta-"

	nameKey         = "client-side-encryption-key"
	nameStart       = "client-side-encryption-start"
	nameCEK         = "client-side-encryption-cek-alg"
	nameWrap        = "client-side-encryption-wrap-alg"
	nameDescription = "client-side-encryption-matdesc"
	nameLength      = "client-side-encryption-unencrypted-content-length"
	nameMD5         = "client-side-encryption-unencrypted-content-md5"
	namePartSize    = "client-side-encryption-part-size"
	nameDataSize    = "client-side-encryption-data-size"

	legacyKey         = "oss-crypto-key"
	legacyStart       = "oss-crypto-start"
	legacyCEK         = "oss-cek-alg"
	legacyWrap        = "oss-wrap-alg"
	legacyDescription = "oss-crypto-matdesc"
	legacyLength      = "oss-crypto-unencrypted-content-length"
	legacyMD5         = "oss-crypto-unencrypted-content-md5"
)

// The values of the algorithms.
const (
	cekCTR     = "AES/CTR/NoPadding"
	cekLegacy  = "AES/GCM/NoPadding" // what older Python SDKs write, though the cipher is CTR
	wrapPKCS1  = "RSA/NONE/PKCS1Padding"
	wrapOAEP   = "RSA/NONE/OAEPWithSHA-1AndMGF1Padding"
	wrapKMS    = "KMS/ALICLOUD"
	wrapLegacy = "kms" // of older Python SDKs; all else is RSA-OAEP there
)

// Metadata are what an encrypted object says of itself. None of it is verified, by nobody.
type Metadata struct {
	WrapAlgorithm string            // how the data key is wrapped
	Description   map[string]string // of the master key; nil if there is none
	ContentLength int64             // of the plaintext in bytes, -1 if not there
	ContentMD5    []byte            // of the plaintext, 16 bytes, nil if not there
	PartSize      int64             // of a multipart upload in bytes, 0 if not there
	DataSize      int64             // of a multipart upload in bytes, -1 if not there
	Legacy        bool              // in the format of older Python SDKs

	wrap       wrapping
	key, start string // wrapped: base64, or CiphertextBlob of KMS
}

// Inspect reads the metadata of an object: its user metadata, or all its headers, with names in any case, with or without
// the prefix "x-oss-meta-". It needs no key and makes no call.
//
// Errors: [ErrNotEncrypted]; [ErrMalformed]; [ErrUnsupportedAlgorithm].
func Inspect(metadata map[string]string) (*Metadata, error) {
	values := map[string]string{}
	for name, v := range metadata {
		name = strings.TrimPrefix(strings.ToLower(name), prefix)
		if !strings.HasPrefix(name, "client-side-encryption-") && !strings.HasPrefix(name, "oss-") {
			continue
		}
		if _, ok := values[name]; ok {
			return nil, fmt.Errorf("osscse: %s is there twice: %w", name, ErrMalformed)
		}
		if len(v) > MaxMetadataValue {
			return nil, fmt.Errorf("osscse: %s of %d characters, limit %d: %w", name, len(v), MaxMetadataValue, ErrMalformed)
		}
		values[name] = v
	}
	m := &Metadata{ContentLength: -1, DataSize: -1}
	var cek, description, length, md5sum string
	switch {
	case values[nameKey] != "" || values[nameStart] != "":
		m.key, m.start, m.WrapAlgorithm = values[nameKey], values[nameStart], values[nameWrap]
		cek, description, length, md5sum = values[nameCEK], values[nameDescription], values[nameLength], values[nameMD5]
	case values[legacyKey] != "" || values[legacyStart] != "":
		m.Legacy = true
		m.key, m.start, m.WrapAlgorithm = values[legacyKey], values[legacyStart], values[legacyWrap]
		cek, description, length, md5sum = values[legacyCEK], values[legacyDescription], values[legacyLength], values[legacyMD5]
	default:
		return nil, fmt.Errorf("osscse: %w", ErrNotEncrypted)
	}
	if m.key == "" || m.start == "" {
		return nil, fmt.Errorf("osscse: only one of data key and counter is there: %w", ErrMalformed)
	}
	if err := m.algorithms(cek); err != nil {
		return nil, err
	}
	for _, v := range []struct{ name, text string }{{"data key", m.key}, {"counter", m.start}} {
		if !kmskey.IsBase64(v.text) {
			return nil, fmt.Errorf("osscse: wrapped %s is not base64: %w", v.name, ErrMalformed)
		}
	}
	var err error
	if m.Description, err = parseDescription(description); err != nil {
		return nil, err
	}
	for _, v := range []struct {
		name, text string
		dst        *int64
		least      int64
	}{
		{"unencrypted content length", length, &m.ContentLength, 0},
		{"part size", values[namePartSize], &m.PartSize, blockSize},
		{"data size", values[nameDataSize], &m.DataSize, 0},
	} {
		if v.text == "" {
			continue
		}
		if *v.dst, err = strconv.ParseInt(v.text, 10, 64); err != nil || *v.dst < v.least {
			return nil, fmt.Errorf("osscse: %s is %s: %w", v.name, kmskey.Quote(v.text), ErrMalformed)
		}
	}
	if m.PartSize%blockSize != 0 {
		return nil, fmt.Errorf("osscse: part size %d is no multiple of %d: %w", m.PartSize, blockSize, ErrMalformed)
	}
	if md5sum != "" {
		m.ContentMD5, err = base64.StdEncoding.Strict().DecodeString(md5sum)
		if err != nil || len(m.ContentMD5) != md5.Size {
			return nil, fmt.Errorf("osscse: unencrypted content MD5 is %s: %w", kmskey.Quote(md5sum), ErrMalformed)
		}
	}
	return m, nil
}

// algorithms checks the algorithms that the metadata name.
func (m *Metadata) algorithms(cek string) error {
	if cek != cekCTR && !(m.Legacy && cek == cekLegacy) {
		return fmt.Errorf("osscse: content algorithm %s: %w", kmskey.Quote(cek), ErrUnsupportedAlgorithm)
	}
	if m.Legacy {
		if m.wrap = (wrapping{kindRSA, true}); m.WrapAlgorithm == wrapLegacy {
			m.wrap = wrapping{kindKMS, false}
		}
		return nil
	}
	switch m.WrapAlgorithm {
	case wrapPKCS1:
		m.wrap = wrapping{kindRSA, false}
	case wrapOAEP:
		m.wrap = wrapping{kindRSA, true}
	case wrapKMS:
		m.wrap = wrapping{kindKMS, false}
	default:
		return fmt.Errorf("osscse: wrap algorithm %s: %w", kmskey.Quote(m.WrapAlgorithm), ErrUnsupportedAlgorithm)
	}
	return nil
}

// parseDescription reads a description: a JSON object of strings, or nothing. The SDKs write it with and without blanks,
// in any order; what counts is the map.
func parseDescription(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	var d map[string]string
	if err := json.Unmarshal([]byte(text), &d); err != nil || !utf8.ValidString(text) {
		return nil, fmt.Errorf("osscse: description is no JSON object of strings: %w", ErrMalformed)
	}
	if len(d) == 0 {
		return nil, nil
	}
	return d, nil
}

// formatDescription writes a description as a header can carry it: compact, sorted, in ASCII.
func formatDescription(d map[string]string) (string, error) {
	for k, v := range d {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return "", fmt.Errorf("osscse: description is not UTF-8: %w", ErrMalformed)
		}
	}
	b, err := json.Marshal(d)
	if err != nil {
		return "", err // unreachable: a map of strings
	}
	var ascii strings.Builder
	for _, r := range string(b) {
		switch {
		case r < utf8.RuneSelf:
			ascii.WriteByte(byte(r))
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&ascii, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&ascii, `\u%04x`, r)
		}
	}
	if ascii.Len() > MaxMetadataValue {
		return "", fmt.Errorf("osscse: description of %d characters, limit %d: %w", ascii.Len(), MaxMetadataValue, ErrMalformed)
	}
	return ascii.String(), nil
}
