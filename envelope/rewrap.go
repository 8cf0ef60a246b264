package envelope

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/suite"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// RewrapOptions are the options of [Client.Rewrap] and its kin. Nil means all defaults.
type RewrapOptions struct {
	// Open opens the old wrapped keys where they must be opened: to move a message to another CMK. Default the client's
	// own provider.
	Open keyring.KeyProvider

	// Drop names entries to remove, such as those of the CMK that a message has moved away from: it is called for every
	// entry but those just made, which stay. Default none: entries of others are kept. Dropping revokes nothing, since old
	// copies of the message still open.
	Drop func(format.WrappedKey) bool

	// Keys says where the wrapped keys go, if that is to change, so that any kind becomes any other. A key file that a
	// message leaves stays as it is, since others may name it, and one that is begun needs a KeyStore. Either way the data
	// key is opened and the message's tag verified. Default 0: for [Client.Rewrap] where [Options.Keys] says, but detached
	// ones stay detached; for [Client.RewrapFile] where they are. [Client.RewrapKey] does not look at it.
	Keys format.Kind
}

// kind returns where the wrapped keys go, by default to def.
func (o *RewrapOptions) kind(store KeyStore, def format.Kind) (format.Kind, error) {
	if o == nil || o.Keys == 0 {
		return def, nil
	}
	switch o.Keys {
	case format.Attached, format.Slots:
		return o.Keys, nil
	case format.Detached:
		if store == nil {
			return 0, fmt.Errorf("envelope: rewrap: %w", errNoKeyStore)
		}
		return o.Keys, nil
	}
	return 0, fmt.Errorf("envelope: rewrap: %v: %w", o.Keys, format.ErrUnsupportedKind)
}

// Rewrap copies a message from src to dst with new wrapped keys: the same head, tag and body, the same data key, no
// decryption of data. The client's provider makes its entries anew, entries of others stay. The wrapped keys go where
// [Options.Keys] or [RewrapOptions.Keys] says; detached ones that stay detached are renewed in their key file, and the copy
// is the same.
//
// Under the same CMK it costs one ReEncrypt, which moves the data key to the CMK's newest version and needs no right to
// decrypt; the data key is never seen. Under another CMK, or where the provider cannot do that, it costs one Decrypt, of
// [RewrapOptions.Open], and one Encrypt; in between the message's tag is verified, because otherwise a worker who moves
// messages from one CMK to another would move whatever data key somebody planted. The body is copied as it is, unread.
//
// ec is as for [Client.Decrypt]; a withheld pair is needed, its value is verified only where the data key is seen. Info
// names the entry that was made. Errors: those of [Client.Decrypt]; errors.ErrUnsupported if the provider is no
// keyring.Wrapper; format.ErrInvalid if the entries are too many or too long; io.ErrUnexpectedEOF does not arise from a
// body that was cut, which the next reader will find.
func (c *Client) Rewrap(ctx context.Context, dst io.Writer, src io.Reader, ec Context, opts *RewrapOptions) (Info, error) {
	if dst == nil || src == nil {
		return Info{}, errors.New("envelope: rewrap: no source or destination")
	}
	header, err := format.ReadHeader(src)
	if err != nil {
		return Info{}, err
	}
	sc := &scratch{header: *header}
	info, err := c.rewrapHeader(ctx, sc, ec, opts)
	if err != nil {
		return Info{}, err
	}
	b, err := sc.header.Marshal(nil)
	if err != nil {
		return Info{}, err
	}
	if n, err := dst.Write(b); err != nil {
		return Info{}, err
	} else if n != len(b) {
		return Info{}, fmt.Errorf("envelope: header: %w", io.ErrShortWrite)
	}
	if _, err := io.Copy(dst, src); err != nil {
		return Info{}, err
	}
	return info, nil
}

// rewrapHeader gives the header in sc new wrapped keys, placed by the options.
func (c *Client) rewrapHeader(ctx context.Context, sc *scratch, ec Context, opts *RewrapOptions) (Info, error) {
	h := &sc.header
	def := c.opts.Keys
	if h.Kind == format.Detached {
		def = format.Detached
	}
	kind, err := opts.kind(c.opts.KeyStore, def)
	if err != nil {
		return Info{}, err
	}
	if h.Kind == format.Detached && kind == format.Detached {
		return c.rewrapDetached(ctx, sc, ec, opts)
	}
	record, info, key, err := c.rewrapRecord(ctx, sc, ec, opts, kind)
	if err != nil {
		return Info{}, err
	}
	defer key.Destroy()
	return info, c.placeKey(ctx, h, kind, record, key)
}

// rewrapDetached renews the key file that the header in sc names.
func (c *Client) rewrapDetached(ctx context.Context, sc *scratch, ec Context, opts *RewrapOptions) (Info, error) {
	h := &sc.header
	if err := c.acceptSuite(h.Suite); err != nil {
		return Info{}, err
	}
	if err := c.matchContext(sc, h.Stored, ec, h.Withheld); err != nil {
		return Info{}, err
	}
	if _, _, err := c.findRecord(ctx, h); err != nil { // compares key file and head
		return Info{}, err
	}
	stored := Context{}
	for k := range h.Stored.All() {
		if v, ok := ec[string(k)]; ok {
			stored[string(k)] = v
		}
	}
	return c.RewrapKey(ctx, h.Reference, stored, opts)
}

