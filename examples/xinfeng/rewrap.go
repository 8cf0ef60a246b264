package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

type rewrap struct {
	t       *tool
	keys    keyFlags
	from    keyFlags
	context contextFlags
	batch   batchFlags
	suffix  string
	drop    []string
	wrapped string
	dryRun  bool

	provider keyring.KeyProvider
	opts     envelope.RewrapOptions
	ec       envelope.Context
	use      usage

	mu    sync.Mutex
	begun map[string]bool // key files that were rewrapped in this run
}

func (t *tool) rewrapCommand() *cobra.Command {
	r := &rewrap{t: t, begun: map[string]bool{}}
	cmd := t.command(&cobra.Command{
		Use:   "rewrap FILE|FOLDER|PATTERN...",
		Short: "Wrap the data keys of messages anew, and say which keys remain in use",
		Long: `Rewrap gives messages new wrapped keys: under the newest version of their key,
or with --from-... under another one. Their contents are not touched. Entries of
other keys stay unless --drop names them. Old copies of a message still open:
rewrapping revokes nothing.

In folders it takes what ends in .xf or begins like a message or key file.
Messages whose wrapped keys are detached have them renewed in the key file, once
for all that name it. --wrapped-keys moves wrapped keys to another place.

At the end it says which keys the messages are under, as they say themselves, and
versions of KMS keys as far as the first 36 bytes of a wrapped key show one. Both
are read and not verified. --dry-run says that and changes nothing; it needs no
key.`,
		Example: `  xinfeng rewrap -r safe                                     # to the newest version
  xinfeng rewrap --key alias/new --from-key alias/old --drop '*' -r safe
  xinfeng rewrap --dry-run --json -r safe                    # what is in use?`,
		Args: cobra.MinimumNArgs(1),
	}, r.run)
	t.flags(cmd, "Files", r.batch.register, func(f *pflag.FlagSet) {
		f.StringVar(&r.suffix, "suffix", ".xf", "`end` of the names of messages")
		f.BoolVarP(&r.dryRun, "dry-run", "n", false, "only say which keys are in use")
	})
	t.flags(cmd, "Messages", func(f *pflag.FlagSet) { r.context.register(f, false, true) })
	t.flags(cmd, "Old keys", r.from.registerFrom, func(f *pflag.FlagSet) {
		f.StringArrayVar(&r.drop, "drop", nil, "remove the wrapped keys of `key`, an id or ARN, '*' for all but the new ones (may be repeated)")
	})
	t.flags(cmd, "New keys", func(f *pflag.FlagSet) {
		f.StringVar(&r.wrapped, "wrapped-keys", "", "move wrapped keys to `where`: attached, slots or detached (default where they are)")
		r.keys.register(f, true, false)
	})
	return cmd
}

func (r *rewrap) run(ctx context.Context, args []string) (err error) {
	if err := r.checkKeys(); err != nil {
		return err
	}
	if r.ec, err = r.context.context(); err != nil {
		return err
	}
	if r.wrapped != "" {
		if r.opts.Keys = kinds[r.wrapped]; r.opts.Keys == 0 {
			return usagef("--wrapped-keys %q: want attached, slots or detached", r.wrapped)
		}
		if r.opts.Keys == format.Detached && r.context.keyFiles == "" {
			return errNoKeyFiles
		}
	}
	for _, d := range r.drop {
		if strings.HasPrefix(bareKey(d), "alias/") {
			return usagef("--drop %q: messages name keys and not aliases; 'xinfeng keys describe' says of which key it is", d)
		}
	}
	files, remarks, err := r.batch.find(args)
	if err != nil {
		return err
	}
	found, more := candidates(files, r.suffix, func(is sniffed) bool { return is != other })
	remarks = append(remarks, more...)
	b := &batch{verb: "rewrap", past: "rewrapped"}
	work := r.file
	if r.dryRun {
		b.verb, b.past = "read", "read"
		work = r.look
	} else if err := r.open(ctx); err != nil {
		return err
	}
	err = r.t.each(ctx, b, found, remarks, r.batch.jobs, work)
	r.use.print(r.t)
	return err
}

// checkKeys refuses flags about keys that contradict each other.
func (r *rewrap) checkKeys() error {
	if err := r.from.checkFrom(); err != nil {
		return err
	}
	if r.from.given() && !r.from.ofNoService() {
		return r.keys.check(r.t, r.from.kms)
	}
	return r.keys.check(r.t)
}

