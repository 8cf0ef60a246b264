package trail_test

import (
	"errors"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// Whatever is looked up: an answer of at most fifty events, or a refusal of ActionTrail's.
func FuzzLookupEvents(f *testing.F) {
	w := newWorld(f, 0, nil)
	for range 5 {
		w.call("DescribeKey", "KeyId", "k")
	}
	page, _ := w.lookup("MaxResults", "2")
	f.Add("", "", "", "", "", "2", page["NextToken"].(string), "")
	f.Add("2020-01-01T00:00:00Z", "1767323048", "User", "root", "Encrypt,Decrypt", "50", "", "FORWARD")
	f.Add("0", "253402300799", "ResourceName", "k", "", "1", "AAAA", "BACKWARD")
	f.Fuzz(func(t *testing.T, start, end, key, value, names, max, token, direction string) {
		page, err := w.call("LookupEvents", "StartTime", start, "EndTime", end, "LookupAttribute.1.Key", key, "LookupAttribute.1.Value", value,
			"EventName", names, "MaxResults", max, "NextToken", token, "Direction", direction)
		var e *call.Error
		switch {
		case err != nil && !errors.As(err, &e):
			t.Fatalf("LookupEvents = %v", err)
		case err == nil && len(page["Events"].([]any)) > 50:
			t.Fatalf("the page has %d events", len(page["Events"].([]any)))
		}
	})
}
