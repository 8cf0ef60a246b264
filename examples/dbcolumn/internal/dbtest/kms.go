package dbtest

import (
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// Year is how often the CMK of a KMS rotates.
const Year = 365 * 24 * time.Hour

// A KMS has one CMK, and counts the calls that are made.
type KMS struct {
	Server *refkms.Server
	cmk    string // ARN

	mu    sync.Mutex
	calls map[string]int
}

// NewKMS returns a KMS in this process.
func NewKMS(t *testing.T) *KMS {
	t.Helper()
	k := &KMS{calls: map[string]int{}}
	var err error
	if k.Server, err = refkms.New(&refkms.Options{Audit: k.count}); err != nil {
		t.Fatal(err)
	}
	cmk, err := k.Server.Client(nil).CreateKey(t.Context(), &refkms.CreateKeyRequest{RotationInterval: Year})
	if err != nil {
		t.Fatal(err)
	}
	k.cmk = cmk.ARN
	k.Calls()
	return k
}

// count is called with each record of the trail, which also has what happens by itself.
func (k *KMS) count(event refkms.Event) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if event.EventType == "ApiCall" {
		k.calls[event.EventName]++
	}
}

// Calls returns the number of calls, by operation, since it was called last.
func (k *KMS) Calls() map[string]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	calls := k.calls
	k.calls = map[string]int{}
	return calls
}

// CheckCalls checks the calls since Calls or CheckCalls was called last.
func (k *KMS) CheckCalls(t *testing.T, want map[string]int) {
	t.Helper()
	if got := k.Calls(); !maps.Equal(got, want) {
		t.Errorf("calls of KMS: %v, want %v", got, want)
	}
}

// Provider returns a provider of the CMK, as a process of its own would have it.
func (k *KMS) Provider(t *testing.T) keyring.KeyProvider {
	t.Helper()
	p, err := keyring.NewKMS(k.Server.Client(nil), k.cmk, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
