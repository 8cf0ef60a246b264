package call

import (
	"reflect"
	"strconv"
	"unicode/utf8"
)

// A parameter that is a list is sent as several: Name.1, Name.2 and so on up to max=, or, for items that have fields,
// Name.1.Key, Name.1.Value. Its field is a slice of strings, or of structs of strings whose names are those of the
// fields on the wire. Numbers may be left out; an item that is empty in all its fields is absent. One with the number
// after max= makes the list too long; what is sent beyond that is not seen.

// itemFields returns the names of the fields of an item: one empty name for a string. It panics for what no item is.
func itemFields(t reflect.Type) []string {
	switch t.Kind() {
	case reflect.String:
		return []string{""}
	case reflect.Struct:
		var names []string
		for i := range t.NumField() {
			if t.Field(i).Type.Kind() != reflect.String {
				panic("call: " + t.String() + ": a field of an item of a list is not a string")
			}
			names = append(names, "."+t.Field(i).Name)
		}
		return names
	}
	panic("call: " + t.String() + " is no item of a list")
}

// sent reports whether the caller sent any item.
func (p *param) sent(texts map[string]string) bool {
	for n := 1; n <= p.max+1; n++ {
		if p.item(texts, n) {
			return true
		}
	}
	return false
}

// item reports whether the caller sent item n.
func (p *param) item(texts map[string]string, n int) bool {
	name := p.name + "." + strconv.Itoa(n)
	for _, field := range p.fields {
		if texts[name+field] != "" {
			return true
		}
	}
	return false
}

// collect sets f to the items that were sent, nil for none; it reports whether they are valid.
func (p *param) collect(texts map[string]string, f reflect.Value) bool {
	for n := 1; n <= p.max; n++ {
		if !p.item(texts, n) {
			continue
		}
		item := reflect.New(f.Type().Elem()).Elem()
		name := p.name + "." + strconv.Itoa(n)
		for i, field := range p.fields {
			part := item
			if item.Kind() == reflect.Struct {
				part = item.Field(i)
			}
			part.SetString(texts[name+field])
		}
		f.Set(reflect.Append(f, item))
	}
	return p.validList(f) && !p.item(texts, p.max+1)
}

// validList checks the number of items, and that all their texts can be answered in JSON.
func (p *param) validList(f reflect.Value) bool {
	if f.Len() > p.max {
		return false
	}
	for i := range f.Len() {
		item := f.Index(i)
		if item.Kind() == reflect.String {
			if !utf8.ValidString(item.String()) {
				return false
			}
			continue
		}
		for j := range item.NumField() {
			if !utf8.ValidString(item.Field(j).String()) {
				return false
			}
		}
	}
	return true
}

// eachSent yields the texts of the items that a caller sent, in their order.
func (p *param) eachSent(texts map[string]string, yield func(name, value string)) {
	for n := 1; n <= p.max+1; n++ {
		for _, field := range p.fields {
			name := p.name + "." + strconv.Itoa(n) + field
			if value := texts[name]; value != "" {
				yield(name, value)
			}
		}
	}
}

// eachTyped yields the texts that a typed list would have been sent as.
func (p *param) eachTyped(f reflect.Value, yield func(name, value string)) {
	for i := range f.Len() {
		item, name := f.Index(i), p.name+"."+strconv.Itoa(i+1)
		for j, field := range p.fields {
			part := item
			if item.Kind() == reflect.Struct {
				part = item.Field(j)
			}
			if value := part.String(); value != "" {
				yield(name+field, value)
			}
		}
	}
}
