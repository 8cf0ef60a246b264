// Package kmstest is a suite of checks that any server of KMS 2016-01-20 must pass. It drives the server through the
// official SDK, alibaba-cloud-sdk-go, and for what no SDK does through requests of its own:
//
//	kmstest.Run(t, kmstest.Target{
//		Region: "cn-hangzhou", Scheme: "https",
//		AccessKeyID: id, AccessKeySecret: secret,
//		Transport: server.Transport(),
//	})
//
// Each check is a subtest named by the rule that it holds. What a target cannot do it does not declare; the checks that
// need it are skipped, each with the reason. The suite makes about 200 keys and schedules each for deletion when it is
// done; names it gives are random, so that an account may be used again. Key pairs of RSA are slow to make: the checks
// share one of each spec and usage, which is the better part of the seconds that the suite takes.
//
// # Adding checks
//
// A check is one entry of a list of checks in a file of its own, and a list one entry of suite in this file.
package kmstest

import (
	"net/http"
	"testing"
	"time"
)

// A Target is a server to be checked, and the account to do it with.
type Target struct {
	// Region is the region where most checks are made. It has managed HSMs with the algorithms of the state, like
	// cn-hangzhou.
	Region string
	// OtherRegion is another region, with managed HSMs but without those algorithms, like ap-southeast-1. Empty: checks of
	// two regions are skipped.
	OtherRegion string
	// PlainRegion is a third one, without managed HSMs, like cn-qingdao. Empty: checks of such a region are skipped.
	PlainRegion string
	// Account is the id of the account. Empty: it is not looked at in ARNs.
	Account string

	// AccessKeyID and AccessKeySecret are an access key that may do everything.
	AccessKeyID, AccessKeySecret string
	// Scheme is http or https; empty is https.
	Scheme string
	// Endpoint is host and port of the server. Empty: kms.<region>.aliyuncs.com.
	Endpoint string
	// Transport carries the requests. Nil: a new http.Transport.
	Transport http.RoundTripper

	// Call makes the calls of all checks but those of requests themselves. Nil: the official SDK, with what is above.
	Call Caller

	// Wording says that the texts of refusals are those of the documentation, not only their codes and statuses. They
	// differ among its editions.
	Wording bool
	// RSA4096 says that there are keys of RSA_4096, which the service has on dedicated instances only.
	RSA4096 bool
	// DryRun says that the parameter DryRun is known, as in newer editions of the service.
	DryRun bool
	// Advance moves the time of the service ahead. Nil: checks that wait are skipped.
	Advance func(d time.Duration) error
	// Limited returns a server like this one in which an account may have so many keys and aliases, and has none. Nil:
	// checks of quotas are skipped.
	Limited func(t *testing.T, keys, aliases int) Target
	// Powerless returns this server, seen by a user of the account who has no rights. Nil: checks of rights are skipped.
	Powerless func(t *testing.T) Target
	// NotEnabled returns a server like this one in which the account has not activated the service. Nil: checks of that are
	// skipped.
	NotEnabled func(t *testing.T) Target
	// ServiceKey returns the id of the key that a cloud service has in the account, which is made if there is none. Nil:
	// checks of such keys are skipped.
	ServiceKey func(region, service string) (keyID string, err error)
}

// A Caller makes one call through an SDK and returns the answer's JSON. A refusal of the service is a *Refusal. It is
// called by one goroutine at a time.
type Caller func(region, action string, params map[string]string) ([]byte, error)

// A check is one rule.
type check struct {
	rule string
	run  func(k *kit)
}

// suite is all checks, list by list. They run in this order.
func suite() []check {
	var all []check
	for _, list := range [][]check{
		requestChecks(),
		createKeyChecks(),
		keyIDChecks(),
		stateChecks(),
		listingChecks(),
		aliasChecks(),
		rotationChecks(),
		symmetricChecks(),
		contextChecks(),
		dataKeyChecks(),
		pairChecks(),
		signingChecks(),
		signatureChecks(),
		encryptingChecks(),
		ciphertextChecks(),
		pairVersionChecks(),
		importChecks(),
		materialChecks(),
		exportChecks(),
		protectionChecks(),
		accountChecks(),
		serviceKeyChecks(),
		rightsChecks(),
		dryRunChecks(),
	} {
		all = append(all, list...)
	}
	return all
}

// Run checks a server. It runs the checks one after the other.
func Run(t *testing.T, target Target) {
	k := newKit(t, target)
	t.Cleanup(k.cleanUp)
	for _, c := range suite() {
		t.Run(c.rule, func(t *testing.T) { c.run(k.of(t)) })
	}
}
