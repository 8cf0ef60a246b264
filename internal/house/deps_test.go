// Package house has no code. Its tests hold what no package can hold alone: which one may import which, so that the arrows
// between the rooms point one way and a program that brings its own provider does not pay for the cloud; and that the
// README's code is code that runs.
package house

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/xinfeng-kms/xinfeng/"

// mayImport has, for each package of ours, which others of ours it may import directly, and why it is so. A package that
// is not listed fails the test: whoever adds one says here where it stands. A path that ends in "/..." covers the
// folder and all below it; the longest match counts.
var mayImport = map[string]struct {
	ours []string
	why  string
}{
	"internal/suite":            {nil, "algorithms stand on nothing of ours"},
	"internal/stream":           {[]string{"internal/suite"}, "a raw key and chunks: it knows no header and no provider"},
	"internal/expiry":           {nil, "what ends when, of whatever it is"},
	"internal/atomicfile":       {nil, "files and locks, nothing of encryption"},
	"internal/house":            {nil, "these tests"},
	"internal/vectors":          {[]string{"keyring/kmsapi"}, "reads and writes vector files, and answers as they say"},
	"format":                    {[]string{"internal/suite"}, "bytes to structs: no key, no clock, no network"},
	"keyring/kmsapi":            {nil, "a leaf, so that provider, client and server meet without importing each other"},
	"keyring":                   {[]string{"format", "internal/suite", "internal/expiry", "keyring/kmsapi"}, "providers know KMS by interface only"},
	"keyring/keyringtest":       {[]string{"format", "keyring", "keyring/kmsapi"}, "a suite for providers of users"},
	"envelope":                  {[]string{"format", "keyring", "internal/stream", "internal/suite", "internal/atomicfile"}, "what users call"},
	"envelope/column":           {[]string{"envelope", "format", "keyring", "internal/suite", "internal/expiry"}, "cells over the key stores and contexts of envelope"},
	"kmsclient":                 {[]string{"keyring/kmsapi"}, "the real cloud: one implementation of kmsapi, which no other package of ours needs"},
	"kmsclient/refkms":          {[]string{"keyring/kmsapi", "internal/refkms/..."}, "the face of the reference KMS"},
	"kmsclient/refkms/control":  {[]string{"kmsclient/refkms", "internal/refkms/strictjson", "keyring/kmsapi"}, "the same calls for other languages: it sees the public face only"},
	"kmsclient/kmstest":         {nil, "a suite for any server: it shares nothing with ours"},
	"internal/refkms/...":       {[]string{"internal/refkms/..."}, "the rooms of the reference KMS share nothing with the library"},
	"internal/refkms/boltstore": {[]string{"internal/refkms/...", "internal/atomicfile"}, "a room with a file, which appears whole: atomicfile has nothing of encryption"},
	"examples/...":              {[]string{"..."}, "examples use the public packages"},
	"internal/vectors/generate": {[]string{"format", "internal/suite", "internal/vectors"}, "a second implementation of writing"},
	"internal/kmskey":           {[]string{"keyring/kmsapi"}, "the service's data keys for foreign formats, without our providers"},
	"internal/kmskey/...":       {[]string{"keyring/kmsapi"}, "a fake for its tests and theirs"},
	"envelope/fourline":         {[]string{"keyring/kmsapi", "internal/kmskey", "internal/suite"}, "a foreign format: the service's keys, and the value of ErrAuthentication"},
	"envelope/aliyunesdk":       {[]string{"keyring/kmsapi", "internal/kmskey", "internal/suite"}, "as fourline"},
	"envelope/osscse":           {[]string{"keyring/kmsapi", "internal/kmskey"}, "as fourline, with nothing that is authentic"},
}

// mustNotReach has packages whose whole dependency tree must be free of others, and why.
var mustNotReach = []struct {
	pkg, banned, why string
}{
	{"envelope", "net/http", "a program with its own provider does not pay for the cloud"},
	{"envelope", module + "kmsclient", "the cloud is one provider of many"},
	{"envelope/column", "net/http", "as envelope"},
	{"envelope/column", module + "kmsclient", "as envelope"},
	{"keyring", "net/http", "providers know KMS by interface only"},
	{"keyring", module + "kmsclient", "as above"},
	{"format", "net/http", "bytes to structs"},
	{"format", "net", "bytes to structs"},
	{"format", module + "keyring", "no key reaches it"},
	{"internal/stream", module + "format", "the stream core knows no header"},
	{"keyring/kmsapi", "net", "a leaf"},
	{"kmsclient/refkms", module + "keyring", "only kmsapi below it: one mistake on both ends would agree with itself"},
	{"kmsclient", module + "internal", "the client shares no code with the reference KMS: as above"},
	{"kmsclient", module + "kmsclient/refkms", "as above"},
	{"kmsclient/refkms", module + "kmsclient", "as above"},
	{"kmsclient/refkms", "github.com/aliyun", "as above: it reads the wire without the SDK that writes it"},
	{"format", module + "kmsclient", "bytes to structs"},
	{"format", "github.com/aliyun", "bytes to structs"},
	{"envelope", "github.com/aliyun", "no SDK under the library"},
	{"keyring", "github.com/aliyun", "no SDK under the library"},
}