// open makes the providers that wrap and open.
func (r *rewrap) open(ctx context.Context) error {
	p, err := r.keys.writer(ctx, r.t)
	if err != nil {
		return err
	}
	r.provider = p
	if r.from.given() {
		if r.from.kms == "" {
			r.from.kms = r.keys.kms
		}
		r.from.region, r.from.endpoint, r.from.dir = r.keys.region, r.keys.endpoint, r.keys.dir
		if r.opts.Open, err = r.from.reader(ctx, r.t); err != nil {
			return err
		}
	}
	if len(r.drop) > 0 {
		r.opts.Drop = func(k format.WrappedKey) bool {
			for _, d := range r.drop {
				if d == "*" || d == k.KeyID || bareKey(d) == bareKey(k.KeyID) {
					return true
				}
			}
			return false
		}
	}
	return nil
}

// file rewraps one message or key file.
func (r *rewrap) file(ctx context.Context, f planned, _ func(n int64)) (result, error) {
	res, err := r.rewrap(ctx, f)
	if !errors.Is(err, context.Canceled) {
		if _, lookErr := r.look(ctx, f, nil); lookErr != nil && err == nil {
			err = lookErr
		}
	}
	return res, err
}

func (r *rewrap) rewrap(ctx context.Context, f planned) (res result, err error) {
	before, text, err := readReport(f.path)
	if err != nil {
		return result{}, err
	}
	opts := r.context.options()
	if before.Structure == "key-file" {
		opts.KeyStore = envelope.KeyDir(filepath.Dir(f.path))
	}
	if text { // it is made anew, and its wrapped keys stay where they are
		opts.Keys = kinds[before.Message.Kind]
	}
	if _, none := opts.KeyStore.(noKeyFiles); none && before.Reference != "" && f.root != "" { // where its key file may be, too
		return result{}, errLeftOut("its wrapped keys are in the key file " + before.Reference + ".xfk; --key-files says where")
	}
	client, err := envelope.New(r.provider, opts)
	if err != nil {
		return result{}, usageError{err}
	}
	if before.Reference != "" && r.opts.Keys == 0 {
		if !r.begin(before.Reference) {
			return result{}, errRewrapped
		}
		defer func() {
			if err != nil {
				r.giveUp(before.Reference)
			}
		}()
	}
	var info envelope.Info
	switch before.Structure {
	case "message":
		if text {
			info, err = rewrapText(ctx, client, f.path, r.ec, &r.opts)
		} else {
			info, err = client.RewrapFile(ctx, f.path, r.ec, &r.opts)
		}
	case "key-file":
		info, err = r.keyFile(ctx, client, f, before.Reference)
	default:
		return result{}, errors.New("a cell has its wrapped keys in a key file")
	}
	if err != nil {
		return result{}, err
	}
	return result{Provider: info.Provider, KeyID: info.KeyID, line: fmt.Sprintf("%s: under %s %s", show(f.path), info.Provider, show(info.KeyID))}, nil
}

// keyFile rewraps a key file, whose name must be its reference.
func (r *rewrap) keyFile(ctx context.Context, client *envelope.Client, f planned, reference string) (envelope.Info, error) {
	if filepath.Base(f.path) != reference+".xfk" {
		return envelope.Info{}, fmt.Errorf("it is the key file %s.xfk under another name", reference)
	}
	ref, err := format.ParseReference(reference)
	if err != nil {
		return envelope.Info{}, err
	}
	return client.RewrapKey(ctx, ref, r.ec, &r.opts)
}

// errRewrapped: a key file was rewrapped already in this run, for another message that names it.
const errRewrapped = errThere("its key file")

// begin reports whether a key file is met for the first time in this run.
func (r *rewrap) begin(reference string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun[reference] {
		return false
	}
	r.begun[reference] = true
	return true
}

// giveUp has the next message that names a key file try again.
func (r *rewrap) giveUp(reference string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.begun, reference)
}

// look adds what a file says of its keys to what is in use.
func (r *rewrap) look(_ context.Context, f planned, _ func(n int64)) (result, error) {
	report, _, err := readReport(f.path)
	if err != nil {
		return result{}, err
	}
	r.use.add(report)
	return result{line: fmt.Sprintf("%s: %s", show(f.path), strings.ReplaceAll(report.Structure, "-", " "))}, nil
}

// readReport returns what the message or key file at path says of itself, and whether it is text.
func readReport(path string) (report *format.Report, text bool, err error) {
	f, info, err := openSource(path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	message, size, text, err := messageAt(f, info.Size())
	if err != nil {
		return nil, text, err
	}
	report, err = format.Inspect(io.NewSectionReader(message, 0, size), size)
	return report, text, err
}
