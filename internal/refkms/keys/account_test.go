package keys_test

import (
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// setStatus sets the status of the world's account.
func (w *world) setStatus(s state.AccountStatus) {
	w.t.Helper()
	w.update(func(tx state.Tx) {
		state.Accounts.Put(tx, state.Everywhere, w.account, &state.Account{ID: w.account, Status: s})
	})
}

func TestDescribeRegions(t *testing.T) {
	w := newWorld(t, keys.Options{Regions: []string{"cn-beijing", "cn-hangzhou"}})
	w.setStatus(state.AccountNotEnabled)
	for _, as := range []*world{w, w.nobody()} { // no right is needed, nor that the service works
		d := as.ok("DescribeRegions", "RegionId", "x")
		if d.str("Regions", "Region", 0, "RegionId") != "cn-beijing" || d.str("Regions", "Region", 1, "RegionId") != "cn-hangzhou" ||
			d.at("Regions", "Region", 2) != nil {
			t.Errorf("DescribeRegions answers %v", d)
		}
	}
	if d := newWorld(t, keys.Options{}).ok("DescribeRegions"); d.at("Regions", "Region") == nil {
		t.Errorf("an empty list is %v, want []", d)
	}
}

func TestAccountStatus(t *testing.T) {
	for _, tt := range []struct {
		status state.AccountStatus
		want   string
		open   error // of OpenKmsService
		others error // of other operations
	}{
		{0, "Enabled", call.ErrOpened, nil}, // never set
		{state.AccountEnabled, "Enabled", call.ErrOpened, nil},
		{state.AccountNotEnabled, "NotEnabled", nil, call.ErrServiceNotEnabled},
		{state.AccountInDebt, "InDebt", call.ErrOpened, call.ErrInDebt},
		{state.AccountSuspended, "Suspended", call.ErrOpened, call.ErrInDebtOverdue},
		{state.AccountRisk, "Suspended", call.ErrOpened, call.ErrProhibitedByRiskControl},
	} {
		t.Run(tt.want, func(t *testing.T) {
			w := newWorld(t, keys.Options{})
			if tt.status != 0 {
				w.setStatus(tt.status)
			}
			if tt.others != nil {
				w.refused(tt.others, "CreateKey")
				w.refused(tt.others, "AsymmetricSign")
			} else {
				w.ok("CreateKey")
			}
			if got := w.ok("DescribeAccountKmsStatus").str("AccountStatus"); got != tt.want {
				t.Errorf("AccountStatus = %q, want %q", got, tt.want)
			}
			if tt.open != nil {
				w.refused(tt.open, "OpenKmsService")
				return
			}
			w.ok("OpenKmsService")
			if got := w.ok("DescribeAccountKmsStatus").str("AccountStatus"); got != "Enabled" {
				t.Errorf("after OpenKmsService AccountStatus = %q", got)
			}
			w.refused(call.ErrOpened, "OpenKmsService")
			w.in(account, "cn-beijing").ok("CreateKey") // in every region
		})
	}
	w := newWorld(t, keys.Options{})
	w.nobody().refused(call.ErrNoPermission, "DescribeAccountKmsStatus")
	w.nobody().refused(call.ErrNoPermission, "OpenKmsService")
}
