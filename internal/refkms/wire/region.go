package wire

import "strings"

// regionOf returns the region a request goes to: that of an endpoint kms.<region>.… or kms-vpc.<region>.…, under which
// the parameter RegionId means nothing, for SDKs send it to every endpoint. A host that names no region the server serves
// (loopback, a proxy, an address) leaves it to RegionId; if that names none either, it is "".
func regionOf(host, regionID string, serves func(region string) bool) string {
	labels := strings.SplitN(host, ".", 3)
	if len(labels) == 3 && (strings.EqualFold(labels[0], "kms") || strings.EqualFold(labels[0], "kms-vpc")) {
		if region := strings.ToLower(labels[1]); serves(region) {
			return region
		}
	}
	if serves(regionID) {
		return regionID
	}
	return ""
}
