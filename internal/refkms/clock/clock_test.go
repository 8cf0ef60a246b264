package clock_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
)

func TestClockRunsAsItsBase(t *testing.T) {
	base := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("east", 8*3600))
	c := clock.New(func() time.Time { return base })
	if got := c.Now(); !got.Equal(base) || got.Location() != time.UTC {
		t.Errorf("Now = %v, want %v in UTC", got, base)
	}
	c.Advance(time.Hour)
	base = base.Add(time.Second)
	c.Advance(24 * time.Hour)
	if got, want := c.Now(), base.Add(25*time.Hour); !got.Equal(want) {
		t.Errorf("Now after two moves = %v, want %v", got, want)
	}
}

func TestClockDefault(t *testing.T) {
	before := time.Now().Round(0)
	got := clock.New(nil).Now()
	if got.Before(before) || got.After(time.Now().Round(0)) {
		t.Errorf("Now = %v, want the time of the machine, about %v", got, before)
	}
}

func TestClockDoesNotGoBack(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Advance(-1) does not panic")
		}
	}()
	clock.New(nil).Advance(-1)
}

// A clock that has gone as far as it counts goes no further, and above all not back.
func TestClockGoesTooFar(t *testing.T) {
	base := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	c := clock.New(func() time.Time { return base })
	for i, tt := range []struct {
		move, ahead time.Duration
		err         error
	}{
		{math.MaxInt64 - 5, math.MaxInt64 - 5, nil},
		{6, math.MaxInt64 - 5, clock.ErrTooFar},
		{math.MaxInt64, math.MaxInt64 - 5, clock.ErrTooFar},
		{5, math.MaxInt64, nil},
	} {
		if err := c.Advance(tt.move); !errors.Is(err, tt.err) || c.Ahead() != tt.ahead {
			t.Errorf("Advance %d = %v, %d ahead, want %v and %d", i, err, c.Ahead(), tt.err, tt.ahead)
		}
	}
}
