package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/keyringtest"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

const account = "1234567890123456"

// newRegion is a fakeKMS that knows where its keys are.
func newRegion(region, account string, keys ...string) *fakeKMS {
	f := newFakeKMS(keys...)
	f.editDescribe = func(r *kmsapi.DescribeKeyResponse) { r.ARN = arn(region, account, r.KeyID) }
	return f
}

func arn(region, account, id string) string {
	return "acs:kms:" + region + ":" + account + ":key/" + id
}

func newDiscovery(t *testing.T, regions map[string]kmsapi.API, accounts ...string) *keyring.Discovery {
	t.Helper()
	d, err := keyring.NewDiscovery(regions, accounts)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDiscoveryConformance(t *testing.T) {
	t.Run("alone", func(t *testing.T) {
		keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
			api := newRegion("cn-hangzhou", account, prod)
			return keyringtest.Harness{
				Provider:          newDiscovery(t, map[string]kmsapi.API{"cn-hangzhou": api}, account),
				Writer:            newKMS(t, api, prodARN),
				OpensAllOfItsKind: true,
			}
		})
	})
	t.Run("in a Multi", func(t *testing.T) {
		keyringtest.Run(t, func(t *testing.T) keyringtest.Harness {
			home, remote := newRegion("cn-hangzhou", account, prod), newRegion("cn-shanghai", account, away)
			return keyringtest.Harness{
				Provider: newMulti(t, &keyring.MultiOptions{Hedge: 1},
					newDiscovery(t, map[string]kmsapi.API{"cn-hangzhou": home}, account),
					newDiscovery(t, map[string]kmsapi.API{"cn-shanghai": remote}, account)),
				Writer:            newMulti(t, nil, newKMS(t, home, prodARN), newKMS(t, remote, awayARN)),
				OpensAllOfItsKind: true,
			}
		})
	})
}

func TestNewDiscoveryRefuses(t *testing.T) {
	api := newFakeKMS()
	good := map[string]kmsapi.API{"cn-hangzhou": api}
	for _, tt := range []struct {
		name     string
		regions  map[string]kmsapi.API
		accounts []string
		want     string
	}{
		{"no region", nil, []string{"1"}, "no region"},
		{"no account", good, nil, "no account"},
		{"region without a client", map[string]kmsapi.API{"cn-hangzhou": nil}, []string{"1"}, "cn-hangzhou: no API"},
		{"empty region", map[string]kmsapi.API{"": api}, []string{"1"}, `region ""`},
		{"region of 33 characters", map[string]kmsapi.API{strings.Repeat("r", 33): api}, []string{"1"}, "is not 1 to 32 characters"},
		{"region in upper case", map[string]kmsapi.API{"CN": api}, []string{"1"}, "is not 1 to 32 characters"},
		{"region with an at sign", map[string]kmsapi.API{"x@127.0.0.1#": api}, []string{"1"}, "is not 1 to 32 characters"},
		{"region with a slash", map[string]kmsapi.API{"evil.example/": api}, []string{"1"}, "is not 1 to 32 characters"},
		{"empty account", good, []string{"1", ""}, `account ""`},
		{"account with a star", good, []string{"*"}, "is not 1 to 32 digits"},
		{"account of 33 digits", good, []string{strings.Repeat("1", 33)}, "is not 1 to 32 digits"},
	} {
		if d, err := keyring.NewDiscovery(tt.regions, tt.accounts); d != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: NewDiscovery = %v, %v, want %s", tt.name, d, err, tt.want)
		}
	}
	// The map and the list are the caller's.
	accounts := []string{account}
	home := newRegion("cn-hangzhou", account, prod)
	regions := map[string]kmsapi.API{"cn-hangzhou": home}
	d := newDiscovery(t, regions, accounts...)
	k := generate(t, newKMS(t, home, prodARN), nil)
	clear(regions)
	clear(accounts)
	if _, err := decrypt(t, d, nil, k.Record()); err != nil {
		t.Errorf("Decrypt after the arguments changed = %v", err)
	}
}

