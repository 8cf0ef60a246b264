package trail

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A NextToken is base64url of the range of the first page (start and end, 8 bytes each), the place of the last record
// (time and number, 8 bytes each), and the first 16 bytes of SHA-256 over these and all other parameters, which have to
// be the same for each page. It is no secret and protects nothing: whoever makes one up gets another page of his own
// records.
const (
	placesSize = 32
	tokenSize  = placesSize + 16
)

// token returns the token of the page after a place.
func (req *LookupEventsRequest) token(last Place) string {
	b := make([]byte, 0, tokenSize)
	for _, n := range []uint64{uint64(req.start), uint64(req.end), uint64(last.Time), last.Seq} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return base64.RawURLEncoding.EncodeToString(append(b, req.sum(b)...))
}

// resume reads NextToken.
func (req *LookupEventsRequest) resume() error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(req.NextToken)
	if err != nil || len(b) != tokenSize || string(b[placesSize:]) != string(req.sum(b[:placesSize])) {
		return call.ErrQueryParameter
	}
	req.start, req.end = state.Time(binary.BigEndian.Uint64(b)), state.Time(binary.BigEndian.Uint64(b[8:]))
	req.after = &Place{state.Time(binary.BigEndian.Uint64(b[16:])), binary.BigEndian.Uint64(b[24:])}
	return nil
}

// sum returns what binds places to the other parameters.
func (req *LookupEventsRequest) sum(places []byte) []byte {
	direction := "BACKWARD"
	if req.forward {
		direction = "FORWARD"
	}
	params := []string{req.StartTime, req.EndTime, req.Key1, req.Value1, req.Key2, req.Value2, req.EventName, req.MaxResults, direction}
	sum := sha256.Sum256([]byte(string(places) + strings.Join(params, "\x00")))
	return sum[:tokenSize-placesSize]
}
