package main

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

func TestStories(t *testing.T) {
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := automatic(t.Context(), &out, server); err != nil {
		t.Fatal(err)
	}
	if err := byHand(t.Context(), &out, server); err != nil {
		t.Fatal(err)
	}
	story := regexp.MustCompile(`^rotated by KMS: version (\S+) opens, (\S+) is for what is new
a worker who may not decrypt has moved the message to the new version
  "from last year" opens by acs:kms:\S+
rotated by hand: alias/MyAppKey was (\S+), is (\S+)
  "under A" opens by (\S{8})\S+
  "under B" opens by (\S{8})\S+
moved to B, so that A can be disabled
  "under A" opens by (\S{8})\S+
$`).FindStringSubmatch(out.String())
	if story == nil {
		t.Fatalf("another story:\n%s", &out)
	}
	oldVersion, newVersion, a, b := story[1], story[2], story[3], story[4]
	if oldVersion == newVersion || a == b {
		t.Error("nothing was rotated")
	}
	if story[5] != a || story[6] != b || story[7] != b {
		t.Errorf("messages open by %q, want A, B, B of %s and %s", story[5:], a, b)
	}

	// The worker has moved the data key by one call, and opened nothing.
	for _, tt := range []struct {
		event, refusal string
	}{{"ReEncrypt", ""}, {"Decrypt", "Forbidden.NoPermission"}} {
		events, err := server.Events(&refkms.Query{Attributes: map[string]string{"EventName": tt.event, "User": "rewrapper"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(events) != 1 || events[0].ErrorCode != tt.refusal {
			t.Errorf("calls of %s by the worker: %+v, want one that ends with %q", tt.event, events, tt.refusal)
		}
	}
}

// What does not open is not told as if it had.
func TestReadNothing(t *testing.T) {
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	kms := server.Client(nil)
	cmk, err := kms.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	app, message, err := write(t.Context(), kms, cmk.ARN, "hello")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	message[len(message)-1] ^= 1
	if err := read(t.Context(), &out, app, message); !errors.Is(err, envelope.ErrAuthentication) || out.Len() != 0 {
		t.Errorf("read = %v and says %q, want ErrAuthentication", err, &out)
	}
}
