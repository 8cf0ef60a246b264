package wire

import "strings"

// regionOf returns the region a request goes to: that of an endpoint kms.<region>.… or kms-vpc.<region>.…, under which
// the parameter RegionId means nothing, for SDKs send it to every endpoint. A host that names no region the server serves
// (loopback, a proxy, an address) leaves it to RegionId; if that names none either, it is "".
func regionOf(host, regionID string, serves func(region string) bool) string {
	service, rest, _ := strings.Cut(host, ".")
	region, _, more := strings.Cut(rest, ".")
	if more && (strings.EqualFold(service, "kms") || strings.EqualFold(service, "kms-vpc")) {
		if region = strings.ToLower(region); serves(region) {
			return region
		}
	}
	if serves(regionID) {
		return regionID
	}
	return ""
}
