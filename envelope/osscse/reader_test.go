package osscse_test

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/xinfeng-kms/xinfeng/envelope/osscse"
)

func TestInspect(t *testing.T) {
	good := readVector(t).metadata
	with := func(name, value string) map[string]string {
		m := maps.Clone(good)
		m["client-side-encryption-"+name] = value
		return m
	}
	without := func(names ...string) map[string]string {
		m := maps.Clone(good)
		for _, n := range names {
			delete(m, "client-side-encryption-"+n)
		}
		return m
	}
	twice := maps.Clone(good)
	twice["X-OSS-Meta-Client-Side-Encryption-Key"] = "AAAA"
	for name, tt := range map[string]struct {
		metadata map[string]string
		want     error
	}{
		"good":                {good, nil},
		"nothing":             {nil, osscse.ErrNotEncrypted},
		"others":              {map[string]string{"Content-Type": "image/jpeg", "x-oss-meta-color": "red"}, osscse.ErrNotEncrypted},
		"key and start gone":  {without("key", "start"), osscse.ErrNotEncrypted},
		"key gone":            {without("key"), osscse.ErrMalformed},
		"start gone":          {without("start"), osscse.ErrMalformed},
		"key empty":           {with("key", ""), osscse.ErrMalformed},
		"key twice":           {twice, osscse.ErrMalformed},
		"key no base64":       {with("key", "?"), osscse.ErrMalformed},
		"key unpadded":        {with("key", "AA"), osscse.ErrMalformed},
		"key with line end":   {with("key", "AAAA\n"), osscse.ErrMalformed},
		"start no base64":     {with("start", "?"), osscse.ErrMalformed},
		"too long":            {with("key", strings.Repeat("A", osscse.MaxMetadataValue+4)), osscse.ErrMalformed},
		"cek gone":            {without("cek-alg"), osscse.ErrUnsupportedAlgorithm},
		"cek GCM":             {with("cek-alg", "AES/GCM/NoPadding"), osscse.ErrUnsupportedAlgorithm},
		"wrap gone":           {without("wrap-alg"), osscse.ErrUnsupportedAlgorithm},
		"wrap unknown":        {with("wrap-alg", "kms"), osscse.ErrUnsupportedAlgorithm},
		"description":         {with("matdesc", `{"b":"1","a":"\u4fe1"}`), nil},
		"empty description":   {with("matdesc", `{}`), nil},
		"null description":    {with("matdesc", `null`), nil},
		"description no JSON": {with("matdesc", `{`), osscse.ErrMalformed},
		"description numbers": {with("matdesc", `{"a":1}`), osscse.ErrMalformed},
		"description no map":  {with("matdesc", `["a"]`), osscse.ErrMalformed},
		"description bytes":   {with("matdesc", "{\"a\":\"\xff\"}"), osscse.ErrMalformed},
		"length":              {with("unencrypted-content-length", "12"), nil},
		"length negative":     {with("unencrypted-content-length", "-1"), osscse.ErrMalformed},
		"length no number":    {with("unencrypted-content-length", "1e3"), osscse.ErrMalformed},
		"length beyond int64": {with("unencrypted-content-length", "9223372036854775808"), osscse.ErrMalformed},
		"MD5 short":           {with("unencrypted-content-md5", "AAAA"), osscse.ErrMalformed},
		"MD5 no base64":       {with("unencrypted-content-md5", "?"), osscse.ErrMalformed},
		"part size":           {with("part-size", "1048576"), nil},
		"part size 0":         {with("part-size", "0"), osscse.ErrMalformed},
		"part size 17":        {with("part-size", "17"), osscse.ErrMalformed},
		"data size negative":  {with("data-size", "-2"), osscse.ErrMalformed},
		"legacy, key alone":   {map[string]string{"oss-crypto-key": "AAAA"}, osscse.ErrMalformed},
		"legacy, cek unknown": {map[string]string{"oss-crypto-key": "AAAA", "oss-crypto-start": "AAAA", "oss-cek-alg": "DES"}, osscse.ErrUnsupportedAlgorithm},
	} {
		m, err := osscse.Inspect(tt.metadata)
		if !errors.Is(err, tt.want) || (m == nil) != (err != nil) {
			t.Errorf("%s: Inspect = %+v, %v, want %v", name, m, err, tt.want)
		}
		if _, err := newClient(t, rsaKey(t, "rsa-other.pem", map[string]string{"no": "match"})).OpenUnauthenticated(t.Context(), tt.metadata); err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: OpenUnauthenticated = %v, want %v", name, err, tt.want)
		}
	}
	m, err := osscse.Inspect(with("matdesc", `{"b":"1","a":"\u4fe1"}`))
	if err != nil || !maps.Equal(m.Description, map[string]string{"a": "信", "b": "1"}) {
		t.Errorf("description %v, %v", m.Description, err)
	}
}

