package kmstest

import (
	"fmt"
	"slices"
)

// accountChecks are those of the regions, and of whether the service works for the account.
func accountChecks() []check {
	regions := func(k *kit) (ids []string) {
		k.Helper()
		d := k.ok("DescribeRegions")
		for i := range k.list(d, "Regions.Region") {
			ids = append(ids, d.str(fmt.Sprintf("Regions.Region.%d.RegionId", i)))
		}
		return ids
	}
	return []check{
		{"DescribeRegions: it lists those there are, each once", func(k *kit) {
			ids := regions(k)
			for _, region := range []string{k.target.Region, k.target.OtherRegion, k.target.PlainRegion} {
				if region != "" && !slices.Contains(ids, region) {
					k.Errorf("%s is not listed", region)
				}
			}
			slices.Sort(ids)
			k.equal("regions", len(ids), len(slices.Compact(slices.Clone(ids))))
			if ids[0] == "" {
				k.Error("one has no id")
			}
		}},
		{"DescribeRegions: it is the same in every region", func(k *kit) {
			if here, there := regions(k), regions(k.in(k.target.OtherRegion)); !slices.Equal(here, there) {
				k.Errorf("%v here, %v there", here, there)
			}
		}},
		{"DescribeAccountKmsStatus: of an account that has activated the service it is Enabled", func(k *kit) {
			k.equal("AccountStatus", k.ok("DescribeAccountKmsStatus").str("AccountStatus"), "Enabled")
		}},
		{"OpenKmsService: a second time it is Forbidden.Opened", func(k *kit) {
			k.refused("Forbidden.Opened", "OpenKmsService")
		}},
		{"OpenKmsService: before it all is Forbidden.KmsServiceNotEnabled, after it nothing", func(k *kit) {
			k = k.notEnabled()
			for _, call := range [][]string{{"CreateKey"}, {"ListKeys"}, {"Encrypt"}, {"Decrypt", "CiphertextBlob", "!"}, {"DescribeKey", "KeyId", absentKey}} {
				k.refused("Forbidden.KmsServiceNotEnabled", call[0], call[1:]...)
			}
			k.equal("AccountStatus", k.ok("DescribeAccountKmsStatus").str("AccountStatus"), "NotEnabled")
			if len(regions(k)) == 0 {
				k.Error("there are no regions")
			}
			k.ok("OpenKmsService")
			k.equal("AccountStatus", k.ok("DescribeAccountKmsStatus").str("AccountStatus"), "Enabled")
			k.ok("Encrypt", "KeyId", k.key(), "Plaintext", "hello")
			k.refused("Forbidden.Opened", "OpenKmsService")
		}},
	}
}

// notEnabled returns a kit of a server for whose account the service does not work yet. It skips the check if the target
// makes none.
func (k *kit) notEnabled() *kit {
	k.Helper()
	if k.target.NotEnabled == nil {
		k.Skip("the target's account cannot be without the service")
	}
	other := newKit(k.T, k.target.NotEnabled(k.T))
	k.Cleanup(other.cleanUp)
	return other
}