func TestDiscoveryOpens(t *testing.T) {
	home, remote := newRegion("cn-hangzhou", account, prod, dev), newRegion("cn-shanghai", "42", away)
	d := newDiscovery(t, map[string]kmsapi.API{"cn-hangzhou": home, "cn-shanghai": remote}, account, "42")
	ec := pairs(t, map[string]string{"tenant": "42"})
	awayARN := arn("cn-shanghai", "42", away)
	for _, w := range []*keyring.KMS{newKMS(t, home, prodARN), newKMS(t, home, arn("cn-hangzhou", account, dev)), newKMS(t, remote, awayARN)} {
		k := generate(t, w, ec)
		home.calls, remote.calls = map[string]int{}, map[string]int{}
		got, err := decrypt(t, d, ec, k.Record())
		if err != nil || !got.Equal(k) {
			t.Fatalf("Decrypt of %v = %v", names(k.Record()), err)
		}
		if _, id := got.OpenedBy(); id != k.Record()[0].KeyID {
			t.Errorf("OpenedBy = %s, want %s", id, k.Record()[0].KeyID)
		}
		if n, m := home.count("Decrypt")+remote.count("Decrypt"), home.total()+remote.total(); n != 1 || m != 2 {
			t.Errorf("%d calls of Decrypt and %d in all, want 1 and 2", n, m)
		}
		// The account of a key is asked for once.
		if _, err := decrypt(t, d, ec, k.Record()); err != nil || home.total()+remote.total() != 3 {
			t.Errorf("second Decrypt = %v, calls %v and %v, want one more", err, home.calls, remote.calls)
		}
	}
	// A message of several: the order is that of the ARNs, so cn-hangzhou is asked first.
	k := generate(t, newMulti(t, nil, newKMS(t, remote, awayARN), newKMS(t, home, prodARN)), nil)
	got, err := decrypt(t, d, nil, k.Record())
	if err != nil {
		t.Fatal(err)
	}
	if _, id := got.OpenedBy(); id != prodARN {
		t.Errorf("OpenedBy = %s, want %s", id, prodARN)
	}
	// And the other one when the first is lost.
	home.fail["Decrypt"] = kmsapi.ErrUnavailable
	if got, err := decrypt(t, d, nil, k.Record()); err != nil || !got.Equal(k) {
		t.Errorf("Decrypt without the first region = %v", err)
	}
}

func TestDiscoveryOnlyDecrypts(t *testing.T) {
	api := newRegion("cn-hangzhou", account, prod)
	d := newDiscovery(t, map[string]kmsapi.API{"cn-hangzhou": api}, account)
	if k, err := d.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM}); k != nil || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("GenerateDataKey = %v, %v, want errors.ErrUnsupported", k, err)
	}
	if r, err := d.Wrap(t.Context(), &keyring.WrapRequest{Suite: format.AES256GCM, Key: newDataKey(t)}); r != nil || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Wrap = %v, %v, want errors.ErrUnsupported", r, err)
	}
	// A Multi with one reads, and says at the first message that it cannot write.
	m := newMulti(t, nil, newRaw(t, "a", 1), d)
	if k, err := m.GenerateDataKey(t.Context(), &keyring.GenerateDataKeyRequest{Suite: format.AES256GCM}); k != nil || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("GenerateDataKey of a Multi = %v, %v, want errors.ErrUnsupported", k, err)
	}
	k := generate(t, newKMS(t, api, prodARN), nil)
	if _, err := decrypt(t, m, nil, k.Record()); err != nil {
		t.Errorf("Decrypt of a Multi = %v", err)
	}
}

// F1: any key of the account may answer, but only under its own name.
func TestDiscoveryAnswerByOtherKey(t *testing.T) {
	api := newRegion("cn-hangzhou", account, prod, dev)
	d := newDiscovery(t, map[string]kmsapi.API{"cn-hangzhou": api}, account)
	mallory := generate(t, newKMS(t, api, arn("cn-hangzhou", account, dev)), nil)
	forged := format.Record{{Provider: "kms", KeyID: prodARN, Ciphertext: mallory.Record()[0].Ciphertext}}
	if _, err := decrypt(t, d, nil, forged); !errors.Is(err, keyring.ErrNoMatch) || !errors.Is(err, keyring.ErrWrongKey) {
		t.Errorf("Decrypt of a forged label = %v, want ErrNoMatch and ErrWrongKey", err)
	}
	if n := api.count("DescribeKey"); n != 0 {
		t.Errorf("%d calls of DescribeKey for a key that is not the entry's", n)
	}
	// An answer that names region and account must name the entry's.
	k := generate(t, newKMS(t, api, prodARN), nil)
	for answer, want := range map[string]error{
		prodARN: nil, arn("cn-shanghai", account, prod): keyring.ErrWrongKey, arn("cn-hangzhou", "1", prod): keyring.ErrWrongKey,
		alias: keyring.ErrWrongKey, "": keyring.ErrWrongKey, "x\ny": keyring.ErrWrongKey,
	} {
		var seen kmsapi.Plaintext
		api.editDecrypt = func(r *kmsapi.DecryptResponse) { r.KeyID = answer; seen = r.Plaintext }
		if _, err := decrypt(t, d, nil, k.Record()); !errors.Is(err, want) {
			t.Errorf("Decrypt answered by %q = %v, want %v", answer, err, want)
		}
		if !bytes.Equal(seen.Bytes(), make([]byte, 44)) {
			t.Errorf("the answer of %q was not wiped", answer)
		}
	}
}

