package keys

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// ListKeysRequest is the request of ListKeys.
type ListKeysRequest struct {
	PageNumber int     `param:"PageNumber,min=1,default=1"`
	PageSize   int     `param:"PageSize,min=1,max=100,default=10"`
	Filters    Filters `param:"Filters"`
}

// ListKeysResponse is the answer of ListKeys.
type ListKeysResponse struct {
	Keys       KeyList
	TotalCount int // after filtering
	PageNumber int
	PageSize   int
	call.Answer
}

// KeyList is the list in an answer of ListKeys.
type KeyList struct{ Key []KeyEntry }

// KeyEntry is a key in a list.
type KeyEntry struct {
	KeyID  string `json:"KeyId"`
	KeyARN string `json:"KeyArn"`
}

// ListKeys lists the keys of the account in the region by key id. It looks at every one of them, whatever the page.
func (s *Service) ListKeys(c *call.Call, req *ListKeysRequest) (*ListKeysResponse, error) {
	page := call.Page{Number: req.PageNumber, Size: req.PageSize}
	list := KeyList{Key: []KeyEntry{}}
	for id, k := range state.Keys.All(c.Tx, c.Scope) {
		if req.Filters.match(k) && page.Take() {
			list.Key = append(list.Key, KeyEntry{KeyID: id, KeyARN: keyARN(c, id)})
		}
	}
	return &ListKeysResponse{Keys: list, TotalCount: page.Total, PageNumber: req.PageNumber, PageSize: req.PageSize}, nil
}

// Filters are the conditions of ListKeys: for each name, the values of which one must fit.
type Filters map[string][]string

const (
	maxFilters      = 10
	maxFilterValues = 10
	maxFilterText   = 64 << 10 // bytes of JSON; ten filters of ten values need a small part of it
)

var errFilters = errors.New("keys: not a list of filters")

// properties holds what can be filtered by.
var properties = map[string]func(*state.Key) string{
	"KeyState":        func(k *state.Key) string { return k.State.String() },
	"KeySpec":         func(k *state.Key) string { return k.Spec },
	"KeyUsage":        func(k *state.Key) string { return k.Usage },
	"ProtectionLevel": func(k *state.Key) string { return k.ProtectionLevel },
	"CreatorType": func(k *state.Key) string {
		if k.Service != "" {
			return "Service"
		}
		return "User"
	},
}

// SetParam reads [{"Key":"…","Values":["…"]}]. Filters of the same key are one; one without values restricts nothing.
func (f *Filters) SetParam(text string) error {
	var list []struct {
		Key    string
		Values []string
	}
	if len(text) > maxFilterText {
		return errFilters
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || list == nil || len(list) > maxFilters {
		return errFilters
	}
	*f = Filters{}
	for _, item := range list {
		if properties[item.Key] == nil || len(item.Values) > maxFilterValues {
			return errFilters
		}
		(*f)[item.Key] = append((*f)[item.Key], item.Values...)
	}
	return nil
}

// ParamText returns the filters as SetParam reads them, in the order of their names.
func (f *Filters) ParamText() string {
	type filter struct {
		Key    string
		Values []string
	}
	list := make([]filter, 0, len(*f))
	for _, key := range slices.Sorted(maps.Keys(*f)) {
		list = append(list, filter{key, (*f)[key]})
	}
	doc, err := json.Marshal(list)
	if err != nil {
		panic("keys: internal error: " + err.Error()) // unreachable: texts
	}
	return string(doc)
}

// CheckParam accepts what SetParam makes.
func (f *Filters) CheckParam() error {
	for name := range *f {
		if properties[name] == nil {
			return errFilters
		}
	}
	return nil
}

func (f Filters) match(k *state.Key) bool {
	for name, values := range f {
		if len(values) > 0 && !slices.Contains(values, properties[name](k)) {
			return false
		}
	}
	return true
}
