package secrets

import (
	"cmp"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// The limits of one secret.
const (
	maxVersions = 10
	maxLabels   = 8 // the service's own included
)

// Versions and labels of a secret always are such that
//
//	ACSCurrent points at a version, and every other label at none or one;
//	ACSPrevious is there once ACSCurrent has moved;
//	a version to which no label points is deprecated: it is readable until it is recycled;
//	there are at most maxVersions versions and maxLabels labels.
//
// The functions below change copies: the lists of a secret are never changed in place.

// rank orders labels as the service lists them: its own first, then by name.
func rank(label string) int {
	switch label {
	case current:
		return 0
	case previous:
		return 1
	}
	return 2
}

func searchLabel(labels []state.SecretLabel, label string) (int, bool) {
	return slices.BinarySearchFunc(labels, label, func(l state.SecretLabel, label string) int {
		return cmp.Or(cmp.Compare(rank(l.Name), rank(label)), cmp.Compare(l.Name, label))
	})
}

// holder returns the version that a label points at, "" if there is no such label: no version has an empty id.
func holder(s *state.Secret, label string) string {
	if i, ok := searchLabel(s.Labels, label); ok {
		return s.Labels[i].Version
	}
	return ""
}

// point has a label point at a version, and at no other one.
func point(s *state.Secret, label, version string) {
	l := state.SecretLabel{Name: label, Version: version}
	i, ok := searchLabel(s.Labels, label)
	s.Labels = slices.Clone(s.Labels)
	if ok {
		s.Labels[i] = l
		return
	}
	s.Labels = slices.Insert(s.Labels, i, l)
}

// move has a label point at a version; it reports whether it did not before. If it is ACSCurrent and has pointed at
// another, that one becomes ACSPrevious.
func move(s *state.Secret, label, version string) bool {
	was := holder(s, label)
	if was == version {
		return false
	}
	point(s, label, version)
	if label == current && was != "" {
		point(s, previous, was)
	}
	return true
}

// unlabel removes a label.
func unlabel(s *state.Secret, label string) {
	if i, ok := searchLabel(s.Labels, label); ok {
		s.Labels = slices.Delete(slices.Clone(s.Labels), i, i+1)
	}
}

// addVersion adds a version that labels point at. ACSCurrent is moved last, so that the former current version is
// ACSPrevious even where ACSPrevious is among the labels. It recycles versions and returns the ids of those that are
// gone, or refuses if there are too many labels.
func addVersion(s *state.Secret, v state.SecretVersion, labels []string) (gone []string, err error) {
	s.Versions = append(slices.Clip(s.Versions), v)
	for _, label := range labels {
		if label != current {
			point(s, label, v.ID)
		}
	}
	if slices.Contains(labels, current) {
		move(s, current, v.ID)
	}
	if len(s.Labels) > maxLabels {
		return nil, call.ErrSecretLimits
	}
	return recycle(s), nil
}

// recycle removes the oldest deprecated versions, those of one second in the order in which they were added, until no
// more are left than may be, and returns their ids. There always is one to remove: maxLabels labels pin fewer versions
// than maxVersions.
func recycle(s *state.Secret) (gone []string) {
	for len(s.Versions) > maxVersions {
		oldest := -1
		for i, v := range s.Versions {
			if !labelled(s, v.ID) && (oldest < 0 || v.Created < s.Versions[oldest].Created) {
				oldest = i
			}
		}
		gone = append(gone, s.Versions[oldest].ID)
		s.Versions = slices.Delete(slices.Clone(s.Versions), oldest, oldest+1)
	}
	return gone
}

// findVersion returns a version, nil if there is none of that id.
func findVersion(s *state.Secret, id string) *state.SecretVersion {
	for i := range s.Versions {
		if s.Versions[i].ID == id {
			return &s.Versions[i]
		}
	}
	return nil
}

func labelled(s *state.Secret, version string) bool {
	return slices.ContainsFunc(s.Labels, func(l state.SecretLabel) bool { return l.Version == version })
}

// StageList is the labels of a version in an answer.
type StageList struct{ VersionStage []string }

// stages returns the labels of a version.
func stages(s *state.Secret, version string) StageList {
	list := StageList{VersionStage: []string{}}
	for _, l := range s.Labels {
		if l.Version == version {
			list.VersionStage = append(list.VersionStage, l.Name)
		}
	}
	return list
}

// UpdateSecretVersionStageRequest is the request of UpdateSecretVersionStage.
type UpdateSecretVersionStageRequest struct {
	SecretName        Name   `param:"SecretName,required,secret"`
	VersionStage      Label  `param:"VersionStage,required"`
	RemoveFromVersion string `param:"RemoveFromVersion,max=64"`
	MoveToVersion     string `param:"MoveToVersion,max=64"`
}

// CheckUpdateSecretVersionStage refuses a request that says nothing, and one that would take a label of the service's
// own from every version.
func (s *Service) CheckUpdateSecretVersionStage(c *call.Call, req *UpdateSecretVersionStageRequest) error {
	if req.MoveToVersion == "" && (req.RemoveFromVersion == "" || rank(string(req.VersionStage)) < 2) {
		return call.Invalid("MoveToVersion")
	}
	return nil
}

// NameResponse is the answer of operations that tell no more than which secret it was.
type NameResponse struct {
	SecretName string
	call.Answer
}

// UpdateSecretVersionStage attaches a label to a version, moves or removes it. The state of the CMK does not matter.
func (s *Service) UpdateSecretVersionStage(c *call.Call, req *UpdateSecretVersionStageRequest) (*NameResponse, error) {
	secret, err := loadNormal(c)
	if err != nil {
		return nil, err
	}
	if secret.Type != Generic {
		return nil, call.ErrStageStatus
	}
	label, from, to := string(req.VersionStage), req.RemoveFromVersion, req.MoveToVersion
	for _, version := range []string{to, from} {
		if version != "" && findVersion(secret, version) == nil {
			return nil, call.ErrSecretNotFound
		}
	}
	if from != "" && (from != holder(secret, label) || from == to) {
		return nil, call.ErrStageMismatch
	}
	changed := *secret
	if to == "" {
		unlabel(&changed, label)
	} else if !move(&changed, label, to) {
		return &NameResponse{SecretName: secret.Name}, nil
	}
	if len(changed.Labels) > maxLabels {
		return nil, call.ErrSecretLimits
	}
	changed.Updated = c.Now
	save(c, changed)
	return &NameResponse{SecretName: secret.Name}, nil
}
