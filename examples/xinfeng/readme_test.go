//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var session = regexp.MustCompile("(?s)<!-- session -->\n```console\n(.*?)```\n")

// plain replaces what differs from run to run: ids, dates, keys and the home of the user.
type plain struct {
	home string
	ids  map[string]string
}

var (
	anID  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	aDate = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
)

func (p *plain) text(s string) string {
	s = strings.ReplaceAll(s, p.home, "/home/you/.config")
	s = aDate.ReplaceAllString(s, "2026-01-02T03:04:05Z")
	return anID.ReplaceAllStringFunc(s, func(id string) string {
		if p.ids[id] == "" {
			digit := fmt.Sprintf("%x", len(p.ids)+1)
			p.ids[id] = regexp.MustCompile(`[0-9a-f]`).ReplaceAllString(id, digit[len(digit)-1:])
		}
		return p.ids[id]
	})
}

// The session in the README is one that has taken place: its commands are run, and what they say is compared. Run with
// -update to write it.
func TestReadmeSession(t *testing.T) {
	u := newUser(t)
	path := filepath.Join(u.home, "README.md")
	readme := u.read(path)
	found := session.FindStringSubmatchIndex(readme)
	if found == nil {
		t.Fatal("README.md has no session")
	}
	t.Setenv("GOMAXPROCS", "1") // one file after the other
	t.Setenv("LC_ALL", "C")
	p := &plain{home: os.Getenv("XDG_CONFIG_HOME"), ids: map[string]string{}}
	var got strings.Builder
	commands := 0
	for line := range strings.Lines(readme[found[2]:found[3]]) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		commands++
		_, out := u.sh(strings.TrimSpace(command))
		got.WriteString("$ " + command + p.text(out))
	}
	if commands < 10 {
		t.Fatalf("%d commands", commands)
	}
	if *update {
		readme = readme[:found[2]] + got.String() + readme[found[3]:]
		u.write(path, readme)
		found = session.FindStringSubmatchIndex(readme)
	}
	if want := readme[found[2]:found[3]]; got.String() != want {
		t.Errorf("the session in README.md is another; run with -update\n%s", got.String())
	}
}

// The README names every command and every variable of the environment.
func TestReadmeIsComplete(t *testing.T) {
	w := newWorld(t)
	readme := w.read(filepath.Join(w.home, "README.md"))
	for _, words := range commandLines(newTool().root()) {
		for _, word := range words {
			if !strings.Contains(readme, "`"+word+"`") {
				t.Errorf("README.md has no %s", word)
			}
		}
	}
	sources, err := filepath.Glob(filepath.Join(w.home, "*.go"))
	if err != nil || len(sources) == 0 {
		t.Fatal(err)
	}
	for _, path := range sources {
		for _, name := range regexp.MustCompile(`"XINFENG_[A-Z]+"`).FindAllString(w.read(path), -1) {
			if name = strings.Trim(name, `"`); !strings.Contains(readme, "`"+name+"`") {
				t.Errorf("README.md has no %s", name)
			}
		}
	}
}