// F6 and the allow-lists: what is no key ARN of an allowed region and account causes no call.
func TestDiscoveryNotCandidates(t *testing.T) {
	api := newRegion("cn-hangzhou", account, prod)
	d := newDiscovery(t, map[string]kmsapi.API{"cn-hangzhou": api}, account)
	c := generate(t, newKMS(t, api, prodARN), nil).Record()[0].Ciphertext
	before := api.total()
	for name, e := range map[string]format.WrappedKey{
		"bare id":                 {Provider: "kms", KeyID: prod},
		"alias":                   {Provider: "kms", KeyID: alias},
		"alias arn":               {Provider: "kms", KeyID: aliasARN},
		"other provider":          {Provider: "kms.example", KeyID: prodARN},
		"other region":            {Provider: "kms", KeyID: arn("cn-shanghai", account, prod)},
		"other account":           {Provider: "kms", KeyID: arn("cn-hangzhou", "1", prod)},
		"region with an at sign":  {Provider: "kms", KeyID: arn("x@127.0.0.1#", account, prod)},
		"region with a slash":     {Provider: "kms", KeyID: arn("evil.example/", account, prod)},
		"region in upper case":    {Provider: "kms", KeyID: arn("CN-HANGZHOU", account, prod)},
		"region with a dot":       {Provider: "kms", KeyID: arn("cn-hangzhou.evil", account, prod)},
		"empty region":            {Provider: "kms", KeyID: arn("", account, prod)},
		"account with letters":    {Provider: "kms", KeyID: arn("cn-hangzhou", account+"x", prod)},
		"key id with a slash":     {Provider: "kms", KeyID: arn("cn-hangzhou", account, prod+"/..")},
		"other service":           {Provider: "kms", KeyID: strings.Replace(prodARN, "acs:kms", "acs:oss", 1)},
		"a secret":                {Provider: "kms", KeyID: strings.Replace(prodARN, "key/", "secret/", 1)},
		"cut arn":                 {Provider: "kms", KeyID: "acs:kms:cn-hangzhou"},
		"trailing line feed":      {Provider: "kms", KeyID: prodARN + "\n"},
		"arn over the size limit": {Provider: "kms", KeyID: arn("cn-hangzhou", account, strings.Repeat("x", 512))},
	} {
		e.Ciphertext = c
		if _, err := decrypt(t, d, nil, format.Record{e}); !errors.Is(err, keyring.ErrNoMatch) || errors.Is(err, keyring.ErrWrongKey) {
			t.Errorf("%s: Decrypt = %v, want ErrNoMatch", name, err)
		}
		if n := api.total(); n != before {
			t.Fatalf("%s caused a call", name)
		}
	}
}

// arn-other-account: the client is of an account that is not on the list, and the label says that it is. Whoever may
// encrypt under a key of that account, which may be his own, would write messages that pass for those of the other.
func TestDiscoveryOtherAccount(t *testing.T) {
	const listed, stranger = "42", "666"
	labelled := arn("cn-hangzhou", listed, prod)
	for name, describe := range map[string]func(f *fakeKMS){
		"the client's account has the key": func(*fakeKMS) {},
		"shared by a stranger, so unknown": func(f *fakeKMS) { f.fail["DescribeKey"] = kmsapi.ErrKeyNotFound },
		"another region's client":          func(f *fakeKMS) { edit(f, arn("cn-shanghai", listed, prod)) },
		"another key is described":         func(f *fakeKMS) { edit(f, arn("cn-hangzhou", listed, dev)) },
		"no arn":                           func(f *fakeKMS) { edit(f, "") },
		"an arn that is none":              func(f *fakeKMS) { edit(f, labelled+"\n") },
		"an alias":                         func(f *fakeKMS) { edit(f, aliasARN) },
		"a bare id":                        func(f *fakeKMS) { edit(f, prod) },
	} {
		api := newRegion("cn-hangzhou", stranger, prod, dev)
		describe(api)
		d := newDiscovery(t, map[string]kmsapi.API{"cn-hangzhou": api}, listed)
		k := generate(t, newKMS(t, api, prod), nil)
		forged := format.Record{{Provider: "kms", KeyID: labelled, Ciphertext: k.Record()[0].Ciphertext}}
		for range 2 { // nothing of it is remembered as good
			if _, err := decrypt(t, d, nil, forged); !errors.Is(err, keyring.ErrNoMatch) || !errors.Is(err, keyring.ErrWrongKey) {
				t.Errorf("%s: Decrypt = %v, want ErrNoMatch and ErrWrongKey", name, err)
			}
		}
		// Under its true name it is no candidate.
		before := api.total()
		honest := format.Record{{Provider: "kms", KeyID: arn("cn-hangzhou", stranger, prod), Ciphertext: k.Record()[0].Ciphertext}}
		if _, err := decrypt(t, d, nil, honest); !errors.Is(err, keyring.ErrNoMatch) || api.total() != before {
			t.Errorf("%s: Decrypt under the true name = %v, %d calls, want ErrNoMatch without any", name, err, api.total()-before)
		}
	}
}

