package refkms_test

import (
	"errors"
	"testing"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// The server tells the regions of the service, and its own.
func TestDescribeRegions(t *testing.T) {
	for home, want := range map[string]int{"cn-hangzhou": 27, "cn-elsewhere": 28} {
		_, c := client(t, &refkms.Options{Region: home})
		var answer struct {
			Regions struct{ Region []struct{ RegionId string } }
		}
		if err := c.Do(t.Context(), "DescribeRegions", nil, &answer); err != nil {
			t.Fatal(err)
		}
		found, last := false, ""
		for _, r := range answer.Regions.Region {
			found = found || r.RegionId == home
			if r.RegionId <= last {
				t.Errorf("%s comes after %s", r.RegionId, last)
			}
			last = r.RegionId
		}
		if len(answer.Regions.Region) != want || !found {
			t.Errorf("%d regions, own %v, want %d and its own", len(answer.Regions.Region), found, want)
		}
	}
}

func TestOpenKmsService(t *testing.T) {
	s, c := client(t, nil)
	account := func(want string) {
		t.Helper()
		var answer struct{ AccountStatus string }
		if err := c.Do(t.Context(), "DescribeAccountKmsStatus", nil, &answer); err != nil || answer.AccountStatus != want {
			t.Errorf("DescribeAccountKmsStatus = %+v, %v, want %s", answer, err, want)
		}
	}
	account("Enabled")
	if err := c.Do(t.Context(), "OpenKmsService", nil, nil); !errors.Is(err, kmsapi.ErrConflict) {
		t.Errorf("OpenKmsService = %v, want ErrConflict", err)
	}
	if err := s.RAM("").SetStatus(refkms.AccountNotEnabled); err != nil {
		t.Fatal(err)
	}
	account("NotEnabled")
	if _, err := c.CreateKey(t.Context(), nil); !errors.Is(err, kmsapi.ErrServiceNotEnabled) {
		t.Errorf("CreateKey = %v, want ErrServiceNotEnabled", err)
	}
	if err := c.Do(t.Context(), "OpenKmsService", nil, nil); err != nil {
		t.Errorf("OpenKmsService = %v", err)
	}
	account("Enabled")
	if _, err := c.CreateKey(t.Context(), nil); err != nil {
		t.Errorf("CreateKey = %v", err)
	}
}
