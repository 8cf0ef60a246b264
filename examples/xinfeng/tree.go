package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/spf13/pflag"
)

// A source is one file to work on.
type source struct {
	path  string    // as it is opened and shown
	rel   string    // below the folder that was named, or its base name
	root  string    // the folder that was named, "" for a file that was named itself
	size  int64     // in bytes, as it was found
	mod   time.Time // likewise
	named bool      // on the command line, itself and without a pattern
}

// A remark is why a file is not worked on.
type remark struct {
	path string
	err  error // a failure, or an errLeftOut
}

// remarked prints remarks and returns the exit code of those that are failures.
func (t *tool) remarked(remarks []remark) int {
	code := exitDone
	for _, r := range remarks {
		var out errLeftOut
		switch text := visible(reason(r.path, r.err).Error()); {
		case !errors.As(r.err, &out):
			code = graver(code, exitCode(r.err))
			fmt.Fprintf(t.err, "%s: %s\n", show(r.path), text)
		case !t.quiet:
			fmt.Fprintf(t.err, "%s: left out: %s\n", show(r.path), text)
		}
	}
	return code
}

// An errLeftOut is the reason why a file is left out that nobody has asked for by name. It is no failure.
type errLeftOut string

func (e errLeftOut) Error() string { return string(e) }

// errService is that of files beside the keys of the local key service, which they would be encrypted under.
const errService = errLeftOut("the folder of the key service, without which its messages do not open")

// An errThere is that the result of a file is there already. There is no line for each.
type errThere string

func (e errThere) Error() string { return show(string(e)) + " is there already" }

// A selection says which files of those named on the command line are worked on.
type selection struct {
	recursive        bool
	include, exclude []string
	skip             string // a folder not to descend into, the one that is written to
	service          string // likewise, that of the local key service
}

func (s *selection) register(flags *pflag.FlagSet) {
	flags.BoolVarP(&s.recursive, "recursive", "r", false, "take the files in folders and all folders below")
	flags.StringArrayVar(&s.include, "include", nil, "of folders take only files that match `glob`, such as '*.csv' or 'a/**/b' (may be repeated)")
	flags.StringArrayVar(&s.exclude, "exclude", nil, "of folders leave out files and folders that match `glob` (may be repeated)")
}

// check refuses patterns that are none.
func (s *selection) check() error {
	for _, p := range append(append([]string{}, s.include...), s.exclude...) {
		if !doublestar.ValidatePattern(p) {
			return usagef("%q is no pattern", p)
		}
	}
	return nil
}

// find returns the files that args name: each itself, all below it if it is a folder, all that match if there is no file
// of that name and it is a pattern. Remarks are those files that cannot be worked on or are left out.
func (s *selection) find(args []string) (files []source, remarks []remark, err error) {
	if err := s.check(); err != nil {
		return nil, nil, err
	}
	service, _ := os.Stat(s.service)
	for _, arg := range args {
		paths, named := []string{arg}, true
		if _, err := os.Lstat(arg); errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(arg, "*?[{") && doublestar.ValidatePathPattern(arg) {
			if paths, err = doublestar.FilepathGlob(arg, doublestar.WithNoFollow()); err != nil {
				return nil, nil, err
			}
			if named = false; len(paths) == 0 {
				remarks = append(remarks, remark{arg, fmt.Errorf("no file matches: %w", fs.ErrNotExist)})
			}
		}
		for _, p := range paths {
			info, err := os.Stat(p)
			switch {
			case err != nil:
				remarks = append(remarks, remark{p, reason(p, err)})
			case info.IsDir() && !s.recursive && named:
				return nil, nil, usagef("%s is a folder: use --recursive for all in it", show(p))
			case info.IsDir() && !s.recursive:
				remarks = append(remarks, remark{p, errLeftOut("a folder, without --recursive")})
			case info.IsDir():
				found, more := s.walk(p)
				files, remarks = append(files, found...), append(remarks, more...)
			case !info.Mode().IsRegular():
				remarks = append(remarks, remark{p, fmt.Errorf("not a regular file but %s", kindOf(info.Mode()))})
			case !named && service != nil && within(p, service):
				remarks = append(remarks, remark{p, errService})
			default:
				files = append(files, source{path: p, rel: filepath.Base(p), size: info.Size(), mod: info.ModTime(), named: named})
			}
		}
	}
	return files, remarks, nil
}

// within reports whether a file lies in a folder itself.
func within(p string, folder fs.FileInfo) bool {
	dir, err := os.Stat(filepath.Dir(p))
	return err == nil && os.SameFile(dir, folder)
}

// walk returns the files below root. Symbolic links are not followed: they can lead out of the folder, or around.
func (s *selection) walk(root string) (files []source, remarks []remark) {
	skip, _ := os.Stat(s.skip)
	service, _ := os.Stat(s.service)
	filepath.WalkDir(root, func(p string, entry fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(root, p)
		if relErr != nil {
			rel = p // unreachable: WalkDir joins to root
		}
		slashed := filepath.ToSlash(rel)
		if err != nil {
			remarks = append(remarks, remark{p, reason(p, err)})
			return nil
		}
		if p != root && matches(s.exclude, slashed) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := entry.Info()
		switch {
		case err != nil:
			remarks = append(remarks, remark{p, reason(p, err)})
		case p == root && !info.IsDir(): // a link to a folder, named on the command line, which is followed
			files, remarks = s.walk(p + string(filepath.Separator) + ".")
		case info.IsDir():
			if skip != nil && p != root && os.SameFile(skip, info) {
				return fs.SkipDir
			}
			if service != nil && os.SameFile(service, info) {
				remarks = append(remarks, remark{p, errService})
				return fs.SkipDir
			}
		case len(s.include) > 0 && !matches(s.include, slashed):
		case info.Mode()&fs.ModeSymlink != 0:
			remarks = append(remarks, remark{p, errLeftOut("a symbolic link, not followed")})
		case !info.Mode().IsRegular():
			remarks = append(remarks, remark{p, errLeftOut("not a regular file but " + kindOf(info.Mode()))})
		case isTemporary(p):
			remarks = append(remarks, remark{p, errLeftOut("an unfinished file, of a run that was killed or one that is at work")})
		default:
			files = append(files, source{path: p, rel: rel, root: root, size: info.Size(), mod: info.ModTime()})
		}
		return nil
	})
	return files, remarks
}

// matches reports whether one of the patterns fits a path below a folder, with slashes: all of it, or its last name if the
// pattern has no slash.
func matches(patterns []string, rel string) bool {
	for _, p := range patterns {
		name := rel
		if !strings.Contains(p, "/") {
			name = path.Base(rel)
		}
		if doublestar.MatchUnvalidated(p, name) {
			return true
		}
	}
	return false
}

// isTemporary reports whether a file has the name that this program and package envelope give to what is not yet whole.
func isTemporary(p string) bool {
	name := filepath.Base(p)
	return strings.HasPrefix(name, ".xinfeng-") && strings.HasSuffix(name, ".tmp")
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "something else"
}

// reason returns an error about a file without the path that its line begins with anyway.
func reason(path string, err error) error {
	var e *fs.PathError
	if errors.As(err, &e) && e == err && e.Path == path {
		return e.Err
	}
	return err
}