func edit(f *fakeKMS, arn string) {
	f.editDescribe = func(r *kmsapi.DescribeKeyResponse) { r.ARN = arn }
}

// F12, discovery-4-entries: three calls, whatever the record, and a wrapped key that was not tried is not "not mine".
func TestDiscoveryCallLimit(t *testing.T) {
	id := func(i int) string { return fmt.Sprintf("key-%02d", i) }
	var ids []string
	for i := range 16 {
		ids = append(ids, id(i))
	}
	api := newRegion("cn-hangzhou", account, ids...)
	var good format.Record
	for _, i := range ids {
		good = append(good, generate(t, newKMS(t, api, arn("cn-hangzhou", account, i)), nil).Record()...)
	}
	junk := func(n int, keep ...int) format.Record {
		r := good[:n].Clone()
		for i := range r {
			if !slices.Contains(keep, i) {
				r[i].Ciphertext = []byte("gone\x00")
			}
		}
		return r
	}
	mallory := func(n int, keep ...int) format.Record { // wrapped under another key than named
		r := good[:n].Clone()
		for i := range r {
			if !slices.Contains(keep, i) {
				r[i].Ciphertext = good[15].Ciphertext
			}
		}
		return r
	}
	for _, tt := range []struct {
		name              string
		record            format.Record
		want              []error
		noMatch           bool
		decrypt, describe int
	}{
		{"3 of junk", junk(3), []error{kmsapi.ErrKeyNotFound}, false, 3, 0},
		{"4 of junk", junk(4), []error{kmsapi.ErrKeyNotFound, keyring.ErrCallLimit}, false, 3, 0},
		{"16 of junk", junk(16), []error{kmsapi.ErrKeyNotFound, keyring.ErrCallLimit}, false, 3, 0},
		{"the third is good", junk(3, 2), nil, false, 3, 1},
		{"the third of 16 is good", junk(16, 2), nil, false, 3, 1},
		{"the fourth is good", junk(4, 3), []error{keyring.ErrCallLimit}, false, 3, 0},
		{"3 by another key", mallory(3), []error{keyring.ErrWrongKey}, true, 3, 0},
		{"4 by another key", mallory(4, 3), []error{keyring.ErrWrongKey, keyring.ErrCallLimit}, false, 3, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDiscovery(t, map[string]kmsapi.API{"cn-hangzhou": api}, account)
			api.calls = map[string]int{}
			_, err := decrypt(t, d, nil, tt.record)
			for _, want := range tt.want {
				if !errors.Is(err, want) {
					t.Errorf("Decrypt = %v, want %v", err, want)
				}
			}
			if (err == nil) != (tt.want == nil) || errors.Is(err, keyring.ErrNoMatch) != tt.noMatch {
				t.Errorf("Decrypt = %v, want ErrNoMatch: %v", err, tt.noMatch)
			}
			if api.count("Decrypt") != tt.decrypt || api.count("DescribeKey") != tt.describe || api.total() != tt.decrypt+tt.describe {
				t.Errorf("calls %v, want %d of Decrypt and %d of DescribeKey", api.calls, tt.decrypt, tt.describe)
			}
		})
	}
}

