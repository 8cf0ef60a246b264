package house

import (
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A block of Go in the README names the function that it is the body of, so that it compiles and runs:
//
//	<!-- kmsclient/refkms/example_envelope_test.go Example_envelope -->
var block = regexp.MustCompile("(?s)<!-- (\\S+) (\\S+) -->\n```go\n(.*?)```\n")

// A block of JSON names the file that it is.
var document = regexp.MustCompile("(?s)<!-- (\\S+) -->\n```json\n(.*?)```\n")

// bodyOf returns the statements of a function, formatted, without error handling by log.Fatal or t.Fatal, which the README
// leaves out, and without the comment of the example's output.
func bodyOf(t *testing.T, file, name string) string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("../..", file))
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, file, src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Name.Name != name {
			continue
		}
		body := string(src[set.Position(fn.Body.Lbrace).Offset+1 : set.Position(fn.Body.Rbrace).Offset])
		body = regexp.MustCompile(`(?m)^\tif err != nil \{\n\t\t(?:log|t)\.Fatal\(err\)\n\t\}\n`).ReplaceAllString(body, "")
		body, _, _ = strings.Cut(body, "\t// Output:")
		out, err := format.Source([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(strings.ReplaceAll("\n"+string(out), "\n\t", "\n"))
	}
	t.Fatalf("%s has no function %s", file, name)
	return ""
}

func TestReadmeCode(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := block.FindAllStringSubmatch(string(readme), -1)
	if len(blocks) == 0 {
		t.Fatal("README.md has no block of Go with the name of its function")
	}
	if n := strings.Count(string(readme), "```go\n"); n != len(blocks) {
		t.Errorf("%d blocks of Go, %d with the name of their function", n, len(blocks))
	}
	for _, b := range blocks {
		if got, want := strings.TrimSpace(b[3]), bodyOf(t, b[1], b[2]); got != want {
			t.Errorf("README.md has, for %s of %s:\n%s\n\nwant:\n%s", b[2], b[1], got, want)
		}
	}
}

func TestReadmeDocuments(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := document.FindAllStringSubmatch(string(readme), -1)
	if n := strings.Count(string(readme), "```json\n"); n == 0 || n != len(blocks) {
		t.Errorf("%d blocks of JSON, %d with the name of their file", n, len(blocks))
	}
	for _, b := range blocks {
		if want, err := os.ReadFile(filepath.Join("../..", b[1])); err != nil || b[2] != string(want) {
			t.Errorf("README.md has, for %s:\n%s\n\nwant:\n%s (%v)", b[1], b[2], want, err)
		}
	}
}

// Links to files of the project lead somewhere.
func TestReadmeLinks(t *testing.T) {
	for _, page := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"} {
		text, err := os.ReadFile(filepath.Join("../..", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
			path, _, _ := strings.Cut(m[1], "#")
			if path == "" || strings.Contains(path, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join("../..", path)); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			}
		}
	}
}
