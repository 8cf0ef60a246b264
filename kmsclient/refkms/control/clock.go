package control

import "time"

type instant struct {
	Now time.Time `json:"now"`
}

type interval struct {
	Seconds int64 `json:"seconds"`
}

// end is when the clock stands still, as far as the face goes: a time.Duration ends 292 years from the start, and a clock that
// is moved by more runs backwards.
var end = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

var clockCalls = []call{
	define("Now", "Tells the time of the server's clock.", "",
		func(h *Handler, _ *empty) (instant, error) { return instant{h.server.Now()}, nil }),
	define("Advance", "Moves the clock ahead, to the year 2200 at most. What falls due until then (rotations, the ends of deletion "+
		"windows) has happened when it answers.", `{"seconds": 86400}`, (*Handler).advance),
}

func (h *Handler) advance(r *interval) (instant, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	left := max(0, int64(end.Sub(h.server.Now())/time.Second))
	if r.Seconds < 1 || r.Seconds > left {
		return instant{}, invalid("seconds %d, want 1 to the %d that are left until %v", r.Seconds, left, end)
	}
	if err := h.server.Advance(time.Duration(r.Seconds) * time.Second); err != nil {
		return instant{}, unavailable(err)
	}
	return instant{h.server.Now()}, nil
}
