package control

import "time"

type instant struct {
	Now time.Time `json:"now"`
}

type interval struct {
	Seconds int64 `json:"seconds"`
}

var clockCalls = []call{
	define("Now", "Tells the time of the server's clock.", "",
		func(h *Handler, _ *empty) (instant, error) { return instant{h.server.Now()}, nil }),
	define("Advance", "Moves the clock ahead, by a hundred years in all. What falls due until then (rotations, the ends of "+
		"deletion windows) has happened when it answers.", `{"seconds": 86400}`, (*Handler).advance),
}

func (h *Handler) advance(r *interval) (instant, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	left := int64((maxAhead - h.ahead) / time.Second)
	if r.Seconds < 1 || r.Seconds > left {
		return instant{}, invalid("seconds %d, want 1 to the %d that are left", r.Seconds, left)
	}
	d := time.Duration(r.Seconds) * time.Second
	h.ahead += d
	h.server.Advance(d)
	return instant{h.server.Now()}, nil
}
