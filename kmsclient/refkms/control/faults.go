package control

import "github.com/xinfeng-kms/xinfeng/kmsclient/refkms"

type faultNumber struct {
	Fault int `json:"fault"`
}

var faultCalls = []call{
	define("Inject", "Has calls of KMS suffer a fault from now on, by kind: those of an operation (default all) that touch a "+
		"resource (a key by its id, an alias or a secret by its name; default any) and come by a face (default any; kinds that "+
		"spoil answers want http), as many times as is said (default any number), each with a probability (default 1). The other "+
		"fields are of some kinds only: see Fault in the documentation of package refkms. Answers a number for Lift.",
		`{"kind": "latency", "operation": "Decrypt", "times": 1, "delay": 250000000}`, (*Handler).inject),
	define("Lift", "Ends a fault, or all that were set by Inject if none is named. What is over may be lifted again.",
		`{"fault": 1}`, (*Handler).lift),
}

func (h *Handler) inject(f *refkms.Fault) (faultNumber, error) {
	if err := h.server.CheckFault(*f); err != nil {
		return faultNumber{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.faults) == maxFaults {
		return faultNumber{}, full("%d faults, those included that lifted themselves: lift some", maxFaults)
	}
	h.lastFault++
	h.faults[h.lastFault] = h.server.Inject(*f)
	return faultNumber{h.lastFault}, nil
}

func (h *Handler) lift(r *faultNumber) (empty, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.Fault < 0 || r.Fault > h.lastFault {
		return empty{}, invalid("fault %d was never set", r.Fault)
	}
	for number, lift := range h.faults {
		if r.Fault == 0 || r.Fault == number {
			lift()
			delete(h.faults, number)
		}
	}
	return empty{}, nil
}
