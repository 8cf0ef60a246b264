package kmsclient

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Endpoints of the service.
const (
	PublicEndpoint = "kms.<region>.aliyuncs.com"
	VPCEndpoint    = "kms-vpc.<region>.aliyuncs.com" // from inside a VPC of the region
)

const maxRegion = 32 // characters

// checkRegion checks the name of a region, which becomes part of an address and may come from an ARN.
func checkRegion(region string) error {
	if len(region) == 0 || len(region) > maxRegion {
		return fmt.Errorf("kmsclient: region of %d characters, want 1 to %d", len(region), maxRegion)
	}
	for _, r := range region {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-') {
			return fmt.Errorf("kmsclient: region %q: want lower-case letters, digits and hyphens", region)
		}
	}
	return nil
}

// parseEndpoint takes an endpoint apart. It echoes nothing that may be a password.
func parseEndpoint(endpoint, region string) (scheme, host string, err error) {
	if endpoint == "" {
		endpoint = PublicEndpoint
	}
	endpoint = strings.ReplaceAll(endpoint, "<region>", region)
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", "", errors.New("kmsclient: endpoint is not a host, host:port or URL of nothing but these")
	}
	switch u.Scheme {
	case "https":
	case "http":
		if !isLoopback(u.Hostname()) {
			return "", "", fmt.Errorf("kmsclient: endpoint http://%s: plain http is for loopback alone, use https", u.Host)
		}
	default:
		return "", "", fmt.Errorf("kmsclient: endpoint with scheme %q, want https", cut(u.Scheme, maxCode))
	}
	return u.Scheme, u.Host, nil
}
