package refkms

import (
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// regions holds those of the service, as its documentation lists them for the endpoints of this API.
var regions = []string{
	"ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-5",
	"cn-beijing", "cn-chengdu", "cn-guangzhou", "cn-hangzhou", "cn-hangzhou-finance", "cn-heyuan", "cn-hongkong",
	"cn-huhehaote", "cn-north-2-gov-1", "cn-qingdao", "cn-shanghai", "cn-shanghai-finance-1", "cn-shenzhen",
	"cn-shenzhen-finance-1", "cn-wulanchabu", "cn-zhangjiakou",
	"eu-central-1", "eu-west-1", "me-east-1", "us-east-1", "us-west-1",
}

// serves reports whether a name is that of a region of the service, or the server's own.
func (s *Server) serves(region string) (found bool) {
	if region == s.region {
		return true
	}
	s.store.View(func(tx state.Tx) error {
		for range state.Regions.All(tx, state.Everywhere) { // there are some that Apply has set
			found = state.Regions.Get(tx, state.Everywhere, region) != nil
			return nil
		}
		_, found = slices.BinarySearch(regions, region)
		return nil
	})
	return found
}

// served returns the regions that a server has whose own is home, ascending.
func served(home string) []string {
	i, found := slices.BinarySearch(regions, home)
	if found {
		return regions
	}
	return slices.Insert(slices.Clone(regions), i, home)
}
