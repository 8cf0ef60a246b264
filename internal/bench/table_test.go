package bench_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// A lane is one way to do what a row is about.
type lane struct {
	name string
	goal float64       // of the ratio to the limit: of speeds at least, of times at most; 0: there is none
	most time.Duration // goal of a row without a limit; 0: there is none
	run  func() error
}

// A row is the limit and the lanes that are compared with it.
type row struct {
	name  string
	bytes int64 // that one run of any lane works on; 0: times are compared, not speeds
	times int   // runs in one turn, of operations that are too short to be measured one by one; 0 is one
	limit lane  // without run: there is none
	lanes []lane
}

// A line is one lane of the finished table.
type line struct{ what, limit, ours, p10, p50, goal string }

var table []line

// measure runs all lanes of a row by turns, each time beginning with another, and adds them to the table.
func (r *row) measure(b *testing.B) {
	all := r.lanes
	if r.limit.run != nil {
		all = append([]lane{r.limit}, r.lanes...)
	}
	repeat := max(1, r.times)
	took := make([][]time.Duration, len(all))
	for i := range all { // once, so that nobody pays for what is done once
		if err := all[i].run(); err != nil {
			b.Fatalf("%s: %v", all[i].name, err)
		}
	}
	turn := 0
	for b.Loop() {
		for k := range all {
			i := (k + turn) % len(all)
			start := time.Now()
			for range repeat {
				if err := all[i].run(); err != nil {
					b.Fatalf("%s: %v", all[i].name, err)
				}
			}
			took[i] = append(took[i], time.Since(start)/time.Duration(repeat))
		}
		turn++
	}
	for i := range took {
		slices.Sort(took[i])
	}
	b.ReportMetric(0, "ns/op")
	for i, l := range all {
		if i > 0 || r.limit.run == nil {
			r.report(b, took[0], took[i], l)
		}
	}
}

// report adds a lane to the table and to what package testing prints.
func (r *row) report(b *testing.B, limit, took []time.Duration, l lane) {
	at := func(took []time.Duration, percent int) float64 { return float64(took[len(took)*percent/100]) }
	show := func(took []time.Duration, percent int) string {
		if r.bytes == 0 {
			return time.Duration(at(took, percent)).String()
		}
		return fmt.Sprintf("%.2f GB/s", float64(r.bytes)/at(took, percent))
	}
	t := line{what: r.name + ", " + l.name, ours: show(took, 10)}
	if r.times > 0 {
		t.ours += fmt.Sprintf(", %.0f allocs", testing.AllocsPerRun(10, func() {
			if err := l.run(); err != nil {
				b.Fatal(err)
			}
		}))
	}
	if r.limit.run == nil {
		t.p10, t.p50 = show(took, 10), show(took, 50)
		b.ReportMetric(at(took, 10), unit(l.name)+":p10-ns")
		b.ReportMetric(at(took, 50), unit(l.name)+":p50-ns")
		if l.most > 0 {
			t.goal = "≤ " + l.most.String()
		}
		table = append(table, t)
		return
	}
	// A ratio of speeds, or of times: the one that the goal is about.
	ratio := func(percent int) float64 {
		if r.bytes == 0 {
			return at(took, percent) / at(limit, percent)
		}
		return at(limit, percent) / at(took, percent)
	}
	b.ReportMetric(ratio(10), unit(l.name)+":p10")
	b.ReportMetric(ratio(50), unit(l.name)+":p50")
	t.limit = r.limit.name + " " + show(limit, 10)
	t.p10, t.p50 = fmt.Sprintf("%.2f", ratio(10)), fmt.Sprintf("%.2f", ratio(50))
	switch {
	case l.goal > 0 && r.bytes == 0:
		t.goal = fmt.Sprintf("≤ %.2f", l.goal)
	case l.goal > 0:
		t.goal = fmt.Sprintf("≥ %.2f", l.goal)
	}
	table = append(table, t)
}

// unit makes a name fit for a unit of package testing.
func unit(name string) string { return strings.ReplaceAll(name, " ", "-") }

// TestMain prints the table when all is done.
func TestMain(m *testing.M) {
	code := m.Run()
	if len(table) > 0 {
		fmt.Printf("\n%s, %d cores, %s %s/%s\n\n", cpu(), runtime.GOMAXPROCS(0), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		fmt.Println("| what | limit | ours | p10 | p50 | goal |\n| --- | --- | ---: | ---: | ---: | ---: |")
		for _, l := range table {
			fmt.Printf("| %s | %s | %s | %s | %s | %s |\n", l.what, l.limit, l.ours, l.p10, l.p50, l.goal)
		}
	}
	os.Exit(code)
}

// cpu returns the name of the processor as the system has it.
func cpu() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "CPU unknown"
	}
	for l := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "CPU unknown"
}
