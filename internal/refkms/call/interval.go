package call

import (
	"errors"
	"strconv"
)

var errInterval = errors.New("call: not an interval")

// ParseInterval returns the seconds of an interval: a number below 2^32 with the unit d, h, m or s.
func ParseInterval(text string) (seconds int64, err error) {
	last := len(text) - 1
	if last < 1 {
		return 0, errInterval
	}
	unit := map[byte]uint64{'d': 86400, 'h': 3600, 'm': 60, 's': 1}[text[last]]
	n, err := strconv.ParseUint(text[:last], 10, 32)
	if err != nil || unit == 0 {
		return 0, errInterval
	}
	return int64(n * unit), nil
}
