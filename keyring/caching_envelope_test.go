package keyring_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
)

// Vector entry-of-other-message-cached: somebody puts the wrapped keys of one message before another with the same
// context. They open, from the cache, and the message does not; the cache is none the worse for it.
func TestCachingEntryOfOtherMessage(t *testing.T) {
	ctx := t.Context()
	src := newSource(t)
	cache := newCaching(t, src, nil)
	writer, err := envelope.New(src, nil)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := envelope.New(cache, nil)
	if err != nil {
		t.Fatal(err)
	}
	ec := envelope.Context{"tenant": "42"}
	var messages [2][]byte
	var headers [2]format.Header
	var bodies [2][]byte
	for i := range messages {
		if messages[i], err = writer.Encrypt(ctx, []byte{byte(i)}, ec); err != nil {
			t.Fatal(err)
		}
		n, err := headers[i].Parse(messages[i])
		if err != nil {
			t.Fatal(err)
		}
		bodies[i] = messages[i][n:]
	}
	open := func(i int) {
		t.Helper()
		if got, err := reader.Decrypt(ctx, messages[i], ec); err != nil || !bytes.Equal(got, []byte{byte(i)}) {
			t.Errorf("message %d: %x, %v", i, got, err)
		}
	}
	open(1)
	asked := src.count()
	edited := headers[0]
	edited.Record = headers[1].Record
	spliced, err := edited.Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := reader.Decrypt(ctx, append(spliced, bodies[0]...), ec); !errors.Is(err, envelope.ErrAuthentication) || got != nil {
		t.Errorf("a message with the wrapped keys of another: %x, %v, want ErrAuthentication", got, err)
	}
	if src.count() != asked {
		t.Error("the wrapped keys of the other message were not at hand: the test shows nothing")
	}
	open(0)
	open(1)
}
