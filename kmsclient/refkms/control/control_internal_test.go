package control

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// A store in memory does not fail, so the failures are put in by hand.
func TestUnavailable(t *testing.T) {
	failed := errors.New("the disk is full")
	h := &Handler{snapshots: map[int]func() error{1: func() error { return failed }}}
	_, err := h.restore(&snapshotNumber{1})
	for _, err := range []error{err, fmt.Errorf("refkms: CreateUser: %w: %v", kmsapi.ErrUnavailable, failed)} {
		if e := refusalOf(err); e.status != http.StatusServiceUnavailable || e.Cause.Code != "Unavailable" {
			t.Errorf("%v is refused as %v", err, e)
		}
	}
	if want := "control: Unavailable: the disk is full"; err.Error() != want {
		t.Errorf("restore = %v, want %s", err, want)
	}
}