// rewrapRecord returns the record of the message in sc with the provider's entries made anew, to be placed as kind says. The
// data key is not nil if it had to be opened; then the tag was verified. That is so wherever a key file comes or goes: a new
// one commits to the data key, and one that the message leaves is often removed, so what takes its place is tried first.
func (c *Client) rewrapRecord(ctx context.Context, sc *scratch, ec Context, opts *RewrapOptions, kind format.Kind) (format.Record, Info, *keyring.DataKey, error) {
	h := &sc.header
	if err := c.acceptSuite(h.Suite); err != nil {
		return nil, Info{}, nil, err
	}
	if err := c.matchContext(sc, h.Stored, ec, h.Withheld); err != nil {
		return nil, Info{}, nil, err
	}
	record, kf, err := c.findRecord(ctx, h)
	if err != nil {
		return nil, Info{}, nil, err
	}
	needKey := h.Kind == format.Detached || kind == format.Detached
	return c.wrapAnew(ctx, h.Suite, h.Stored, record, opts, needKey, func(key *keyring.DataKey) error { return verify(sc, kf, key) })
}

// verify compares the tag of the header in sc, and the commit of the key file if there is one, with those of the data key.
func verify(sc *scratch, kf *format.KeyFile, key *keyring.DataKey) error {
	h := &sc.header
	if kf != nil {
		if err := verifyCommit(kf, key); err != nil {
			return err
		}
	}
	head, err := h.AppendHead(nil)
	if err != nil {
		return err // unreachable: what was parsed marshals
	}
	tag, err := suite.Lookup(uint16(h.Suite)).Tag(key, head, sc.withheld)
	if err != nil {
		return err
	}
	return compareTag(h, &tag)
}

// wrapAnew asks the client's provider for its entries anew: without the data key if it can, else with the data key that
// is opened and verified first. It merges them with the others.
func (c *Client) wrapAnew(ctx context.Context, s format.Suite, stored format.Pairs, old format.Record, opts *RewrapOptions, needKey bool, verify func(*keyring.DataKey) error) (format.Record, Info, *keyring.DataKey, error) {
	if opts == nil {
		opts = &RewrapOptions{}
	}
	wrapper, ok := c.provider.(keyring.Wrapper)
	if !ok {
		return nil, Info{}, nil, fmt.Errorf("envelope: provider cannot wrap a data key that is there already: %w", errors.ErrUnsupported)
	}
	if err := ctx.Err(); err != nil {
		return nil, Info{}, nil, fmt.Errorf("envelope: %w", err)
	}
	req := &keyring.WrapRequest{Suite: s, Context: stored, Record: old}
	var made format.Record
	err := keyring.ErrNeedKey
	if !needKey {
		made, err = wrapper.Wrap(ctx, req)
	}
	if errors.Is(err, keyring.ErrNeedKey) {
		open := opts.Open
		if open == nil {
			open = c.provider
		}
		if req.Key, err = open.Decrypt(ctx, &keyring.DecryptRequest{Suite: s, Context: stored, Record: old}); err != nil {
			return nil, Info{}, nil, err
		}
		if err = checkKey(ctx, req.Key, s); err == nil {
			err = verify(req.Key)
		}
		if err == nil {
			made, err = wrapper.Wrap(ctx, req)
		}
	}
	if err == nil && len(made) == 0 {
		err = fmt.Errorf("envelope: provider wrapped the data key to nothing: %w", format.ErrInvalid)
	}
	if err != nil {
		req.Key.Destroy()
		return nil, Info{}, nil, err
	}
	kept := old
	if opts.Drop != nil {
		kept = slices.DeleteFunc(slices.Clone(old), opts.Drop)
	}
	info := Info{Provider: made[0].Provider, KeyID: made[0].KeyID, Suite: s, Stored: slices.Clone(stored)}
	return format.MergeRecords(kept, made), info, req.Key, nil
}

// RewrapKey renews the wrapped keys in one key file of the client's [KeyStore], for all messages and cells that name it:
// one small replacement, whatever their size. ec is the stored pairs of the key file, all of them but for those that
// [Options.AcceptUnseen] names; withheld pairs are a matter of each message and are not given.
//
// Calls are those of [Client.Rewrap], with the key file's commit verified in place of a tag. Errors likewise; besides,
// those of the store, [ErrChanged] among them: somebody else has renewed the key file meanwhile.
func (c *Client) RewrapKey(ctx context.Context, ref format.Reference, ec Context, opts *RewrapOptions) (Info, error) {
	kf, old, err := c.readKeyFile(ctx, ref)
	if err != nil {
		return Info{}, err
	}
	if err := c.acceptSuite(kf.Suite); err != nil {
		return Info{}, err
	}
	if err := c.comparePairs(new(scratch), kf.Stored, ec, 0); err != nil {
		return Info{}, err
	}
	record, info, key, err := c.wrapAnew(ctx, kf.Suite, kf.Stored, kf.Record, opts, false, func(key *keyring.DataKey) error { return verifyCommit(kf, key) })
	if err != nil {
		return Info{}, err
	}
	key.Destroy()
	kf.Record = record
	b, err := kf.Marshal(nil)
	if err != nil {
		return Info{}, err
	}
	return info, c.store.Swap(ctx, ref, old, b)
}