func object(t *testing.T, m *osscse.Metadata) *osscse.UnauthenticatedObject {
	t.Helper()
	key, counter := fixed()
	o, err := osscse.NewObject(m, key, counter)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Length and MD5 find accidents; a flipped bit without an MD5 is found by nobody, as the names say.
func TestReaderChecks(t *testing.T) {
	key, counter := fixed()
	plaintext := random(100)
	body := encrypt(t, key, counter, plaintext)
	sum := md5.Sum(plaintext)
	flipped := bytes.Clone(body)
	flipped[50] ^= 1
	boom := errors.New("boom")
	for name, tt := range map[string]struct {
		length int64
		md5    []byte
		src    io.Reader
		want   error
	}{
		"nothing known":       {-1, nil, bytes.NewReader(body), nil},
		"all right":           {100, sum[:], bytes.NewReader(body), nil},
		"byte by byte":        {100, sum[:], iotest.OneByteReader(bytes.NewReader(body)), nil},
		"data with EOF":       {100, sum[:], iotest.DataErrReader(bytes.NewReader(body)), nil},
		"short":               {101, nil, bytes.NewReader(body), osscse.ErrLength},
		"short is EOF":        {101, nil, bytes.NewReader(body), io.ErrUnexpectedEOF},
		"long":                {99, nil, bytes.NewReader(body), osscse.ErrLength},
		"flipped, unseen":     {100, nil, bytes.NewReader(flipped), nil},
		"flipped, seen":       {100, sum[:], bytes.NewReader(flipped), osscse.ErrContentMD5},
		"cut, unseen":         {-1, nil, bytes.NewReader(body[:50]), nil},
		"cut, seen by MD5":    {-1, sum[:], bytes.NewReader(body[:50]), osscse.ErrContentMD5},
		"reader fails":        {100, sum[:], io.MultiReader(bytes.NewReader(body[:50]), iotest.ErrReader(boom)), boom},
		"reader counts wrong": {100, nil, readerFunc(func(p []byte) (int, error) { return len(p) + 1, nil }), nil},
	} {
		o := object(t, &osscse.Metadata{ContentLength: tt.length, ContentMD5: tt.md5})
		r := o.NewReader(tt.src)
		got, err := io.ReadAll(r)
		if name == "reader counts wrong" {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			continue
		}
		if !errors.Is(err, tt.want) || err == nil && len(got) != len(plaintext) && name != "cut, unseen" {
			t.Errorf("%s: %d bytes, %v, want %v", name, len(got), err, tt.want)
		}
		if _, again := r.Read(make([]byte, 1)); again != err && !(err == nil && again == io.EOF) {
			t.Errorf("%s: then %v", name, again)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestNewRange(t *testing.T) {
	for _, tt := range []struct {
		off, n int64
		header string // "" is an error
	}{
		{0, 1, "bytes=0-0"}, {0, -1, "bytes=0-"}, {15, 1, "bytes=0-15"}, {16, 16, "bytes=16-31"}, {20, 12, "bytes=16-31"}, {33, -1, "bytes=32-"},
		{1 << 62, 1, "bytes=4611686018427387904-4611686018427387904"},
		{-1, 1, ""}, {0, 0, ""}, {0, -2, ""}, {1 << 62, 1 << 62, ""},
	} {
		rg, err := osscse.NewRange(tt.off, tt.n)
		if (err != nil) != (tt.header == "") {
			t.Errorf("NewRange(%d, %d) = %v", tt.off, tt.n, err)
			continue
		}
		if h := rg.Header(); err == nil && (h["Range"] != tt.header || h["X-Oss-Range-Behavior"] != "standard" || len(h) != 2) {
			t.Errorf("NewRange(%d, %d).Header() = %v, want %s", tt.off, tt.n, h, tt.header)
		}
	}
	if _, err := object(t, &osscse.Metadata{}).NewRangeReader(osscse.Range{}, osscse.Answer{}); err == nil {
		t.Error("the zero Range was accepted")
	}
}

func TestRangeAnswers(t *testing.T) {
	key, counter := fixed()
	plaintext := random(1000)
	body := encrypt(t, key, counter, plaintext)
	o := object(t, &osscse.Metadata{ContentLength: -1})
	part := func(a, b int) io.Reader { return bytes.NewReader(body[a : b+1]) }
	for name, tt := range map[string]struct {
		off, n int64
		answer osscse.Answer
		want   error
		bytes  int64
	}{
		"as asked":                    {20, 100, osscse.Answer{206, "bytes 16-119/1000", part(16, 119)}, nil, 100},
		"total unknown":               {20, 100, osscse.Answer{206, "bytes 16-119/*", part(16, 119)}, nil, 100},
		"to the end":                  {20, -1, osscse.Answer{206, "bytes 16-999/1000", part(16, 999)}, nil, 980},
		"cut at the end":              {900, 500, osscse.Answer{206, "bytes 896-999/1000", part(896, 999)}, nil, 100},
		"whole object":                {20, 100, osscse.Answer{200, "", part(0, 999)}, nil, 100},
		"whole object, open":          {20, -1, osscse.Answer{200, "", part(0, 999)}, nil, 980},
		"whole object, beyond":        {900, 500, osscse.Answer{200, "", part(0, 999)}, nil, 100},
		"whole object, too short":     {2000, 5, osscse.Answer{200, "", part(0, 999)}, osscse.ErrRange, 0},
		"begins elsewhere":            {20, 100, osscse.Answer{206, "bytes 0-119/1000", part(0, 119)}, osscse.ErrRange, 0},
		"begins unaligned":            {20, 100, osscse.Answer{206, "bytes 20-119/1000", part(20, 119)}, osscse.ErrRange, 0},
		"ends before the object":      {20, 100, osscse.Answer{206, "bytes 16-100/1000", part(16, 100)}, osscse.ErrRange, 0},
		"ends nobody knows where":     {20, 100, osscse.Answer{206, "bytes 16-100/*", part(16, 100)}, osscse.ErrRange, 0},
		"ends behind":                 {20, 100, osscse.Answer{206, "bytes 16-200/1000", part(16, 200)}, osscse.ErrRange, 0},
		"open, ends before":           {20, -1, osscse.Answer{206, "bytes 16-900/1000", part(16, 900)}, osscse.ErrRange, 0},
		"nothing of what was wanted":  {1000, 10, osscse.Answer{206, "bytes 992-999/1000", part(992, 999)}, osscse.ErrRange, 0},
		"416":                         {2000, 10, osscse.Answer{416, "bytes */1000", strings.NewReader("")}, osscse.ErrRange, 0},
		"404":                         {20, 10, osscse.Answer{404, "", strings.NewReader("<Error>")}, osscse.ErrRange, 0},
		"no Content-Range":            {20, 10, osscse.Answer{206, "", part(16, 29)}, osscse.ErrRange, 0},
		"other unit":                  {20, 10, osscse.Answer{206, "items 16-29/1000", part(16, 29)}, osscse.ErrRange, 0},
		"no total":                    {20, 10, osscse.Answer{206, "bytes 16-29", part(16, 29)}, osscse.ErrRange, 0},
		"no end":                      {20, 10, osscse.Answer{206, "bytes 16/1000", part(16, 29)}, osscse.ErrRange, 0},
		"no numbers":                  {20, 10, osscse.Answer{206, "bytes a-b/c", part(16, 29)}, osscse.ErrRange, 0},
		"signs":                       {20, 10, osscse.Answer{206, "bytes +16-29/1000", part(16, 29)}, osscse.ErrRange, 0},
		"backwards":                   {20, 10, osscse.Answer{206, "bytes 29-16/1000", part(16, 29)}, osscse.ErrRange, 0},
		"end beyond the total":        {20, 10, osscse.Answer{206, "bytes 16-29/20", part(16, 29)}, osscse.ErrRange, 0},
		"enormous":                    {20, 10, osscse.Answer{206, "bytes 16-29/99999999999999999999", part(16, 29)}, osscse.ErrRange, 0},
		"body shorter than it says":   {20, 100, osscse.Answer{206, "bytes 16-119/1000", part(16, 118)}, osscse.ErrLength, 0},
		"body longer than it says":    {20, 100, osscse.Answer{206, "bytes 16-119/1000", part(16, 120)}, osscse.ErrLength, 0},
		"body shorter than the block": {20, 100, osscse.Answer{206, "bytes 16-119/1000", part(16, 17)}, osscse.ErrLength, 0},
	} {
		rg, err := osscse.NewRange(tt.off, tt.n)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		r, err := o.NewRangeReader(rg, tt.answer)
		if err == nil {
			got, err = io.ReadAll(r)
		}
		if !errors.Is(err, tt.want) || err == nil && !bytes.Equal(got, plaintext[tt.off:][:tt.bytes]) {
			t.Errorf("%s: %d bytes, %v, want %v", name, len(got), err, tt.want)
		}
	}
	boom := errors.New("boom")
	rg, err := osscse.NewRange(20, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []osscse.Answer{{200, "", iotest.ErrReader(boom)}, {206, "bytes 16-29/1000", iotest.ErrReader(boom)}} {
		if _, err := o.NewRangeReader(rg, a); !errors.Is(err, boom) {
			t.Errorf("body fails with status %d: %v, want boom", a.StatusCode, err)
		}
	}
}

// server answers ranges as OSS does with x-oss-range-behavior: standard, or ignores them.
type server struct {
	body   []byte
	ignore bool
	closed int
	asked  int
}

func (s *server) get(rg osscse.Range) (osscse.Answer, error) {
	s.asked++
	if s.ignore {
		return osscse.Answer{StatusCode: 200, Body: s.closing(s.body)}, nil
	}
	var a, b int
	if n, _ := fmt.Sscanf(rg.Header()["Range"], "bytes=%d-%d", &a, &b); n < 2 {
		b = len(s.body) - 1
	}
	b = min(b, len(s.body)-1)
	return osscse.Answer{StatusCode: 206, ContentRange: fmt.Sprintf("bytes %d-%d/%d", a, b, len(s.body)), Body: s.closing(s.body[a : b+1])}, nil
}

func (s *server) closing(b []byte) io.Reader {
	return struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(b), closerFunc(func() error { s.closed++; return nil })}
}

type closerFunc func() error

func (f closerFunc) Close() error { return f() }

func TestReaderAt(t *testing.T) {
	key, counter := fixed()
	plaintext := random(300)
	for _, ignore := range []bool{false, true} {
		s := &server{body: encrypt(t, key, counter, plaintext), ignore: ignore}
		r, err := object(t, &osscse.Metadata{ContentLength: 300}).NewReaderAt(300, s.get)
		if err != nil || r.Size() != 300 {
			t.Fatal(err)
		}
		if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), plaintext); err != nil {
			t.Error(err)
		}
		for off := range 302 {
			for _, n := range []int{0, 1, 16, 17, 300} {
				asked := s.asked
				p := make([]byte, n)
				k, err := r.ReadAt(p, int64(off))
				want := max(0, min(n, 300-off))
				if k != want || (err == io.EOF) != (k < n) || err != nil && err != io.EOF || !bytes.Equal(p[:k], plaintext[min(off, 300):][:k]) {
					t.Errorf("ReadAt(%d at %d) = %d, %v, want %d", n, off, k, err, want)
				}
				if s.asked-asked > 1 {
					t.Errorf("%d requests for one call", s.asked-asked)
				}
			}
		}
		if s.closed != s.asked {
			t.Errorf("%d bodies of %d closed", s.closed, s.asked)
		}
		if _, err := r.ReadAt(make([]byte, 1), -1); err == nil || err == io.EOF {
			t.Errorf("ReadAt(-1) = %v", err)
		}
	}
}

func TestReaderAtErrors(t *testing.T) {
	boom := errors.New("boom")
	o := object(t, &osscse.Metadata{ContentLength: 300})
	ok := func(osscse.Range) (osscse.Answer, error) { return osscse.Answer{}, nil }
	if _, err := o.NewReaderAt(-1, ok); err == nil {
		t.Error("negative size was accepted")
	}
	if _, err := o.NewReaderAt(300, nil); err == nil {
		t.Error("no function was accepted")
	}
	if _, err := o.NewReaderAt(299, ok); !errors.Is(err, osscse.ErrLength) {
		t.Errorf("size against the metadata: %v, want ErrLength", err)
	}
	for name, tt := range map[string]struct {
		answer osscse.Answer
		err    error
		want   error
	}{
		"function fails":     {osscse.Answer{}, boom, boom},
		"status":             {osscse.Answer{StatusCode: 403, Body: strings.NewReader("")}, nil, osscse.ErrRange},
		"short":              {osscse.Answer{206, "bytes 0-9/300", strings.NewReader("short")}, nil, osscse.ErrLength},
		"short, whole":       {osscse.Answer{200, "", strings.NewReader("short")}, nil, osscse.ErrLength},
		"body fails":         {osscse.Answer{206, "bytes 0-9/300", iotest.ErrReader(boom)}, nil, boom},
		"object got shorter": {osscse.Answer{206, "bytes 0-4/5", strings.NewReader("short")}, nil, osscse.ErrLength},
	} {
		r, err := o.NewReaderAt(300, func(osscse.Range) (osscse.Answer, error) { return tt.answer, tt.err })
		if err != nil {
			t.Fatal(err)
		}
		if n, err := r.ReadAt(make([]byte, 10), 0); !errors.Is(err, tt.want) || n == 10 {
			t.Errorf("%s: ReadAt = %d, %v, want %v", name, n, err, tt.want)
		}
	}
}

func TestUploadErrors(t *testing.T) {
	c := newClient(t, rsaKey(t, "rsa-public.pem", nil))
	for name, tt := range map[string]struct {
		size int64
		opts *osscse.UploadOptions
	}{
		"negative size":      {-2, nil},
		"short MD5":          {1, &osscse.UploadOptions{ContentMD5: make([]byte, 15)}},
		"odd part size":      {1, &osscse.UploadOptions{PartSize: 100}},
		"negative part size": {1, &osscse.UploadOptions{PartSize: -16}},
		"part size too big":  {1, &osscse.UploadOptions{PartSize: 6 << 30}},
	} {
		if u, err := c.NewUnauthenticatedUpload(t.Context(), tt.size, tt.opts); err == nil || u != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	whole, err := c.NewUnauthenticatedUpload(t.Context(), 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := whole.EncryptPart(1, strings.NewReader("")); err == nil {
		t.Error("a part of an upload without parts")
	}
	r, err := whole.Encrypt(strings.NewReader("four"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, osscse.ErrLength) {
		t.Errorf("too little: %v, want ErrLength", err)
	}
	if _, err := whole.Encrypt(strings.NewReader("other")); !errors.Is(err, osscse.ErrReused) {
		t.Errorf("again: %v, want ErrReused", err)
	}

	parts := func() *osscse.UnauthenticatedUpload {
		u, err := c.NewUnauthenticatedUpload(t.Context(), -1, &osscse.UploadOptions{PartSize: 16})
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	encrypt := func(u *osscse.UnauthenticatedUpload, number, size int) error {
		r, err := u.EncryptPart(number, iotest.HalfReader(bytes.NewReader(make([]byte, size))))
		if err != nil {
			return err
		}
		b, err := io.ReadAll(r)
		if len(b) > 16 {
			t.Errorf("part of %d bytes: %d came out", size, len(b))
		}
		return err
	}
	u := parts()
	if _, err := u.Encrypt(strings.NewReader("")); err == nil {
		t.Error("the whole of an upload with parts")
	}
	for _, tt := range []struct {
		name         string
		number, size int
		want         error
	}{
		{"second", 2, 16, nil},
		{"first, too long", 1, 17, osscse.ErrLength},
		{"first again", 1, 16, osscse.ErrReused},
		{"fourth, the last", 4, 3, nil},
		{"behind the last", 5, 16, osscse.ErrLength},
	} {
		if err := encrypt(u, tt.number, tt.size); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	u = parts()
	if err := encrypt(u, 3, 16); err != nil {
		t.Error(err)
	}
	if err := encrypt(u, 2, 15); !errors.Is(err, osscse.ErrLength) {
		t.Errorf("short before the last: %v, want ErrLength", err)
	}
	for _, number := range []int{0, -1, 10001} {
		if _, err := parts().EncryptPart(number, nil); err == nil || errors.Is(err, osscse.ErrReused) {
			t.Errorf("part %d: %v", number, err)
		}
	}
	u = parts()
	u.Metadata()["client-side-encryption-key"] = "changed"
	if u.Metadata()["client-side-encryption-key"] == "changed" || len(u.Metadata()) != 5 {
		t.Errorf("Metadata = %v", u.Metadata())
	}
}