// One account that is not the entry's costs the one DescribeKey of the message; keys that are known are still opened.
func TestDiscoveryDescribesOnce(t *testing.T) {
	home, remote := newRegion("cn-hangzhou", "666", prod), newRegion("cn-shanghai", account, away)
	k := generate(t, newMulti(t, nil, newKMS(t, home, prodARN), newKMS(t, remote, awayARN)), nil)
	d := newDiscovery(t, map[string]kmsapi.API{"cn-hangzhou": home, "cn-shanghai": remote}, account)
	_, err := decrypt(t, d, nil, k.Record())
	if !errors.Is(err, keyring.ErrWrongKey) || !errors.Is(err, keyring.ErrCallLimit) || errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt = %v, want ErrWrongKey and ErrCallLimit, not ErrNoMatch", err)
	}
	if n := home.count("DescribeKey") + remote.count("DescribeKey"); n != 1 {
		t.Errorf("%d calls of DescribeKey, want 1", n)
	}
	if _, err := decrypt(t, d, nil, k.Record()[1:]); err != nil {
		t.Errorf("Decrypt of the other alone = %v", err)
	}
	if _, err := decrypt(t, d, nil, k.Record()); err != nil {
		t.Errorf("Decrypt when the other is known = %v", err)
	}
}

// An outage of DescribeKey is told as such, is not remembered, and leaves nothing opened.
func TestDiscoveryDescribeFails(t *testing.T) {
	api := newRegion("cn-hangzhou", account, prod)
	d := newDiscovery(t, map[string]kmsapi.API{"cn-hangzhou": api}, account)
	k := generate(t, newKMS(t, api, prodARN), nil)
	for _, cause := range []error{kmsapi.ErrAccessDenied, kmsapi.ErrThrottled, errOutage, context.DeadlineExceeded} {
		api.fail["DescribeKey"] = cause
		if _, err := decrypt(t, d, nil, k.Record()); !errors.Is(err, cause) || errors.Is(err, keyring.ErrNoMatch) {
			t.Errorf("Decrypt = %v, want %v and not ErrNoMatch", err, cause)
		}
	}
	delete(api.fail, "DescribeKey")
	if _, err := decrypt(t, d, nil, k.Record()); err != nil {
		t.Errorf("Decrypt after the outage = %v", err)
	}
	api.fail["DescribeKey"] = errOutage
	if _, err := decrypt(t, d, nil, k.Record()); err != nil {
		t.Errorf("Decrypt of a known key during an outage = %v", err)
	}
}

// Once the context is done nobody is asked any more.
func TestDiscoveryCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	api := newRegion("cn-hangzhou", account, prod, dev)
	api.editDecrypt = func(r *kmsapi.DecryptResponse) { r.KeyID = "other"; cancel() }
	d := newDiscovery(t, map[string]kmsapi.API{"cn-hangzhou": api}, account)
	k := generate(t, newMulti(t, nil, newKMS(t, api, prodARN), newKMS(t, api, arn("cn-hangzhou", account, dev))), nil)
	if k, err := d.Decrypt(ctx, &keyring.DecryptRequest{Suite: format.AES256GCM, Record: k.Record()}); k != nil || !errors.Is(err, context.Canceled) || errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("Decrypt = %v, %v, want context.Canceled and not ErrNoMatch", k, err)
	}
	if n := api.count("Decrypt"); n != 1 {
		t.Errorf("%d calls of Decrypt, want 1", n)
	}
}

func TestDiscoveryContextTooLong(t *testing.T) {
	api := newRegion("cn-hangzhou", account, prod)
	d := newDiscovery(t, map[string]kmsapi.API{"cn-hangzhou": api}, account)
	ec := pairs(t, map[string]string{"k": strings.Repeat(`"`, 4093)})
	if _, err := decrypt(t, d, ec, format.Record{{Provider: "kms", KeyID: prodARN, Ciphertext: []byte{1}}}); !errors.Is(err, keyring.ErrContextTooLong) || api.total() != 0 {
		t.Errorf("Decrypt = %v, calls %v, want ErrContextTooLong without any", err, api.calls)
	}
}

// What is remembered of keys is bounded: beyond 1024 they are asked for again.
func TestDiscoveryForgets(t *testing.T) {
	var ids []string
	for i := range 1025 {
		ids = append(ids, fmt.Sprintf("key-%04d", i))
	}
	api := newRegion("cn-hangzhou", account, ids...)
	d := newDiscovery(t, map[string]kmsapi.API{"cn-hangzhou": api}, account)
	open := func(id string, described int) {
		t.Helper()
		before := api.count("DescribeKey")
		k := generate(t, newKMS(t, api, arn("cn-hangzhou", account, id)), nil)
		if _, err := decrypt(t, d, nil, k.Record()); err != nil {
			t.Fatal(err)
		}
		if n := api.count("DescribeKey") - before; n != described {
			t.Errorf("%s: %d calls of DescribeKey, want %d", id, n, described)
		}
	}
	for _, id := range ids[:1024] {
		open(id, 1)
	}
	open(ids[0], 0)
	open(ids[1024], 1)
	open(ids[0], 1)
	open(ids[1024], 0)
}
