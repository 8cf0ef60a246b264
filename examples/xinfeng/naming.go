package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/xinfeng-kms/xinfeng/internal/atomicfile"
)

// outputFlags say where results go and what they are called.
type outputFlags struct {
	output, dir, suffix string
	keepMode, force     bool
}

func (o *outputFlags) register(flags *pflag.FlagSet, does string) {
	flags.StringVarP(&o.output, "output", "o", "", "write to `file`, '-' for standard output (one input only)")
	flags.StringVarP(&o.dir, "output-dir", "d", "", "write below `folder`, with the names that files have below those named")
	flags.StringVar(&o.suffix, "suffix", ".xf", does)
	flags.BoolVar(&o.keepMode, "keep-mode", false, "give results the permission bits and time of their source, instead of the owner's alone and now")
	flags.BoolVarP(&o.force, "force", "f", false, "replace files that are there")
}

// check refuses flags that do not go together. streams is whether the one input is standard input.
func (o *outputFlags) check(args []string) error {
	switch {
	case o.output != "" && o.dir != "":
		return usagef("--output and --output-dir do not go together")
	case o.output != "" && len(args) > 1:
		return usagef("--output is for one input; --output-dir is for many")
	case o.suffix == "" || strings.ContainsRune(o.suffix, filepath.Separator) || strings.ContainsRune(o.suffix, '/'):
		return usagef("--suffix %q: want the end of a name, such as .xf", o.suffix)
	}
	return nil
}

// attributes returns what a result has beside its contents.
func (o *outputFlags) attributes(source fs.FileInfo) atomicfile.Attributes {
	if o.keepMode {
		return atomicfile.Attributes{Mode: source.Mode(), ModTime: source.ModTime()}
	}
	return atomicfile.Attributes{Mode: 0o600}
}

// A naming says what the result of a source is called, or why it has none.
type naming func(f source) (string, error)

// encrypted names what is encrypted: with the suffix. Files that have it already are messages and are left out.
func (o *outputFlags) encrypted(f source) (string, error) {
	if o.output != "" {
		return o.output, nil
	}
	if strings.HasSuffix(f.path, o.suffix) {
		return "", errLeftOut("it ends in " + o.suffix + " already")
	}
	return o.place(f, "") + o.suffix, nil
}

// decrypted names what is decrypted: without the suffix. Files that do not have it are left out.
func (o *outputFlags) decrypted(f source) (string, error) {
	if o.output != "" {
		return o.output, nil
	}
	name := strings.TrimSuffix(filepath.Base(f.path), o.suffix)
	if name == "" || name == filepath.Base(f.path) {
		return "", errLeftOut("it does not end in " + o.suffix + "; --output says where to")
	}
	return o.place(f, o.suffix), nil
}

// place returns where the result of f belongs, without suffix: beside it, or below the output folder.
func (o *outputFlags) place(f source, suffix string) string {
	if o.dir == "" {
		return strings.TrimSuffix(f.path, suffix)
	}
	return filepath.Join(o.dir, strings.TrimSuffix(f.rel, suffix))
}

// A planned is a file with the name of its result.
type planned struct {
	source
	dst string
}

// plan names the results of files. What is left to do is planned: of several files one whose result is there already and
// no older than itself is left out, so that the same command can be repeated. In a tree a file without a name is passed
// over in silence, for trees are mixed.
func (o *outputFlags) plan(files []source, remarks []remark, name naming) ([]planned, []remark) {
	var plan []planned
	from := map[string]string{}
	for _, f := range files {
		dst, err := name(f)
		if err != nil {
			if f.root == "" {
				remarks = append(remarks, remark{f.path, err})
			}
			continue
		}
		if other, twice := from[dst]; twice {
			remarks = append(remarks, remark{f.path, fmt.Errorf("its result would be %s, and so would that of %s", show(dst), show(other))})
			continue
		}
		from[dst] = f.path
		if info, err := os.Stat(dst); err == nil && !o.force && (len(files) > 1 || f.root != "") && info.Mode().IsRegular() {
			if info.ModTime().Before(f.mod) {
				remarks = append(remarks, remark{f.path, fmt.Errorf("%s is there and older; --force replaces it", show(dst))})
			} else {
				remarks = append(remarks, remark{f.path, errThere(dst)})
			}
			continue
		}
		plan = append(plan, planned{f, dst})
	}
	return plan, remarks
}
