package secrets

import (
	"cmp"
	"encoding/base64"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A ResourceType is the parameter of that name.
type ResourceType string

// The types of resources.
const (
	keyType    ResourceType = "key"
	secretType ResourceType = "secret"
)

var errResourceType = errors.New("secrets: not a type of resource")

// SetParam reads a type.
func (t *ResourceType) SetParam(text string) error {
	*t = ResourceType(text)
	return t.CheckParam()
}

// CheckParam checks it.
func (t *ResourceType) CheckParam() error {
	if *t != keyType && *t != secretType {
		return errResourceType
	}
	return nil
}

// KeyValue is a tag in a request.
type KeyValue struct{ Key, Value string }

// checkTags refuses tags that nothing can have, and the same key twice.
func checkTags(tags []KeyValue) error {
	for _, tag := range tags {
		switch {
		case !keys.ValidTagKey(tag.Key):
			return call.ErrTagKey
		case !keys.ValidTagValue(tag.Value):
			return call.ErrTagValue
		}
	}
	return checkTwice(tags)
}

// checkTwice refuses the same key twice.
func checkTwice(tags []KeyValue) error {
	seen := map[string]bool{}
	for _, tag := range tags {
		if seen[tag.Key] {
			return call.ErrDuplicateTagKey
		}
		seen[tag.Key] = true
	}
	return nil
}

// findAll finds each of several resources once. A name that none can have is that of none.
func findAll(c *call.Call, t ResourceType, ids []string) error {
	for _, id := range ids {
		r := call.Resource{Kind: call.KeyKind}
		var err error
		if t == keyType {
			r.ID, err = c.ResolveKey(id, false)
		} else {
			r.Kind = call.SecretKind
			if name := Name(id); name.CheckParam() != nil {
				return call.ErrResourceIDNotFound
			}
			r.ID, err = c.ResolveSecret(id)
		}
		if err != nil {
			return asResourceID(err)
		}
		if !slices.Contains(c.Found, r) {
			c.Touch(r)
		}
	}
	return nil
}

// asResourceID words as these operations do that something is not there.
func asResourceID(err error) error {
	switch err {
	case call.ErrKeyNotFound, call.ErrUnsupportedAlias, call.ErrSecretNotFound:
		return call.ErrResourceIDNotFound
	}
	return err
}

// retagAll changes the tags of everything that the call has found, or of nothing: an error undoes all.
func retagAll(c *call.Call, change func(tags map[string]string)) (*call.Answer, error) {
	for _, r := range c.Found {
		if err := retag(c, r, change); err != nil {
			return nil, asResourceID(err)
		}
	}
	return new(call.Answer), nil
}

// TagResourcesRequest is the request of TagResources.
type TagResourcesRequest struct {
	ResourceType ResourceType `param:"ResourceType,required"`
	ResourceIDs  []string     `param:"ResourceId,required,max=50"`
	Tags         []KeyValue   `param:"Tag,required,max=20"`
}

// CheckTagResources checks the tags.
func (s *Service) CheckTagResources(c *call.Call, req *TagResourcesRequest) error {
	return checkTags(req.Tags)
}

// FindTagResources finds the resources.
func (s *Service) FindTagResources(c *call.Call, req *TagResourcesRequest) error {
	return findAll(c, req.ResourceType, req.ResourceIDs)
}

// TagResources adds tags to several keys or secrets.
func (s *Service) TagResources(c *call.Call, req *TagResourcesRequest) (*call.Answer, error) {
	return retagAll(c, func(tags map[string]string) {
		for _, tag := range req.Tags {
			tags[tag.Key] = tag.Value
		}
	})
}

// UntagResourcesRequest is the request of UntagResources.
type UntagResourcesRequest struct {
	ResourceType ResourceType `param:"ResourceType,required"`
	ResourceIDs  []string     `param:"ResourceId,required,max=50"`
	TagKeys      []string     `param:"TagKey,max=20"`
	All          bool         `param:"All"` // counts if there are no keys
}

// CheckUntagResources refuses a request that says not which tags.
func (s *Service) CheckUntagResources(c *call.Call, req *UntagResourcesRequest) error {
	if len(req.TagKeys) == 0 && !req.All {
		return call.Missing("TagKey")
	}
	return nil
}

// FindUntagResources finds the resources.
func (s *Service) FindUntagResources(c *call.Call, req *UntagResourcesRequest) error {
	return findAll(c, req.ResourceType, req.ResourceIDs)
}

// UntagResources removes tags from several keys or secrets.
func (s *Service) UntagResources(c *call.Call, req *UntagResourcesRequest) (*call.Answer, error) {
	if len(req.TagKeys) == 0 {
		return retagAll(c, func(tags map[string]string) { clear(tags) })
	}
	return retagAll(c, removeTags(req.TagKeys))
}

// maxTagRows is how many tags one answer of ListTagResources has.
const maxTagRows = 200

// ListTagResourcesRequest is the request of ListTagResources.
type ListTagResourcesRequest struct {
	ResourceType ResourceType `param:"ResourceType,required"`
	ResourceIDs  []string     `param:"ResourceId,max=50"`
	Tags         []KeyValue   `param:"Tag,max=20"`
	NextToken    NextToken    `param:"NextToken"`
}

// TaggedResource is a tag in an answer of ListTagResources.
type TaggedResource struct {
	ResourceType ResourceType
	ResourceID   string `json:"ResourceId"`
	TagKey       string
	TagValue     string
}

// TaggedResourceList is the list in an answer of ListTagResources.
type TaggedResourceList struct{ TagResource []TaggedResource }

// ListTagResourcesResponse is the answer of ListTagResources. The token of the last page is empty.
type ListTagResourcesResponse struct {
	NextToken    string
	TagResources TaggedResourceList
	call.Answer
}

// CheckListTagResources checks the filters, and that the token is one of a list of that type.
func (s *Service) CheckListTagResources(c *call.Call, req *ListTagResourcesRequest) error {
	if req.NextToken.row.ResourceType != "" && req.NextToken.row.ResourceType != req.ResourceType {
		return call.Invalid("NextToken")
	}
	return checkTwice(req.Tags)
}

// FindListTagResources finds the resources, or the container where none is named.
func (s *Service) FindListTagResources(c *call.Call, req *ListTagResourcesRequest) error {
	if len(req.ResourceIDs) > 0 {
		return findAll(c, req.ResourceType, req.ResourceIDs)
	}
	container := call.Resource{Kind: call.KeyContainer}
	if req.ResourceType == secretType {
		container.Kind = call.SecretContainer
	}
	c.Touch(container)
	return nil
}

// ListTagResources lists the tags of some resources, or of all of a type, by the id of the resource and the key of the
// tag. With filters, it lists all tags of those resources that have each of the tags in the filters; one without a value
// is met by any. It looks at the resources from where the page begins.
func (s *Service) ListTagResources(c *call.Call, req *ListTagResourcesRequest) (*ListTagResourcesResponse, error) {
	list := TaggedResourceList{TagResource: []TaggedResource{}}
	start := req.NextToken.row
	resources := s.all(c, req.ResourceType, start.ResourceID)
	if len(req.ResourceIDs) > 0 {
		for _, r := range c.Found {
			if _, err := tagsOf(c, r); err != nil {
				return nil, asResourceID(err)
			}
		}
		resources = these(c, start.ResourceID)
	}
	for id, tags := range resources {
		if !meets(tags, req.Tags) {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(tags)) {
			row := TaggedResource{ResourceType: req.ResourceType, ResourceID: id, TagKey: key, TagValue: tags[key]}
			if row.before(&start) {
				continue
			}
			if len(list.TagResource) == maxTagRows {
				return &ListTagResourcesResponse{NextToken: row.token(), TagResources: list}, nil
			}
			list.TagResource = append(list.TagResource, row)
		}
	}
	return &ListTagResourcesResponse{TagResources: list}, nil
}

// all returns the resources of a type with their tags, from an id on.
func (s *Service) all(c *call.Call, t ResourceType, from string) iter.Seq2[string, map[string]string] {
	return func(yield func(string, map[string]string) bool) {
		if t == keyType {
			for id, k := range state.Keys.From(c.Tx, c.Scope, from) {
				if !yield(id, k.Tags) {
					return
				}
			}
			return
		}
		for name, secret := range state.Secrets.From(c.Tx, c.Scope, from) {
			if !yield(name, secret.Tags) {
				return
			}
		}
	}
}

// these returns the resources that the call has found, from an id on. All of them are there.
func these(c *call.Call, from string) iter.Seq2[string, map[string]string] {
	return func(yield func(string, map[string]string) bool) {
		found := slices.Clone(c.Found)
		slices.SortFunc(found, func(a, b call.Resource) int { return cmp.Compare(a.ID, b.ID) })
		for _, r := range found {
			if r.ID < from {
				continue
			}
			if tags, err := tagsOf(c, r); err != nil || !yield(r.ID, tags) {
				return
			}
		}
	}
}

// meets reports whether each filter is met by a tag.
func meets(tags map[string]string, filters []KeyValue) bool {
	for _, f := range filters {
		if value, ok := tags[f.Key]; !ok || f.Value != "" && f.Value != value {
			return false
		}
	}
	return true
}

// before reports whether a row is listed before another of the same type.
func (r *TaggedResource) before(o *TaggedResource) bool {
	return cmp.Or(cmp.Compare(r.ResourceID, o.ResourceID), cmp.Compare(r.TagKey, o.TagKey)) < 0
}

// token returns the token of the page that begins with a row: base64 of type, id and key of the tag, between zero bytes,
// which none of them holds.
func (r *TaggedResource) token() string {
	return base64.RawURLEncoding.EncodeToString([]byte(string(r.ResourceType) + "\x00" + r.ResourceID + "\x00" + r.TagKey))
}

// NextToken is the parameter of that name: where a page begins.
type NextToken struct {
	Text string // as the caller gave it. A typed face sets it and nothing else.
	row  TaggedResource
}

const maxToken = 4096 // bytes; an id of a key and a key of a tag take less

var errToken = errors.New("secrets: not a token of a page")

// SetParam reads a token.
func (n *NextToken) SetParam(text string) error {
	n.Text = text
	return n.CheckParam()
}

// ParamText returns the token as it is sent.
func (n *NextToken) ParamText() string { return n.Text }

// CheckParam reads Text.
func (n *NextToken) CheckParam() error {
	if len(n.Text) > maxToken {
		return errToken
	}
	row, err := base64.RawURLEncoding.DecodeString(n.Text)
	if err != nil {
		return errToken
	}
	parts := strings.Split(string(row), "\x00")
	if len(parts) != 3 {
		return errToken
	}
	n.row = TaggedResource{ResourceType: ResourceType(parts[0]), ResourceID: parts[1], TagKey: parts[2]}
	return n.row.ResourceType.CheckParam()
}
