package refkms_test

import (
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// The clock is the one of the options, moved ahead; what is made is dated by it.
func TestNow(t *testing.T) {
	base := time.Date(2026, 1, 2, 11, 4, 5, 600, time.FixedZone("", 8*3600))
	s, c := client(t, &refkms.Options{Now: func() time.Time { return base }})
	if got := s.Now(); got != base.UTC() {
		t.Errorf("Now = %v, want %v", got, base.UTC())
	}
	s.Advance(36 * time.Hour)
	s.Advance(time.Nanosecond)
	if got, want := s.Now(), base.UTC().Add(36*time.Hour+1); got != want {
		t.Errorf("after Advance: Now = %v, want %v", got, want)
	}
	key, err := c.CreateKey(t.Context(), nil)
	must(t, err)
	if want := s.Now().Format("2006-01-02T15:04:05Z"); key.CreationDate != want {
		t.Errorf("CreationDate = %s, want %s", key.CreationDate, want)
	}
}
