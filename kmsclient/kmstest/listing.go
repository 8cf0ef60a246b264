package kmstest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A pagedList is an operation that lists by pages.
type pagedList struct {
	operation string
	path      string   // of the list in the answer
	id        string   // the member that names an item
	zero      bool     // a page of no items may be asked for
	more      []string // its other parameters
}

// pagedLists holds those of keys and aliases; KeyId is filled in.
var pagedLists = []pagedList{
	{"ListKeys", "Keys.Key", "KeyId", false, nil},
	{"ListAliases", "Aliases.Alias", "AliasName", true, nil},
	{"ListAliasesByKeyId", "Aliases.Alias", "AliasName", true, []string{"KeyId", ""}},
	{"ListKeyVersions", "KeyVersions.KeyVersion", "KeyVersionId", true, []string{"KeyId", ""}},
}

// listingChecks are those of ListKeys and of pages.
func listingChecks() []check {
	var checks []check
	for _, l := range pagedLists {
		page := func(k *kit, pairs ...string) doc {
			k.Helper()
			return k.ok(l.operation, append(l.with(k), pairs...)...)
		}
		checks = append(checks,
			check{l.operation + ": by default it is page 1 of 10 items", func(k *kit) {
				d := page(k)
				k.equal("PageNumber", k.number(d, "PageNumber"), 1)
				k.equal("PageSize", k.number(d, "PageSize"), 10)
				k.equal("items", len(k.list(d, l.path)), min(10, k.number(d, "TotalCount")))
			}},
			check{l.operation + ": number and size of the page are told as they were asked for", func(k *kit) {
				d := page(k, "PageNumber", "3", "PageSize", "100")
				k.equal("PageNumber", k.number(d, "PageNumber"), 3)
				k.equal("PageSize", k.number(d, "PageSize"), 100)
			}},
			check{l.operation + ": a page past the end is an empty list with the whole count", func(k *kit) {
				d := page(k, "PageNumber", "2147483647", "PageSize", "100")
				k.equal("items", len(k.list(d, l.path)), 0)
				k.equal("TotalCount", k.number(d, "TotalCount"), k.number(page(k), "TotalCount"))
			}},
			check{l.operation + ": pages of any size are the list, each item once and in one order", func(k *kit) {
				var want []string
				for _, size := range []int{100, 7, 1} {
					got := l.all(k, size)
					if want == nil {
						want = got
					}
					if size == 1 {
						got, want = got[:min(len(got), 20)], want[:min(len(want), 20)]
					}
					if !slices.Equal(got, want) {
						k.Errorf("by pages of %d it is another list than by pages of 100", size)
					}
				}
			}},
		)
		for _, n := range []string{"0", "-1", "1.5", "one", " 1", "0x1", "99999999999999999999"} {
			checks = append(checks, check{l.operation + ": PageNumber " + n + " is InvalidParameter PageNumber", func(k *kit) {
				k.refused("InvalidParameter PageNumber", l.operation, append(l.with(k), "PageNumber", n)...)
			}})
		}
		for _, n := range []string{"101", "-1", "ten", "99999999999999999999"} {
			checks = append(checks, check{l.operation + ": PageSize " + n + " is InvalidParameter PageSize", func(k *kit) {
				k.refused("InvalidParameter PageSize", l.operation, append(l.with(k), "PageSize", n)...)
			}})
		}
		if l.zero {
			checks = append(checks, check{l.operation + ": PageSize 0 is an empty list with the whole count", func(k *kit) {
				d := page(k, "PageSize", "0")
				k.equal("items", len(k.list(d, l.path)), 0)
				k.equal("PageSize", k.number(d, "PageSize"), 0)
				k.equal("TotalCount", k.number(d, "TotalCount"), k.number(page(k), "TotalCount"))
			}})
		} else {
			checks = append(checks, check{l.operation + ": PageSize 0 is InvalidParameter PageSize", func(k *kit) {
				k.refused("InvalidParameter PageSize", l.operation, append(l.with(k), "PageSize", "0")...)
			}})
		}
	}

	filter := func(filters string) func(k *kit) []string {
		return func(k *kit) []string { k.Helper(); return pagedLists[0].all(k, 100, "Filters", filters) }
	}
	// A key of each kind to be found, and by which filters.
	for _, f := range []struct{ filters, finds string }{
		{`[{"Key":"KeyState","Values":["Enabled"]}]`, "Enabled"},
		{`[{"Key":"KeyState","Values":["Disabled"]}]`, "Disabled"},
		{`[{"Key":"KeyState","Values":["PendingDeletion"]}]`, "PendingDeletion"},
		{`[{"Key":"KeyState","Values":["PendingImport"]}]`, "PendingImport"},
		{`[{"Key":"KeyState","Values":["Enabled","Disabled"]}]`, "Enabled Disabled"},
		{`[{"Key":"KeyState","Values":["Enabled"]},{"Key":"KeyState","Values":["PendingImport"]}]`, "Enabled PendingImport"},
		{`[{"Key":"KeyState","Values":["Disabled"]},{"Key":"KeySpec","Values":["Aliyun_AES_256"]}]`, "Disabled"},
		{`[{"Key":"KeyState","Values":["Disabled"]},{"Key":"KeySpec","Values":["Aliyun_SM4"]}]`, ""},
		{`[{"Key":"KeyUsage","Values":["ENCRYPT/DECRYPT"]},{"Key":"ProtectionLevel","Values":["SOFTWARE"]},{"Key":"CreatorType","Values":["User"]}]`,
			"Enabled Disabled PendingDeletion PendingImport"},
		{`[{"Key":"KeyUsage","Values":["SIGN/VERIFY"]}]`, ""},
		{`[{"Key":"ProtectionLevel","Values":["HSM"]}]`, ""},
		{`[{"Key":"CreatorType","Values":["Service"]}]`, ""},
		{`[{"Key":"KeySpec","Values":["Aliyun_None"]}]`, ""},
		{`[{"Key":"KeySpec","Values":["Aliyun_None","Aliyun_AES_256"]}]`, "Enabled Disabled PendingDeletion PendingImport"},
		{`[{"Key":"KeyState","Values":[]}]`, "Enabled Disabled PendingDeletion PendingImport"},
		{`[]`, "Enabled Disabled PendingDeletion PendingImport"},
		{``, "Enabled Disabled PendingDeletion PendingImport"},
	} {
		checks = append(checks, check{"ListKeys: Filters " + f.filters, func(k *kit) {
			fixtures := map[string]string{}
			for _, state := range states {
				fixtures[state] = k.fixture(state)
			}
			found := filter(f.filters)(k)
			for state, id := range fixtures {
				want := slices.Contains(strings.Fields(f.finds), state)
				if got := slices.Contains(found, id); got != want {
					k.Errorf("a key in %s is found: %t, want %t", state, got, want)
				}
			}
		}})
	}
	for _, filters := range []string{
		`KeyState`, `{"Key":"KeyState","Values":["Enabled"]}`, `[{"Key":"keystate","Values":["Enabled"]}]`, `[{"Key":"Color","Values":["red"]}]`,
		`[{"Key":"KeyState","Values":"Enabled"}]`, `[{"Key":"KeyState","Values":["1","2","3","4","5","6","7","8","9","10","11"]}]`,
		`[` + strings.Repeat(`{"Key":"KeyState","Values":[]},`, 10) + `{"Key":"KeyState","Values":[]}]`, `[{"Key":"KeyState","Values":["Enabled"]}`,
	} {
		checks = append(checks, check{"ListKeys: Filters " + filters + " are InvalidParameter Filters", func(k *kit) {
			k.refused("InvalidParameter Filters", "ListKeys", "Filters", filters)
		}})
	}

	return append(checks,
		check{"ListKeys: items have the id and the ARN", func(k *kit) {
			k.enabled()
			for i := range k.list(k.ok("ListKeys"), "Keys.Key") {
				item := fmt.Sprintf("Keys.Key.%d.", i)
				d := k.ok("ListKeys")
				k.equal("KeyArn", d.str(item+"KeyArn"), k.arn("key/"+d.str(item+"KeyId")))
			}
		}},
		check{"ListKeys: it is ordered by key id", func(k *kit) {
			k.enabled()
			k.fixture("Disabled")
			if ids := pagedLists[0].all(k, 100); !slices.IsSorted(ids) {
				k.Errorf("the order is %v", ids)
			}
		}},
		check{"ListKeys: TotalCount counts what the filters leave", func(k *kit) {
			k.fixture("PendingImport")
			filters := `[{"Key":"KeyState","Values":["PendingImport"]}]`
			d := k.ok("ListKeys", "Filters", filters, "PageSize", "1")
			k.equal("TotalCount", k.number(d, "TotalCount"), len(filter(filters)(k)))
		}},
		check{"ListKeys: a new key is listed at once", func(k *kit) {
			before := k.number(k.ok("ListKeys"), "TotalCount")
			id := k.key()
			if !slices.Contains(pagedLists[0].all(k, 100), id) {
				k.Error("it is not")
			}
			k.equal("TotalCount", k.number(k.ok("ListKeys"), "TotalCount"), before+1)
		}},
		check{"ListKeys: keys of another region are not listed", func(k *kit) {
			id := k.enabled()
			if slices.Contains(pagedLists[0].all(k.in(k.target.OtherRegion), 100), id) {
				k.Error("it is")
			}
		}},
		check{"Lists: a list of nothing is [], not null", func(k *kit) {
			key := k.fixture("Disabled")
			k.list(k.ok("ListAliasesByKeyId", "KeyId", key, "PageNumber", "9"), "Aliases.Alias")
			k.list(k.ok("ListKeys", "Filters", `[{"Key":"KeySpec","Values":["Aliyun_None"]}]`), "Keys.Key")
		}},
	)
}

// with returns the list's own parameters.
func (l *pagedList) with(k *kit) []string {
	k.Helper()
	k.fixtureAlias()
	if len(l.more) == 0 {
		return nil
	}
	return []string{"KeyId", k.enabled()}
}

// all returns the names of all items, asked for page by page. It stops as clients do, at a page that is not full.
func (l *pagedList) all(k *kit, size int, pairs ...string) []string {
	k.Helper()
	var ids []string
	for n := 1; n <= 1000; n++ {
		d := k.ok(l.operation, append(append(l.with(k), pairs...), "PageNumber", strconv.Itoa(n), "PageSize", strconv.Itoa(size))...)
		items := k.list(d, l.path)
		for i := range items {
			ids = append(ids, d.str(fmt.Sprintf("%s.%d.%s", l.path, i, l.id)))
		}
		if len(items) < size {
			k.equal("TotalCount", k.number(d, "TotalCount"), len(ids))
			return ids
		}
	}
	k.Fatalf("%s has no end", l.operation)
	return nil
}
