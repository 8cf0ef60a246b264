package trail_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
)

// describe makes n calls whose records tell them apart, one a second: DescribeKey of k0, k1, ...
func (w *world) describe(from, n int) {
	w.t.Helper()
	for i := from; i < from+n; i++ {
		w.call("DescribeKey", "KeyId", fmt.Sprintf("k%d", i))
		w.advance(time.Second)
	}
}

// pages reads all pages and returns the resources of their events, a slash between pages.
func (w *world) pages(params ...string) string {
	w.t.Helper()
	var pages []string
	token := ""
	for range 100 {
		page := w.ok("LookupEvents", append([]string{"NextToken", token}, params...)...)
		var names []string
		for _, e := range page["Events"].([]any) {
			name, _ := e.(map[string]any)["resourceName"].(string)
			names = append(names, name)
		}
		pages = append(pages, strings.Join(names, " "))
		token, _ = page["NextToken"].(string)
		if token == "" {
			return strings.Join(pages, " / ")
		}
	}
	w.t.Fatal("the pages do not end")
	return ""
}

func TestPages(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.describe(0, 7)
	for _, tt := range []struct {
		name   string
		params []string
		want   string
	}{
		{"newest first", []string{"MaxResults", "3"}, "k6 k5 k4 / k3 k2 k1 / k0"},
		{"oldest first", []string{"MaxResults", "3", "Direction", "FORWARD"}, "k0 k1 k2 / k3 k4 k5 / k6"},
		{"whole pages have no empty one after", []string{"MaxResults", "7"}, "k6 k5 k4 k3 k2 k1 k0"},
		{"one by one", []string{"MaxResults", "1", "Direction", "BACKWARD"}, "k6 / k5 / k4 / k3 / k2 / k1 / k0"},
		{"filtered", []string{"MaxResults", "1", "LookupAttribute.1.Key", "ResourceName", "LookupAttribute.1.Value", "k3"}, "k3"},
		{"a range", []string{"MaxResults", "2", "StartTime", "2026-01-02T03:04:06Z", "EndTime", "2026-01-02T03:04:08Z"}, "k3 k2 / k1"},
		{"the seconds of a range", []string{"StartTime", "1767323046", "EndTime", "1767323048"}, "k3 k2 k1"},
	} {
		if got := w.pages(tt.params...); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	// Without MaxResults a page has twenty.
	w.describe(7, 30)
	if _, names := w.lookup(); len(names) != 20 {
		t.Errorf("a page has %d events, want 20", len(names))
	}
	if _, names := w.lookup("MaxResults", "50"); len(names) != 37 {
		t.Errorf("a page has %d events, want all 37", len(names))
	}
}

// Records that come while pages are read do not shift them. A range that was given by default stays what it was.
func TestPagesWhileRecordsCome(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.describe(0, 5)
	page, _ := w.lookup("MaxResults", "2")
	w.describe(5, 3)
	next, _ := w.lookup("MaxResults", "2", "NextToken", page["NextToken"].(string))
	if next["StartTime"] != page["StartTime"] || next["EndTime"] != page["EndTime"] {
		t.Errorf("the range of the next page is %v to %v, want %v to %v", next["StartTime"], next["EndTime"], page["StartTime"], page["EndTime"])
	}
	events := next["Events"].([]any)
	if got := events[0].(map[string]any)["resourceName"]; got != "k2" || len(events) != 2 {
		t.Errorf("the next page begins with %v, want k2", got)
	}
}

func TestNextToken(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.describe(0, 5)
	page, _ := w.lookup("MaxResults", "2", "EventName", "DescribeKey")
	token := page["NextToken"].(string)
	w.ok("LookupEvents", "MaxResults", "2", "EventName", "DescribeKey", "NextToken", token)
	w.ok("LookupEvents", "MaxResults", "2", "EventName", "DescribeKey", "NextToken", token, "Direction", "BACKWARD") // the default, spelt out
	for name, params := range map[string][]string{
		"another filter":    {"MaxResults", "2", "EventName", "CreateKey", "NextToken", token},
		"no filter":         {"MaxResults", "2", "NextToken", token},
		"another size":      {"MaxResults", "3", "EventName", "DescribeKey", "NextToken", token},
		"another direction": {"MaxResults", "2", "EventName", "DescribeKey", "NextToken", token, "Direction", "FORWARD"},
		"another range":     {"MaxResults", "2", "EventName", "DescribeKey", "NextToken", token, "StartTime", "0", "EndTime", "1"},
		"garbage":           {"MaxResults", "2", "EventName", "DescribeKey", "NextToken", "garbage"},
		"not base64":        {"MaxResults", "2", "EventName", "DescribeKey", "NextToken", "*" + token[1:]},
		"cut":               {"MaxResults", "2", "EventName", "DescribeKey", "NextToken", token[:len(token)-2]},
		"bent":              {"MaxResults", "2", "EventName", "DescribeKey", "NextToken", "B" + token[1:]},
	} {
		if _, err := w.call("LookupEvents", params...); err != call.ErrQueryParameter {
			t.Errorf("%s: LookupEvents = %v, want ErrQueryParameter", name, err)
		}
	}
}

func TestAttributes(t *testing.T) {
	w := newWorld(t, 0, nil)
	key := w.key()
	w.ok("Encrypt", "KeyId", key, "Plaintext", "x")
	w.as(alice).call("Encrypt", "KeyId", key, "Plaintext", "x")
	w.alias(key)
	w.call("DescribeKey", "KeyId", "none")
	id := w.records()[1].Event().EventID
	for _, tt := range []struct {
		attributes string // name=value, apart by blanks
		names      string // EventName
		want       string // names of events, the oldest first
	}{
		{"", "", "CreateKey Encrypt Encrypt CreateAlias DescribeKey"},
		{"ServiceName=Kms", "", "CreateKey Encrypt Encrypt CreateAlias DescribeKey"},
		{"ServiceName=kms", "", ""},
		{"EventName=Encrypt", "", "Encrypt Encrypt"},
		{"EventName=encrypt", "", ""},
		{"User=alice", "", "Encrypt"},
		{"User=root EventName=Encrypt", "", "Encrypt"},
		{"User=alice EventName=CreateKey", "", ""},
		{"EventId=" + id, "", "Encrypt"},
		{"EventRW=Read", "", "Encrypt Encrypt DescribeKey"},
		{"EventRW=Write", "", "CreateKey CreateAlias"},
		{"EventAccessKeyId=LTAIalice", "", "Encrypt"},
		{"ResourceType=ACS::KMS::Key", "", "CreateKey Encrypt Encrypt CreateAlias DescribeKey"},
		{"ResourceType=ACS::KMS::Alias", "", "CreateAlias"},
		{"ResourceType=ACS::KMS::Alias;ACS::KMS::Key", "", ""},
		{"ResourceName=none", "", "DescribeKey"},
		{"ResourceName=" + key, "", "CreateKey Encrypt Encrypt CreateAlias"},
		{"SensitiveAction=true", "", ""},
		{"SensitiveAction=false", "", "CreateKey Encrypt Encrypt CreateAlias DescribeKey"},
		{"", "Encrypt,DescribeKey", "Encrypt Encrypt DescribeKey"},
		{"", "CreateAlias", "CreateAlias"},
		{"User=alice", "Encrypt,DescribeKey", "Encrypt"},
		{"EventName=Encrypt", "DescribeKey", ""},
	} {
		params := []string{"Direction", "FORWARD", "EventName", tt.names}
		attributes := map[string]string{}
		for i, a := range strings.Fields(tt.attributes) {
			name, value, _ := strings.Cut(a, "=")
			n := "LookupAttribute." + strconv.Itoa(i+1)
			params = append(params, n+".Key", name, n+".Value", value)
			attributes[name] = value
		}
		if _, names := w.lookup(params...); strings.Join(names, " ") != tt.want {
			t.Errorf("%s %s: %v, want %s", tt.attributes, tt.names, names, tt.want)
		}
		if tt.names != "" {
			continue
		}
		records, err := w.trail.Events(w.scope, &trail.Query{Attributes: attributes}, state.At(start))
		var names []string
		for _, r := range records {
			names = append(names, r.Name)
		}
		if err != nil || strings.Join(names, " ") != tt.want {
			t.Errorf("%s in process: %v, %v, want %s", tt.attributes, names, err, tt.want)
		}
	}
}

func TestLookupParameters(t *testing.T) {
	w := newWorld(t, 0, nil)
	for _, tt := range []struct {
		name   string
		params []string
		want   error
	}{
		{"no start", []string{"EndTime", "2026-01-02T03:04:05Z"}, call.ErrStartTime},
		{"no end", []string{"StartTime", "2026-01-02T03:04:05Z"}, call.ErrEndTime},
		{"bad start", []string{"StartTime", "yesterday", "EndTime", "2026-01-02T03:04:05Z"}, call.ErrStartTime},
		{"bad end", []string{"StartTime", "2026-01-02T03:04:05Z", "EndTime", "2026-01-02 03:04:05"}, call.ErrEndTime},
		{"start beyond all years", []string{"StartTime", "253402300800", "EndTime", "253402300801"}, call.ErrStartTime},
		{"start beyond all numbers", []string{"StartTime", "99999999999999999999", "EndTime", "1"}, call.ErrStartTime},
		{"start before 1970", []string{"StartTime", "1969-12-31T23:59:59Z", "EndTime", "1"}, call.ErrStartTime},
		{"end at start", []string{"StartTime", "5", "EndTime", "5"}, call.ErrTimeCombination},
		{"end before start", []string{"StartTime", "2026-01-02T03:04:05Z", "EndTime", "2026-01-01T03:04:05Z"}, call.ErrTimeCombination},
		{"unknown attribute", []string{"LookupAttribute.1.Key", "Color", "LookupAttribute.1.Value", "red"}, call.ErrQueryParameter},
		{"attribute without value", []string{"LookupAttribute.2.Key", "User"}, call.ErrQueryParameter},
		{"value without attribute", []string{"LookupAttribute.1.Value", "alice"}, call.ErrQueryParameter},
		{"no results", []string{"MaxResults", "0"}, call.ErrQueryParameter},
		{"too many results", []string{"MaxResults", "51"}, call.ErrQueryParameter},
		{"some results", []string{"MaxResults", "some"}, call.ErrQueryParameter},
		{"sideways", []string{"Direction", "SIDEWAYS"}, call.ErrQueryParameter},
	} {
		if _, err := w.call("LookupEvents", tt.params...); err != tt.want {
			t.Errorf("%s: LookupEvents = %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := w.trail.Events(w.scope, &trail.Query{Attributes: map[string]string{"Color": "red"}}, state.At(start)); err != call.ErrQueryParameter {
		t.Errorf("Events = %v, want ErrQueryParameter", err)
	}
}

// By default the last seven days are looked up; what is older than 180 is gone, whatever the range.
func TestRetention(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.call("DescribeKey", "KeyId", "old")
	w.advance(7 * day)
	page, names := w.lookup()
	if len(names) != 1 || page["StartTime"] != "2026-01-02T03:04:05Z" || page["EndTime"] != "2026-01-09T03:04:05Z" || page["NextToken"] != nil {
		t.Errorf("after seven days there are %v in %v", names, page)
	}
	w.advance(time.Second)
	if _, names := w.lookup(); len(names) != 0 {
		t.Errorf("after more than seven days there are %v", names)
	}
	all := []string{"StartTime", "2020-01-01T00:00:00Z", "EndTime", "2030-01-01T00:00:00Z"}
	w.advance(173*day - time.Second)
	w.call("DescribeKey", "KeyId", "new")
	if _, names := w.lookup(all...); len(names) != 2 {
		t.Errorf("after 180 days there are %v", names)
	}
	w.advance(time.Second)
	if _, names := w.lookup(all...); len(names) != 1 || w.log.Len() != 2 {
		t.Errorf("after more than 180 days there are %v, and %d records are kept", names, w.log.Len())
	}
	if records, err := w.trail.Events(w.scope, new(trail.Query), state.At(start.Add(180*day+time.Second))); err != nil || len(records) != 1 {
		t.Errorf("Events = %v, %v", records, err)
	}
	w.call("DescribeKey", "KeyId", "newer") // each record that is written has the old forgotten
	if w.log.Len() != 2 {
		t.Errorf("%d records are kept, want 2", w.log.Len())
	}
}

func TestQueryRangeAndLimit(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.describe(0, 6)
	at := func(i int) state.Time { return state.At(start) + state.Time(i) }
	for _, tt := range []struct {
		q    trail.Query
		want string
	}{
		{trail.Query{}, "k0 k1 k2 k3 k4 k5"},
		{trail.Query{Start: at(2)}, "k2 k3 k4 k5"},
		{trail.Query{End: at(2)}, "k0 k1 k2"},
		{trail.Query{Start: at(1), End: at(4)}, "k1 k2 k3 k4"},
		{trail.Query{Start: at(1), End: at(4), Limit: 2}, "k3 k4"},
	} {
		records, err := w.trail.Events(w.scope, &tt.q, at(6))
		var ids []string
		for _, r := range records {
			ids = append(ids, r.Resources[0].ID)
		}
		if err != nil || strings.Join(ids, " ") != tt.want {
			t.Errorf("%+v: %v, %v, want %s", tt.q, ids, err, tt.want)
		}
	}
}

// Who asks sees the records of his account in the region he asks in, and needs a right on everything.
func TestWhoMayLook(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.call("DescribeKey", "KeyId", "mine")
	for _, s := range []state.Scope{state.In(account, "cn-beijing"), state.In("42", region)} {
		v := *w
		v.scope, v.who = s, call.Principal{Kind: call.Root, Account: s.Account()}
		if _, names := v.lookup(); len(names) != 0 {
			t.Errorf("in %s there are %v", s, names)
		}
	}
	if _, err := w.as(alice).call("LookupEvents"); err == nil {
		t.Error("a user without rights may look")
	}
	if _, names := w.lookup(); !slices.Equal(names, []string{"DescribeKey"}) {
		t.Errorf("there are %v: looking leaves no record", names)
	}
}
