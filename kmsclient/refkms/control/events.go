package control

import (
	"time"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

type query struct {
	inAccount
	Region     string            `json:"region"`
	Start      time.Time         `json:"start"`
	End        time.Time         `json:"end"`
	Limit      int               `json:"limit"`
	Attributes map[string]string `json:"attributes"`
}

type events struct {
	Events []refkms.Event `json:"events"`
}

var eventCalls = []call{
	define("Events", "Answers the records of the trail of one account and region, from the older to the newer: of those that lie "+
		"between start and end, both included, and have the attributes that are given, by the names of LookupEvents (EventName, "+
		"User, EventRW, ResourceName and others), the newest, up to limit: 1 to 10000, default 1000.",
		`{"limit": 10, "attributes": {"EventName": "Decrypt"}}`, (*Handler).events),
}

func (h *Handler) events(r *query) (events, error) {
	if r.Limit == 0 {
		r.Limit = someEvents
	}
	if r.Limit < 1 || r.Limit > maxEvents {
		return events{}, invalid("limit %d, want 1 to %d", r.Limit, maxEvents)
	}
	found, err := h.server.Events(&refkms.Query{
		Region: r.Region, Account: r.Account, Start: r.Start, End: r.End, Limit: r.Limit, Attributes: r.Attributes,
	})
	return events{found}, err
}
