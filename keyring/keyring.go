// Package keyring supplies data keys: it defines what a key provider is and has the providers of the library.
//
// Most programs need one line of it, the provider of a CMK:
//
//	provider, err := keyring.NewKMS(client, "alias/Apollo/WorkKey", nil)
//
// and hand the provider to envelope.New. [Multi] is several at once. For those without a key service there are [RawAES], a
// key that the program holds, [Passphrase], and [Recipients], who have public keys. A provider of one's own is any type
// with the two methods of [KeyProvider]; package keyringtest has the suite that it must pass.
//
// # Caching
//
// That costs a call of KMS for every message, written or read. A cache before the provider makes it one for many:
//
//	cache, err := keyring.NewCaching(provider, nil)
//
// New messages of one suite and with the same stored pairs then share a data key, and a message opened again costs
// nothing, for five minutes. So it is the stored pairs that decide how many data keys there are: few, like a tenant, and
// not a pair that every message has another of, which is better withheld. [Caching] says what a cache costs in return: a
// right that is revoked goes on working until the keys at hand are old.
//
// # What it protects
//
// A wrapped key opens only under the key that the provider was configured for, and only with the stored pairs of its
// message: the label of a wrapped key proves nothing, so the key that answered is compared after every call. Whoever may
// edit a message can still spoil its wrapped keys, and can see which messages share a data key. Memory of the process is
// not protected; keys are wiped as soon as they are not needed, as well as the runtime allows.
//
// # Compatibility
//
// Before version 1 the API may change with a note in CHANGELOG.md. What providers write into messages changes only with
// a new version of the message format.
//
// # Specification
//
// format/SPEC.md, Section 3 (records), Section 4 (local wraps, public keys) and Section 8 (what an edited key section can do).
package keyring

import (
	"context"

	"github.com/xinfeng-kms/xinfeng/format"
)

// A KeyProvider supplies data keys for new messages and recovers those of old ones.
//
// Both methods may be called concurrently. They neither keep nor modify the request, and return as soon as the context
// is done with an error that matches context.Canceled or context.DeadlineExceeded. The caller owns the answer and calls
// [DataKey.Destroy] on it exactly once.
type KeyProvider interface {
	// GenerateDataKey returns a fresh data key, wrapped for all who may open the message.
	GenerateDataKey(ctx context.Context, req *GenerateDataKeyRequest) (*DataKey, error)

	// Decrypt opens one of the wrapped keys of a message. If none of them is the provider's own, the error matches
	// [ErrNoMatch], which means: not mine, ask the next. Any other error is that of the key it tried.
	//
	// The provider answers for the key that opened: it must be one that it was configured for, whatever the record says.
	Decrypt(ctx context.Context, req *DecryptRequest) (*DataKey, error)
}

// A GenerateDataKeyRequest asks for the data key of a new message.
type GenerateDataKeyRequest struct {
	Suite   format.Suite
	Context format.Pairs // the stored pairs, bound to the wrapped key
	Size    int64        // bytes to be encrypted under the key, -1 if unknown; a hint for caches
}

// A DecryptRequest asks for the data key of an old message.
type DecryptRequest struct {
	Suite   format.Suite
	Context format.Pairs // the stored pairs, as at encryption
	Record  format.Record
}

// A Wrapper is a [KeyProvider] that can also wrap a data key which is there already. Multi needs it of all but its first
// provider, and rewrapping needs it of every one.
//
// A decorator always has the method and answers errors.ErrUnsupported where the provider inside has none.
type Wrapper interface {
	// Wrap returns the provider's own entries for a message, never those of others. It may be called concurrently.
	Wrap(ctx context.Context, req *WrapRequest) (format.Record, error)
}

// A WrapRequest asks for new wrapped keys.
type WrapRequest struct {
	Suite   format.Suite
	Context format.Pairs
	// Record is what the message has now, nil for a new one.
	Record format.Record
	// Key is the data key to wrap. It is borrowed for the call and not destroyed. If it is nil, the provider renews its
	// own entries of Record without seeing the data key, or answers [ErrNeedKey].
	Key *DataKey
}

// An UnauthenticatedSender is a provider with entries that anyone can make, for example from a public key: that it opens
// a message does not show that the writer held any key. Multi refuses to read with one unless told so.
//
// A decorator must not hide it. A provider around another has a method Unwrap() KeyProvider that returns the one inside,
// a provider around several has Unwrap() []KeyProvider, and either counts as an UnauthenticatedSender if anything inside
// does.
type UnauthenticatedSender interface {
	KeyProvider
	UnauthenticatedSender()
}
