package trail

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// The limits of LookupEvents.
const (
	maxResults     = 50
	defaultResults = 20
	defaultRange   = 7 * 24 * time.Hour
)

// LookupEventsRequest is the request of LookupEvents.
type LookupEventsRequest struct {
	StartTime string `param:"StartTime"`
	EndTime   string `param:"EndTime"`
	Key1      string `param:"LookupAttribute.1.Key"`
	Value1    string `param:"LookupAttribute.1.Value"`
	Key2      string `param:"LookupAttribute.2.Key"`
	Value2    string `param:"LookupAttribute.2.Value"`
	// EventName is a list of names, of which one must fit. The official interface does not have it.
	EventName  string `param:"EventName"`
	MaxResults string `param:"MaxResults"`
	NextToken  string `param:"NextToken"`
	Direction  string `param:"Direction"`

	start, end state.Time
	filter     Filter
	max        int
	forward    bool
	after      *Place // of the last record of the page before, nil for the first page
}

// LookupEventsResponse is the answer of LookupEvents.
type LookupEventsResponse struct {
	StartTime string
	EndTime   string
	NextToken string `json:",omitempty"` // not on the last page
	Events    []Event
	call.Answer
}

// CheckLookupEvents reads the parameters, each refused with the code that ActionTrail has for it.
func (t *Trail) CheckLookupEvents(c *call.Call, req *LookupEventsRequest) (err error) {
	req.start, req.end = c.Now.Add(-defaultRange), c.Now
	if req.StartTime != "" || req.EndTime != "" {
		var ok bool
		if req.start, ok = parseTime(req.StartTime); !ok {
			return call.ErrStartTime
		}
		if req.end, ok = parseTime(req.EndTime); !ok {
			return call.ErrEndTime
		}
		if req.start >= req.end {
			return call.ErrTimeCombination
		}
	}
	req.filter, req.max = Filter{}, defaultResults
	for _, attribute := range [][2]string{{req.Key1, req.Value1}, {req.Key2, req.Value2}} {
		if attribute == [2]string{} {
			continue
		}
		if err := req.filter.add(attribute[0], attribute[1]); err != nil {
			return err
		}
	}
	if req.EventName != "" {
		req.filter.names = strings.Split(req.EventName, ",")
	}
	if req.MaxResults != "" {
		if req.max, err = strconv.Atoi(req.MaxResults); err != nil || req.max < 1 || req.max > maxResults {
			return call.ErrQueryParameter
		}
	}
	switch req.Direction {
	case "", "BACKWARD":
	case "FORWARD":
		req.forward = true
	default:
		return call.ErrQueryParameter
	}
	if req.NextToken != "" {
		return req.resume()
	}
	return nil
}

// parseTime reads a date, or seconds since 1970, from the beginning of that to the end of four-digit years.
func parseTime(text string) (state.Time, bool) {
	const last = 253402300799 // 9999-12-31T23:59:59Z
	if text != "" && strings.Trim(text, "0123456789") == "" {
		n, err := strconv.ParseInt(text, 10, 64)
		return state.Time(n), err == nil && n <= last
	}
	t, err := time.Parse("2006-01-02T15:04:05Z", text)
	return state.At(t), err == nil && t.Unix() >= 0
}

// LookupEvents returns one page of the records of the account in the region.
func (t *Trail) LookupEvents(c *call.Call, req *LookupEventsRequest) (*LookupEventsResponse, error) {
	answer := &LookupEventsResponse{StartTime: req.start.String(), EndTime: req.end.String(), Events: []Event{}}
	var last *Record
	t.scan(c.Scope, max(req.start, c.Now.Add(-Retention)), req.end, req.forward, req.after, func(r *Record) bool {
		if !req.filter.match(r) {
			return true
		}
		if len(answer.Events) == req.max {
			answer.NextToken = req.token(last.place()) // there is more
			return false
		}
		answer.Events = append(answer.Events, r.Event())
		last = r
		return true
	})
	return answer, nil
}

// scan calls yield with the records of a world in a range of time, both ends included, beyond a place if one is given.
func (t *Trail) scan(s state.Scope, start, end state.Time, forward bool, after *Place, yield func(*Record) bool) {
	if forward {
		from := Place{Time: start}
		if after != nil && from.less(*after) {
			from = Place{after.Time, after.Seq + 1}
		}
		t.log.Ascend(s, from, func(r *Record) bool { return r.Time <= end && yield(r) })
		return
	}
	from := Place{end, ^uint64(0)}
	if after != nil && after.less(from) {
		from = Place{after.Time, after.Seq - 1} // no record has the number 0
	}
	t.log.Descend(s, from, func(r *Record) bool { return r.Time >= start && yield(r) })
}

// A Filter says which records are meant. The zero value means all.
type Filter struct {
	attributes [][2]string // name and value
	names      []string    // of events; nil is any
}

// add has the filter ask for an attribute.
func (f *Filter) add(name, value string) error {
	if attributes[name] == nil || value == "" {
		return call.ErrQueryParameter
	}
	f.attributes = append(f.attributes, [2]string{name, value})
	return nil
}

// match reports whether a record has all that is asked for.
func (f *Filter) match(r *Record) bool {
	if f.names != nil && !slices.Contains(f.names, r.Name) {
		return false
	}
	for _, a := range f.attributes {
		if !attributes[a[0]](r, a[1]) {
			return false
		}
	}
	return true
}

// attributes are what can be asked for, compared with its case.
var attributes = map[string]func(r *Record, value string) bool{
	"ServiceName":      func(_ *Record, v string) bool { return v == serviceName },
	"EventName":        func(r *Record, v string) bool { return v == r.Name },
	"User":             func(r *Record, v string) bool { return v == r.Caller.UserName },
	"EventId":          func(r *Record, v string) bool { return v == call.FormatID(r.ID) },
	"EventRW":          func(r *Record, v string) bool { return v == r.Effect.String() },
	"EventAccessKeyId": func(r *Record, v string) bool { return v == r.Caller.AccessKeyID },
	// No record says that it is of a sensitive action, for nobody has told which those are.
	"SensitiveAction": func(_ *Record, v string) bool { return v == "false" },
	"ResourceType": func(r *Record, v string) bool {
		return slices.ContainsFunc(r.Resources, func(resource call.Resource) bool { return resource.Kind.TrailType() == v })
	},
	"ResourceName": func(r *Record, v string) bool {
		named := func(resource call.Resource) bool { return resource.ID == v }
		return slices.ContainsFunc(r.Resources, named) || slices.ContainsFunc(r.References, named)
	},
}
