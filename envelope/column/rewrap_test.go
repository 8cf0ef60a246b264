package column_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/column"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// The key table is renewed in place while cells stay: to a new version of the CMK, by ReEncrypt alone, and to another CMK.
// Who holds keys does not notice, who comes later opens by the new wrapped keys.
func TestRewrap(t *testing.T) {
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	kms := server.Client(nil)
	provider := func() *counter {
		cmk, err := kms.CreateKey(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := kms.UpdateRotationPolicy(t.Context(), cmk.KeyID, 30*24*time.Hour); err != nil {
			t.Fatal(err)
		}
		p, err := keyring.NewKMS(kms, cmk.ARN, nil)
		if err != nil {
			t.Fatal(err)
		}
		return &counter{KeyProvider: p}
	}
	oldCMK, newCMK, store := provider(), provider(), newTable()
	writer := newCells(t, oldCMK, store, &column.Options{MaxCells: 2})
	values := []string{"a", "b", "c", "d", "e"}
	var cells [][]byte
	for _, v := range values {
		cells = append(cells, seal(t, writer, v, row9))
	}
	check := func(how string, c *column.Cells) {
		t.Helper()
		for i := range cells {
			if got, err := c.Open(t.Context(), nil, cells[i], row9); err != nil || string(got) != values[i] {
				t.Errorf("%s: Open = %q, %v, want %q", how, got, err, values[i])
			}
		}
	}
	reader := newCells(t, oldCMK, store, nil)
	check("before", reader)

	server.Advance(31 * 24 * time.Hour) // the CMK has a new version
	worker := func(p *counter, opts *envelope.RewrapOptions) {
		t.Helper()
		client, err := envelope.New(p.KeyProvider, &envelope.Options{KeyStore: store})
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range store.references() {
			old := bytes.Clone(store.files[ref])
			if _, err := client.RewrapKey(t.Context(), ref, users, opts); err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(old, store.files[ref]) {
				t.Errorf("key file %v is as before", ref)
			}
		}
	}
	worker(oldCMK, nil)
	check("rewrapped", newCells(t, oldCMK, store, nil))

	worker(newCMK, &envelope.RewrapOptions{Open: oldCMK.KeyProvider, Drop: func(format.WrappedKey) bool { return true }})
	check("moved", newCells(t, newCMK, store, nil))
	_, before := oldCMK.counts()
	check("with the keys at hand", reader)
	if _, after := oldCMK.counts(); after != before {
		t.Errorf("a reader who held the keys made %d calls", after-before)
	}
	reader.Purge()
	if _, err := reader.Open(t.Context(), nil, cells[0], row9); !errors.Is(err, keyring.ErrNoMatch) {
		t.Errorf("under the CMK that was left: %v, want ErrNoMatch", err)
	}
	// The writer goes on under the key that he has, whose wrapped keys are those of the new CMK by now.
	cells, values = append(cells, seal(t, writer, "f", row9)), append(values, "f")
	check("written after the move", newCells(t, newCMK, store, nil))
}
