package secrets

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// The tags of keys and secrets, by the operations of both generations: TagResource and its kin are about one resource,
// TagResources and its kin (tagresources.go) about several. Tags are not dated: changing them is no update of a secret.

// tagsOf returns the tags of a resource, which must not be modified.
func tagsOf(c *call.Call, r call.Resource) (map[string]string, error) {
	if r.Kind == call.KeyKind {
		if k := state.Keys.Get(c.Tx, c.Scope, r.ID); k != nil {
			return k.Tags, nil
		}
		return nil, call.ErrKeyNotFound
	}
	if s := state.Secrets.Get(c.Tx, c.Scope, r.ID); s != nil {
		return s.Tags, nil
	}
	return nil, call.ErrSecretNotFound
}

// retag changes the tags of a resource, if they may be changed.
func retag(c *call.Call, r call.Resource, change func(tags map[string]string)) error {
	if r.Kind == call.KeyKind {
		k, err := keys.Taggable(c, r.ID)
		if err != nil {
			return err
		}
		changed := *k
		if changed.Tags, err = changeTags(k.Tags, change); err != nil {
			return err
		}
		state.Keys.Put(c.Tx, c.Scope, k.ID, &changed)
		return nil
	}
	s := state.Secrets.Get(c.Tx, c.Scope, r.ID)
	switch {
	case s == nil:
		return call.ErrSecretNotFound
	case s.Deletion != 0:
		return call.ErrSecretInWindow
	}
	changed := *s
	var err error
	if changed.Tags, err = changeTags(s.Tags, change); err != nil {
		return err
	}
	save(c, changed)
	return nil
}

// changeTags returns a changed copy of tags.
func changeTags(tags map[string]string, change func(map[string]string)) (map[string]string, error) {
	changed := map[string]string{}
	maps.Copy(changed, tags)
	change(changed)
	switch {
	case len(changed) > keys.MaxTags:
		return nil, call.ErrLimitExceeded
	case len(changed) == 0:
		return nil, nil
	}
	return changed, nil
}

// A target is the parameters that name one resource. Exactly one of them is given. Certificates can be named, but there
// are none.
type target struct{ key, secret, certificate string }

func (t target) check(*call.Call) error {
	given := 0
	for _, name := range []string{t.key, t.secret, t.certificate} {
		if name != "" {
			given++
		}
	}
	if given != 1 {
		return call.Invalid("KeyId")
	}
	return nil
}

// found returns the resource that the call is about.
func found(c *call.Call) (call.Resource, error) {
	if len(c.Found) == 0 {
		return call.Resource{}, call.ErrSecretNotFound // of a certificate
	}
	return c.Found[0], nil
}

// TagResourceRequest is the request of TagResource.
type TagResourceRequest struct {
	KeyID         string    `param:"KeyId,key"`
	SecretName    Name      `param:"SecretName,secret"`
	CertificateID string    `param:"CertificateId"`
	Tags          keys.Tags `param:"Tags,required"`
}

// CheckTagResource refuses a request that names no resource, or several.
func (s *Service) CheckTagResource(c *call.Call, req *TagResourceRequest) error {
	return target{req.KeyID, string(req.SecretName), req.CertificateID}.check(c)
}

// TagResource adds tags to a key or a secret. A tag that is there already gets the new value.
func (s *Service) TagResource(c *call.Call, req *TagResourceRequest) (*call.Answer, error) {
	r, err := found(c)
	if err == nil {
		err = retag(c, r, func(tags map[string]string) { maps.Copy(tags, req.Tags) })
	}
	return answerOr(err)
}

// answerOr returns the answer that says nothing, unless err is an error.
func answerOr(err error) (*call.Answer, error) {
	if err != nil {
		return nil, err
	}
	return new(call.Answer), nil
}

// TagKeys is the parameter of that name: a JSON array of keys, of 1 to 128 characters each.
type TagKeys []string

const (
	maxTagKey      = 128      // characters
	maxTagKeysText = 64 << 10 // bytes of JSON: more than twenty keys take
)

var errTagKeys = errors.New("secrets: not a list of tag keys")

// SetParam reads keys.
func (k *TagKeys) SetParam(text string) error {
	if len(text) > maxTagKeysText || json.Unmarshal([]byte(text), k) != nil || *k == nil {
		return errTagKeys
	}
	return k.CheckParam()
}

// CheckParam checks them.
func (k *TagKeys) CheckParam() error {
	for _, key := range *k {
		if n := utf8.RuneCountInString(key); n < 1 || n > maxTagKey {
			return errTagKeys
		}
	}
	return nil
}

// UntagResourceRequest is the request of UntagResource.
type UntagResourceRequest struct {
	KeyID         string  `param:"KeyId,key"`
	SecretName    Name    `param:"SecretName,secret"`
	CertificateID string  `param:"CertificateId"`
	TagKeys       TagKeys `param:"TagKeys,required"`
}

// CheckUntagResource refuses a request that names no resource, or several.
func (s *Service) CheckUntagResource(c *call.Call, req *UntagResourceRequest) error {
	return target{req.KeyID, string(req.SecretName), req.CertificateID}.check(c)
}

// UntagResource removes tags from a key or a secret. Those that are not there are as good as removed.
func (s *Service) UntagResource(c *call.Call, req *UntagResourceRequest) (*call.Answer, error) {
	r, err := found(c)
	if err == nil {
		err = retag(c, r, removeTags(req.TagKeys))
	}
	return answerOr(err)
}

// removeTags returns a change that removes the tags of some keys.
func removeTags(remove []string) func(map[string]string) {
	return func(tags map[string]string) {
		for _, key := range remove {
			delete(tags, key)
		}
	}
}

// ListResourceTagsRequest is the request of ListResourceTags.
type ListResourceTagsRequest struct {
	KeyID      string `param:"KeyId,key"`
	SecretName Name   `param:"SecretName,secret"`
}

// ResourceTag is a tag in an answer of ListResourceTags.
type ResourceTag struct {
	KeyID      string `json:"KeyId,omitempty"`
	SecretName string `json:",omitempty"`
	TagKey     string
	TagValue   string
}

// ResourceTagList is the list in an answer of ListResourceTags.
type ResourceTagList struct{ Tag []ResourceTag }

// ListResourceTagsResponse is the answer of ListResourceTags.
type ListResourceTagsResponse struct {
	Tags ResourceTagList
	call.Answer
}

// CheckListResourceTags refuses a request that names no resource, or two.
func (s *Service) CheckListResourceTags(c *call.Call, req *ListResourceTagsRequest) error {
	return target{key: req.KeyID, secret: string(req.SecretName)}.check(c)
}

// ListResourceTags lists the tags of a key or a secret, in any state, by key.
func (s *Service) ListResourceTags(c *call.Call, req *ListResourceTagsRequest) (*ListResourceTagsResponse, error) {
	r := c.Found[0]
	tags, err := tagsOf(c, r)
	if err != nil {
		return nil, err
	}
	list := ResourceTagList{Tag: []ResourceTag{}}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		tag := ResourceTag{TagKey: key, TagValue: tags[key]}
		if r.Kind == call.KeyKind {
			tag.KeyID = r.ID
		} else {
			tag.SecretName = r.ID
		}
		list.Tag = append(list.Tag, tag)
	}
	return &ListResourceTagsResponse{Tags: list}, nil
}
