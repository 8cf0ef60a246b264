package wire

import (
	"cmp"
	"slices"
	"strings"
)

// A param is one parameter, decoded. Its bytes need not be UTF-8.
type param struct{ name, value string }

// params are parameters by name, each name once.
type params []param

// maxParams is how many parameters a request may have, in the query and in the form each: ten times what any operation
// takes.
const maxParams = 512

// parseParams reads a query or a form. It reports whether it is one.
func parseParams(text string) (params, bool) {
	if text == "" {
		return nil, true
	}
	n := strings.Count(text, "&") + 1
	if n > maxParams {
		return nil, false
	}
	ps := make(params, 0, n)
	for field := range strings.SplitSeq(text, "&") {
		if field == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(field, "=")
		name, ok := decode(rawName)
		if !ok {
			return nil, false
		}
		value, ok := decode(rawValue)
		if !ok {
			return nil, false
		}
		ps = append(ps, param{name, value})
	}
	return ps.unique(), true
}

// unique sorts parameters by name. Of those with the same name, the first stays.
func (ps params) unique() params {
	slices.SortStableFunc(ps, func(a, b param) int { return cmp.Compare(a.name, b.name) })
	return slices.CompactFunc(ps, func(a, b param) bool { return a.name == b.name })
}

// over returns ps and what of under it has no parameter of the same name for.
func (ps params) over(under params) params {
	switch {
	case len(ps) == 0:
		return under
	case len(under) == 0:
		return ps
	}
	return slices.Concat(ps, under).unique()
}

// get returns the value of a parameter, "" if there is none.
func (ps params) get(name string) string {
	i, ok := slices.BinarySearchFunc(ps, name, func(p param, name string) int { return cmp.Compare(p.name, name) })
	if !ok {
		return ""
	}
	return ps[i].value
}
