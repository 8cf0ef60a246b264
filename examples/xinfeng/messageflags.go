package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
)

// contextFlags are the pairs that messages are bound to.
type contextFlags struct {
	pairs    []string
	withhold []string
	unseen   []string
	keyFiles string
}

func (c *contextFlags) register(flags *pflag.FlagSet, writes, reads bool) {
	flags.StringArrayVarP(&c.pairs, "context", "c", nil, "bind messages to `k=v`: it must be given to open them (may be repeated)")
	if writes {
		flags.StringArrayVar(&c.withhold, "withhold", nil, "do not write the pair `k` of the context into messages (may be repeated)")
	}
	if reads {
		flags.StringArrayVar(&c.unseen, "accept-unseen", nil, "open messages whose pair `k` was not given, '*' for any (may be repeated)")
	}
	flags.StringVar(&c.keyFiles, "key-files", "", "`folder` of key files, for messages whose wrapped keys are detached")
}

// context returns the pairs. One to be withheld that is not among them is refused: the one that was meant would be written.
func (c *contextFlags) context() (envelope.Context, error) {
	ec, err := parsePairs("--context", c.pairs)
	if err != nil {
		return nil, err
	}
	for k, v := range ec {
		if _, err := format.AppendPairs(nil, envelope.Context{k: v}); err != nil {
			return nil, usagef("--context %q: %w", k, err)
		}
	}
	for _, k := range c.withhold {
		if _, ok := ec[k]; !ok {
			return nil, usagef("--withhold %q: there is no --context of that name", k)
		}
	}
	return ec, nil
}

// parsePairs reads the values k=v of a flag.
func parsePairs(flag string, values []string) (map[string]string, error) {
	m := map[string]string{}
	for _, s := range values {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return nil, usagef("%s %q: want k=v", flag, s)
		}
		if _, twice := m[k]; twice {
			return nil, usagef("%s: %q is given twice", flag, k)
		}
		m[k] = v
	}
	return m, nil
}

// options returns what reading and writing have in common.
func (c *contextFlags) options() *envelope.Options {
	opts := &envelope.Options{Withhold: c.withhold, AcceptUnseen: c.unseen, KeyStore: noKeyFiles{}}
	if c.keyFiles != "" {
		opts.KeyStore = envelope.KeyDir(c.keyFiles)
	}
	return opts
}

// noKeyFiles is where key files lie if nobody has said so.
type noKeyFiles struct{}

var _ envelope.KeyStore = noKeyFiles{}

func (noKeyFiles) Get(_ context.Context, ref format.Reference) ([]byte, error) {
	return nil, usagef("want --key-files: the wrapped keys are in the key file %v.xfk", ref)
}

func (noKeyFiles) Put(context.Context, format.Reference, []byte) error { return errNoKeyFiles }

func (noKeyFiles) Swap(context.Context, format.Reference, []byte, []byte) error { return errNoKeyFiles }

// errNoKeyFiles: wrapped keys were to be detached, and --key-files was not given.
var errNoKeyFiles = usageError{errors.New("--wrapped-keys detached: want --key-files as well")}

// messageFlags say what new messages are like.
type messageFlags struct {
	suite, chunkSize, wrapped string
	armor                     bool
}

// register adds the flags; text says whether there is one to write text.
func (m *messageFlags) register(flags *pflag.FlagSet, text bool) {
	flags.StringVar(&m.suite, "suite", format.AES256GCM.String(), "`algorithms`: AES256GCM or SM4GCM")
	flags.StringVar(&m.chunkSize, "chunk-size", "64K", "`bytes` that are authenticated together: a power of two from 4K to 4M")
	flags.StringVar(&m.wrapped, "wrapped-keys", "attached", "`where` wrapped keys lie: attached, slots (rewrapped in place) or detached (in --key-files)")
	if !text {
		return
	}
	flags.BoolVarP(&m.armor, "armor", "a", false, "write text instead of bytes, at most 16 MiB")
}

var (
	suites = map[string]format.Suite{"aes256gcm": format.AES256GCM, "sm4gcm": format.SM4GCM}
	kinds  = map[string]format.Kind{"attached": format.Attached, "slots": format.Slots, "detached": format.Detached}
)

// apply adds the flags to opts.
func (m *messageFlags) apply(opts *envelope.Options) error {
	var ok bool
	if opts.Suite, ok = suites[strings.ToLower(m.suite)]; !ok {
		return usagef("--suite %q: want AES256GCM or SM4GCM", m.suite)
	}
	if opts.Keys, ok = kinds[m.wrapped]; !ok {
		return usagef("--wrapped-keys %q: want attached, slots or detached", m.wrapped)
	}
	size, err := parseSize(m.chunkSize)
	if err != nil || size < format.MinChunkSize || size > format.MaxChunkSize || size&(size-1) != 0 {
		return usagef("--chunk-size %q: want a power of two from 4K to 4M", m.chunkSize)
	}
	opts.ChunkSize = int(size)
	switch _, none := opts.KeyStore.(noKeyFiles); {
	case none && opts.Keys == format.Detached:
		return errNoKeyFiles
	case !none && opts.Keys != format.Detached:
		return usagef("--key-files is for --wrapped-keys detached, and they are %s", m.wrapped)
	}
	return nil
}

// parseSize reads a number of bytes: digits, and K or M for 2^10 or 2^20 of them.
func parseSize(s string) (int64, error) {
	digits, unit := s, int64(1)
	switch {
	case strings.HasSuffix(s, "K"):
		digits, unit = s[:len(s)-1], 1<<10
	case strings.HasSuffix(s, "M"):
		digits, unit = s[:len(s)-1], 1<<20
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no size", s)
	}
	return int64(n) * unit, nil
}
