package control

type snapshotNumber struct {
	Snapshot int `json:"snapshot"`
}

var snapshotCalls = []call{
	define("Snapshot", "Keeps everything the server knows as it is now, but for clock, trail and faults. Answers a number for "+
		"Restore.", "", (*Handler).snapshot),
	define("Restore", "Takes the server back to a snapshot, which stays and can be gone back to again. The clock stays where it "+
		"is: what has fallen due since happens again.", `{"snapshot": 1}`, (*Handler).restore),
	define("DropSnapshot", "Forgets a snapshot. There may be 64.", `{"snapshot": 1}`, (*Handler).dropSnapshot),
}

func (h *Handler) snapshot(*empty) (snapshotNumber, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.snapshots) == maxSnapshots {
		return snapshotNumber{}, full("%d snapshots: drop some", maxSnapshots)
	}
	h.lastSnapshot++
	h.snapshots[h.lastSnapshot] = h.server.Snapshot()
	return snapshotNumber{h.lastSnapshot}, nil
}

func (h *Handler) restore(r *snapshotNumber) (empty, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	restore := h.snapshots[r.Snapshot]
	if restore == nil {
		return empty{}, invalid("there is no snapshot %d", r.Snapshot)
	}
	if err := restore(); err != nil {
		return empty{}, unavailable(err)
	}
	return empty{}, nil
}

func (h *Handler) dropSnapshot(r *snapshotNumber) (empty, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.snapshots[r.Snapshot] == nil {
		return empty{}, invalid("there is no snapshot %d", r.Snapshot)
	}
	delete(h.snapshots, r.Snapshot)
	return empty{}, nil
}
