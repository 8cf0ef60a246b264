package keys

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of tags, in characters.
const (
	MaxTags     = 20 // of a resource
	maxTagKey   = 128
	maxTagValue = 128
	maxTagsText = 64 << 10 // bytes of JSON: more than 20 tags take
)

var errTags = errors.New("keys: not a list of tags")

// Tags is the parameter of that name: [{"TagKey":"…","TagValue":"…"}], no key twice. That there may be too many is not
// for the syntax to say.
type Tags map[string]string

// SetParam reads tags.
func (t *Tags) SetParam(text string) error {
	var list []struct{ TagKey, TagValue string }
	if len(text) > maxTagsText {
		return errTags
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil || list == nil {
		return errTags
	}
	tags := make(Tags, len(list))
	for _, tag := range list {
		if _, twice := tags[tag.TagKey]; twice {
			return errTags
		}
		tags[tag.TagKey] = tag.TagValue
	}
	*t = tags
	return t.CheckParam()
}

// CheckParam checks keys and values.
func (t *Tags) CheckParam() error {
	for key, value := range *t {
		if !ValidTagKey(key) || !ValidTagValue(value) {
			return errTags
		}
	}
	return nil
}

// ParamText returns the tags as SetParam reads them, in the order of their keys.
func (t *Tags) ParamText() string {
	type tag struct{ TagKey, TagValue string }
	list := make([]tag, 0, len(*t))
	for _, key := range slices.Sorted(maps.Keys(*t)) {
		list = append(list, tag{key, (*t)[key]})
	}
	doc, err := json.Marshal(list)
	if err != nil {
		panic("keys: internal error: " + err.Error()) // unreachable: texts
	}
	return string(doc)
}

// ValidTagKey reports whether a tag can have a key: 1 to 128 characters, and none of the prefixes that are kept.
func ValidTagKey(key string) bool {
	if key == "" || !tagText(key, maxTagKey) {
		return false
	}
	lower := strings.ToLower(key)
	return !strings.HasPrefix(lower, "aliyun") && !strings.HasPrefix(lower, "acs:")
}

// ValidTagValue reports whether a tag can have a value: 0 to 128 characters.
func ValidTagValue(value string) bool { return tagText(value, maxTagValue) }

// tagText reports whether s is letters of any script, digits and / \ _ - . + = : @, at most limit of them.
func tagText(s string, limit int) bool {
	if len(s) > utf8.UTFMax*limit || utf8.RuneCountInString(s) > limit {
		return false
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(`/\_-.+=:@`, r) {
			return false
		}
	}
	return true
}