type pkg struct {
	ImportPath    string
	Imports, Deps []string
}

// list returns the packages that the pattern names and all below them, by path.
func list(t *testing.T, pattern string) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Deps", pattern)
	cmd.Dir = "../.."
	cmd.Env = append(cmd.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	pkgs := map[string]pkg{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs[p.ImportPath] = p
	}
}

func covers(pattern, path string) bool {
	if folder, ok := strings.CutSuffix(pattern, "..."); ok {
		return strings.HasPrefix(path+"/", folder)
	}
	return pattern == path
}

// rule returns the longest pattern of mayImport that covers path.
func rule(path string) (pattern string, ok bool) {
	for p := range mayImport {
		if covers(p, path) && len(p) > len(pattern) {
			pattern, ok = p, true
		}
	}
	return pattern, ok
}

func TestArrows(t *testing.T) {
	pkgs := list(t, "./...")
	seen := 0
	for path, p := range pkgs {
		ours, ok := strings.CutPrefix(path, module)
		if !ok {
			continue
		}
		seen++
		pattern, ok := rule(ours)
		if !ok {
			t.Errorf("%s is in no rule of mayImport: say where it stands", ours)
			continue
		}
		for _, imp := range p.Imports {
			to, ok := strings.CutPrefix(imp, module)
			if !ok || slices.ContainsFunc(mayImport[pattern].ours, func(allowed string) bool { return covers(allowed, to) }) {
				continue
			}
			t.Errorf("%s imports %s, but may not: %s", ours, to, mayImport[pattern].why)
		}
	}
	if seen == 0 {
		t.Fatal("go list found no package of the module")
	}
}

func TestUnreachable(t *testing.T) {
	pkgs := list(t, "./...")
	for _, tt := range mustNotReach {
		p, ok := pkgs[module+tt.pkg]
		if !ok {
			t.Errorf("%s does not exist", tt.pkg)
			continue
		}
		for _, dep := range p.Deps {
			// kmsapi lies below keyring but is a leaf of its own.
			if (dep == tt.banned || strings.HasPrefix(dep, tt.banned+"/")) && dep != module+"keyring/kmsapi" {
				t.Errorf("%s reaches %s, but must not: %s", tt.pkg, dep, tt.why)
			}
		}
	}
}

// A program that brings its own key is linked with no cloud, no HTTP and no reference KMS.
func TestProgramWithOwnKey(t *testing.T) {
	pkgs := list(t, "./internal/house/testdata/rawaes")
	if _, ok := pkgs[module+"envelope"]; !ok {
		t.Fatal("the program does not reach envelope: the test shows nothing")
	}
	for path := range pkgs {
		for _, banned := range []string{"net/http", "net", "encoding/xml", "github.com/aliyun", "github.com/alibabacloud-go", "github.com/opentracing", module + "kmsclient", module + "internal/refkms"} {
			if path == banned || strings.HasPrefix(path, banned+"/") && banned != "net" {
				t.Errorf("it reaches %s", path)
			}
		}
	}
}

// The official SDK is imported by kmsclient, by the suite that drives servers with it, and by examples.
func TestImportersOfTheSDK(t *testing.T) {
	found := false
	for path, p := range list(t, "./...") {
		if !slices.ContainsFunc(p.Imports, func(i string) bool { return strings.HasPrefix(i, "github.com/aliyun/") }) {
			continue
		}
		ours, ok := strings.CutPrefix(path, module)
		found = found || ours == "kmsclient"
		if ok && ours != "kmsclient" && ours != "kmsclient/kmstest" && !strings.HasPrefix(ours, "examples/") {
			t.Errorf("%s imports the SDK", ours)
		}
	}
	if !found {
		t.Error("kmsclient does not import the SDK: the test shows nothing")
	}
}

// A folder at the top level is a promise: those of the house and no others.
func TestTopLevel(t *testing.T) {
	for path := range list(t, "./...") {
		ours, ok := strings.CutPrefix(path, module)
		if !ok {
			continue
		}
		top, _, _ := strings.Cut(ours, "/")
		if !slices.Contains([]string{"envelope", "keyring", "format", "kmsclient", "internal", "examples"}, top) {
			t.Errorf("%s: no such room in the house", ours)
		}
	}
}
