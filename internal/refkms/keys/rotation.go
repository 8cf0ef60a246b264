package keys

import (
	"errors"
	"strconv"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
)

// An Interval is the parameter RotationInterval, in seconds: a number with the unit d, h, m or s, from 7 to 730 days.
type Interval int64

// The limits of an Interval.
const (
	MinInterval Interval = 7 * 86400
	MaxInterval Interval = 730 * 86400
)

var errInterval = errors.New("keys: not a rotation interval")

// SetParam reads an interval.
func (i *Interval) SetParam(text string) error {
	seconds, err := call.ParseInterval(text)
	if err != nil {
		return err
	}
	*i = Interval(seconds)
	return i.CheckParam()
}

// ParamText returns the interval as SetParam reads it, in seconds.
func (i *Interval) ParamText() string { return strconv.FormatInt(int64(*i), 10) + "s" }

// CheckParam checks the limits.
func (i *Interval) CheckParam() error {
	if *i < MinInterval || *i > MaxInterval {
		return errInterval
	}
	return nil
}

// UpdateRotationPolicyRequest is the request of UpdateRotationPolicy.
type UpdateRotationPolicyRequest struct {
	KeyID                   string   `param:"KeyId,required,key"`
	EnableAutomaticRotation bool     `param:"EnableAutomaticRotation,required"`
	RotationInterval        Interval `param:"RotationInterval,if=EnableAutomaticRotation"`
}

// UpdateRotationPolicy sets or removes the rotation policy of a symmetric key; its state is told before its kind. The
// interval counts from the last rotation: if that is longer ago, the key rotates at once, dated now.
func (s *Service) UpdateRotationPolicy(c *call.Call, req *UpdateRotationPolicyRequest) (*call.Answer, error) {
	k, err := load(c, 0)
	if err != nil {
		return nil, err
	}
	if err := toUse.of(k); err != nil {
		return nil, err
	}
	switch {
	case k.Service != "" || !specs[k.Spec].symmetric():
		return nil, call.ErrRejectedOperation
	case k.Origin == OriginExternal:
		return nil, call.ErrUnsupportedOrigin
	}
	changed := *k
	changed.RotationInterval, changed.RotationSince = 0, 0
	if req.EnableAutomaticRotation {
		changed.RotationInterval, changed.RotationSince = int64(req.RotationInterval), c.Now
	}
	save(c, changed)
	return new(call.Answer), nil
}
