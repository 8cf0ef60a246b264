// Package refkms is a reference implementation of Alibaba Cloud KMS that runs in the same process and protects nothing
// that a process on the same machine cannot reach: its keys lie in the clear in this process's memory, where they stay
// until the process ends. [New] keeps everything there, [Open] in a sealed file. It is for tests, for development and for
// understanding the service; what it does and refuses is what the documentation of the service says, error codes included.
//
//	server, err := refkms.New(nil)
//	client := server.Client(nil)
//	key, err := client.CreateKey(ctx, nil)
//	dataKey, err := client.GenerateDataKey(ctx, &kmsapi.GenerateDataKeyRequest{KeyID: key.KeyID})
//
// [Client] is a kmsapi.API, has methods for what prepares keys and for the values of secrets, and reaches every other
// operation by [Client.Do]. It does not go through HTTP or JSON, except that Do answers as JSON would. The official SDKs reach the same
// server, unchanged, through [Server.Transport] in this process and through [Server.Handler] over a socket.
//
// An account is asked for no rights. [Server.RAM] and [Server.Apply] prepare users, groups, roles and access keys with
// policies in RAM's language, which are evaluated for each call as the service does; [ClientOptions] and the access key of
// a request say who calls. AssumeRole and GetCallerIdentity of STS and LookupEvents of ActionTrail answer beside KMS.
// [Server.Events] has a record of every call, [Options] a hook that is told of each. [Server.Inject] has calls go wrong on
// purpose.
//
// Accounts and regions are separate worlds: any number of them is in one server, and what is made in one is unknown in
// another. Time is that of a clock that [Server.Advance] moves: keys rotate and deletion windows end when it says so,
// before the next call is answered. Symmetric keys rotate by their policy and not by CreateKeyVersion, which is for
// asymmetric ones: a test that wants a new version sets a policy with [Client.UpdateRotationPolicy] and advances the
// clock.
//
// # Secrets
//
// The value of each version is sealed under a data key of its own, from the CMK that was chosen for the secret or from a
// key that nobody sees. Whoever stores or reads a value under a CMK needs the right to make or open data keys under it,
// and the CMK has to be enabled. The types of secrets that the service rotates by itself (Rds, Redis, PolarDB,
// RAMCredentials, ECS) rotate here too, by RotateSecret and by their policy. Nothing but the secret changes: no database
// learns the new password, and no access key of a RAM user is made.
//
// # What is in memory
//
// Everything that was made is kept until it is destroyed or the server is dropped: keys, their versions and aliases, 1.1
// KB for a key with one of each; secrets, 0.8 KB and their values, sealed. Calls leave behind a record in the trail, 0.1
// KB if the key was used lately and 0.2 for most others: the last 2^20 of the last 180 days, see [Options]; the expanded
// keys of up to 1024 symmetric and 1024 asymmetric versions and the compiled rights of up to 65536 users and roles, kept
// ready after use; spare key pairs; and the nonces of requests over HTTP, the last 2^20 of the last 30 minutes. Sessions
// take nothing: their token carries them.
// Nothing is wiped: the material of a destroyed key stays where it was until the runtime uses the memory again, and as
// long as a snapshot knows it; data keys are in the caller's hands, see [kmsapi.Plaintext.Clear].
//
// A server in a file reads keys and secrets when it needs them, and keeps in memory what is kept ready after use.
//
// # What is on disk
//
// [Open] keeps everything in one file: keys with their versions and material, aliases, tags, secrets, users, roles,
// policies and access keys, the trail, and how far the clock has been moved. Faults and nonces are gone with the process,
// and so are spare key pairs.
//
// The file is a bbolt database in which each record is sealed as a whole, by AES-256-GCM under keys of the file's own root
// key, with its table, region, account and name as associated data. Who has the file alone sees names: of accounts,
// regions, aliases, secrets, users, roles and policies, the ids of keys and access keys, the dates of calls and of what
// will fall due, and how many records there are and how long. Who can write to it cannot change a record or put one in
// the place of another; what he can do is remove records, and put back those of an earlier day. Pages that are not in use
// any more keep what was in them, sealed, until they are used again: who has the root key as well may find in them what
// was destroyed.
//
// The root key lies in the file as well, sealed under a [RootKey]: a key of 32 bytes, or what argon2id makes of a
// passphrase. The file has mode 0600, and one process at a time. It carries a version: one that is newer than this package
// is refused as [ErrNewerStore], an older one is made one of this when it is opened. The structure of the file is
// bbolt's and is trusted: most damage to it is found and named, by [Server.Check] all that is, but who forges it can
// have the process end.
//
// Changes are on disk when they are answered. The records of the trail follow within a second, so that calls that change
// nothing wait for no disk, unless [StoreOptions] say otherwise. A file with a million keys opens as fast as an empty one,
// and takes 2.3 KB for a key with one version and one alias.
//
// Do not have a snapshot of a virtual machine, taken with its memory while a server was running in it, go on twice: both
// would seal different records with the same key and nonce, and who has both files may then read and forge some.
//
// To keep a copy, use [Server.Backup]: a copy of the file of a running server may be of two moments. To go back to one,
// [Restore] it under a name that is free, and Open that.
//
// # Compatibility
//
// What it answers follows the service. The bytes of its CiphertextBlobs are its own where the service's are unknown: a
// blob of this package opens in no other KMS.
package refkms

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/catalog"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/clock"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/faults"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/identity"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/secrets"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/wire"
)

// The world of a [Client] that names none.
const (
	DefaultRegion  = "cn-hangzhou"
	DefaultAccount = "1234567890123456"
)

// Options are the settings of a [Server].
type Options struct {
	// Region and Account are where clients call that say nothing else: by default DefaultRegion, DefaultAccount. A
	// region is lower-case letters, digits and hyphens, an account digits, each at most 64.
	Region, Account string
	// AccessKeyID and AccessKeySecret are the access key of the account itself, which requests over HTTP are signed with:
	// both or neither, at most 128 bytes each, the id of letters, digits, dots, hyphens and underscores. Default a random
	// one, see Server.AccessKey.
	AccessKeyID, AccessKeySecret string
	// Now is the clock that the server's runs by; it must be safe for concurrent use. Default time.Now. If it always
	// answers the same, time stands still but for Server.Advance.
	Now func() time.Time
	// Quotas are the limits on what may be made, and on calls. Default those of the service, and none on calls.
	Quotas *Quotas
	// SpareKeyPairs is how many pairs of RSA_3072 and of RSA_4096 are kept ready once a key of that spec was made: a pair
	// takes 0.3 or 0.7 s of a core, and at times 3 s. Default 2, negative for none. They are made in the background, by a
	// goroutine that ends when there are enough.
	SpareKeyPairs int
	// Audit is called with the record of each call, and of what happens by itself, once the trail has it: on the
	// goroutine of the call, before its caller has the answer, and by several at once. Default none.
	Audit func(Event)
	// MaxEvents is how many records the trail keeps, in memory or in the file, and how many KiB of them, beside the 180
	// days: the oldest are forgotten first. Default 2^20, a GiB at most.
	MaxEvents int
	// MaxDeletionDays is the longest deletion window that may be asked for, in days, 30 or more: 30 is also the window
	// of who asks for none. Default 30; newer editions of the service have 366.
	MaxDeletionDays int
	// InsecureCollidingContext has encryption contexts authenticated as the vendor's client-side layer does it, by a
	// hash of k1=v1&k2=v2. Contexts that differ may then open each other's ciphertexts: {"a":"1&b=2"} and
	// {"a":"1","b":"2"} are one. It is for tests of code that must not rely on the service to tell them apart. Blobs
	// made with and without it do not open under each other.
	InsecureCollidingContext bool
	// Store are the settings of the file of a server that Open opens. New refuses them.
	Store *StoreOptions
	// InsecureAllowPlainHTTP has Server.Handler take requests without TLS from any machine. Whoever sees them sees data
	// keys and plaintexts. By default requests without TLS are taken from this machine alone.
	InsecureAllowPlainHTTP bool
	// GatewayExpiry has requests whose date lies outside the window refused as InvalidTimeStamp.Expired, as the
	// platform's gateway does, instead of the service's own IllegalTimestamp.
	GatewayExpiry bool
}

// Format prints a fixed text, whatever the verb: the options may hold the secret of an access key.
func (Options) Format(f fmt.State, _ rune) { io.WriteString(f, "[options of a reference KMS]") }

// Quotas limit what an account may have in one region.
type Quotas struct {
	Keys        int  // made by users, in any state; default 200
	Aliases     int  // default 300
	KeyVersions int  // of one asymmetric key, beside the first; default 50
	Secrets     int  // those in a recovery window included; default any number
	Rates       bool // limit the calls per second and user too, and rotations per hour, as the service documents it; default not
	None        bool // no quotas at all, whatever the fields above say
}

const (
	defaultKeys     = 200
	defaultAliases  = 300
	defaultVersions = 50
	defaultSpares   = 2
	maxNameSize     = 64 // bytes of a region or an account
)

// A Server is a reference KMS. It is safe for concurrent use. Its zero value is not usable.
type Server struct {
	store           store
	file            *file // that store is, nil in memory
	clock           *clock.Clock
	table           *catalog.Table
	corridor        *server.Server
	trail           *trail.Trail
	faults          *faults.Injector
	region, account string
	accessKeyID     string // of the account
	wire            *wire.Handler
	transport       http.RoundTripper

	generateDataKey, decrypt *call.Operation // that are called the most
}

// A store is one that can go back to an earlier state.
type store interface {
	state.Store
	Snapshot() (restore func() error)
}

// New returns an empty Server in memory; nil options are the defaults. It needs no Close.
func New(opts *Options) (*Server, error) {
	o, err := opts.settle()
	if err != nil {
		return nil, err
	}
	if o.Store != nil {
		return nil, errors.New("refkms: options: Store is of a server in a file, which Open opens")
	}
	return newServer(&o, state.NewMemory(), trail.NewMemory(o.MaxEvents))
}

// settle returns the options with their defaults, except for those that the rooms have.
func (opts *Options) settle() (o Options, err error) {
	if opts != nil {
		o = *opts
	}
	o.Region, o.Account = cmp.Or(o.Region, DefaultRegion), cmp.Or(o.Account, DefaultAccount)
	if err := checkWorld(o.Region, o.Account); err != nil {
		return o, err
	}
	if o.MaxDeletionDays != 0 && o.MaxDeletionDays < 30 {
		return o, fmt.Errorf("refkms: options: a longest deletion window of %d days, want 30 or more", o.MaxDeletionDays)
	}
	if o.MaxEvents < 0 {
		return o, errors.New("refkms: options: a negative number of events")
	}
	return o, checkRootAccessKey(o.AccessKeyID, o.AccessKeySecret)
}

// newServer returns a Server over a store and a log, which it does not own.
func newServer(o *Options, store store, log trail.Log) (*Server, error) {
	k := keys.Options{MaxDeletionDays: o.MaxDeletionDays, Regions: served(o.Region), Spares: max(0, cmp.Or(o.SpareKeyPairs, defaultSpares))}
	var secretOptions secrets.Options
	if err := o.Quotas.set(&k, &secretOptions); err != nil {
		return nil, err
	}
	if o.InsecureCollidingContext {
		k.AAD = material.CollidingAAD
	}
	people := identity.New()
	s := &Server{
		store:   store,
		clock:   clock.New(o.Now),
		trail:   trail.New(log, audit(o.Audit)),
		region:  o.Region,
		account: o.Account,
		faults:  new(faults.Injector),
	}
	keyRoom := keys.New(k)
	s.table = catalog.New(catalog.Rooms{Keys: keyRoom, Secrets: secrets.New(keyRoom, secretOptions), Identity: people, Trail: s.trail})
	s.generateDataKey, s.decrypt = s.table.Lookup("GenerateDataKey"), s.table.Lookup("Decrypt")
	hooks := server.Hooks{Credential: people.Credential, Authorize: people.Authorize, Fault: s.faults.Plan, Skew: s.faults.Skew, Trail: s.trail}
	if q := o.Quotas; q != nil && q.Rates && !q.None {
		hooks.Throttle = new(server.Throttle).Refuse
	}
	s.corridor = server.New(s.store, s.clock, s.table, hooks)
	if err := s.prepare(people, o); err != nil {
		return nil, err
	}
	s.wire = wire.New(wire.Config{
		Server: s.corridor, Region: s.region, Serves: s.serves,
		AllowPlain: o.InsecureAllowPlainHTTP, GatewayExpiry: o.GatewayExpiry,
	})
	s.transport = s.wire.Transport()
	return s, nil
}

// prepare makes what every server has, as far as the store has it not: the key of sessions, and an access key of the
// account. A store that has both is not written to.
func (s *Server) prepare(people *identity.Service, o *Options) error {
	ready := false
	if err := s.store.View(func(tx state.Tx) error {
		ready = people.Prepared(tx) && s.findAccessKey(tx, o.AccessKeyID, o.AccessKeySecret)
		return nil
	}); err != nil || ready {
		return err
	}
	return s.store.Update(func(tx state.Tx) error {
		people.Prepare(tx)
		if s.findAccessKey(tx, o.AccessKeyID, o.AccessKeySecret) {
			return nil
		}
		id, secret := o.AccessKeyID, o.AccessKeySecret
		if id == "" {
			id, secret = identity.NewAccessKey()
		}
		s.accessKeyID = id
		r := &identity.RAM{Tx: tx, Account: s.account, Now: state.At(s.clock.Now())}
		return r.PutAccessKey("", id, secret)
	})
}

// set sets the limits of k; nil are those of the service.
func (q *Quotas) set(k *keys.Options, s *secrets.Options) error {
	var set Quotas
	if q != nil {
		set = *q
	}
	switch {
	case set.Keys < 0 || set.Aliases < 0 || set.KeyVersions < 0 || set.Secrets < 0:
		return errors.New("refkms: options: a negative quota")
	case !set.None:
		k.MaxKeys = cmp.Or(set.Keys, defaultKeys)
		k.MaxAliases = cmp.Or(set.Aliases, defaultAliases)
		k.MaxVersions = cmp.Or(set.KeyVersions, defaultVersions)
		s.MaxSecrets = set.Secrets
	}
	return nil
}

// scope returns the world of a region and an account, by default the server's.
func (s *Server) scope(region, account string) (state.Scope, error) {
	region, account = cmp.Or(region, s.region), cmp.Or(account, s.account)
	return state.In(account, region), checkWorld(region, account)
}

// checkWorld checks the names of a region and an account, which become parts of keys and ARNs.
func checkWorld(region, account string) error {
	for _, r := range region {
		if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-') {
			return fmt.Errorf("refkms: region %q: want lower-case letters, digits and hyphens", cut(region))
		}
	}
	for _, r := range account {
		if !(r >= '0' && r <= '9') {
			return fmt.Errorf("refkms: account %q: want digits", cut(account))
		}
	}
	if len(region) > maxNameSize || len(account) > maxNameSize {
		return fmt.Errorf("refkms: region or account of more than %d bytes", maxNameSize)
	}
	return nil
}

// Advance moves the server's clock ahead by d. What falls due until then (rotations, the destruction of keys whose
// deletion window ends) happens before Advance returns, in order of time: a jump of three intervals makes three
// versions. It panics if d is negative. The clock goes no further than 292 years, the largest time.Duration, in all:
// beyond them Advance returns ErrTooFar, and the clock has not moved. A server in memory returns no other. One in a file
// keeps how far its clock is ahead, so that time does not go back with the process; if it cannot, it returns an error, and
// the clock has not moved. If the error is of what has fallen due, the clock has moved, and the next call tries again.
func (s *Server) Advance(d time.Duration) error {
	if s.file == nil || d < 0 {
		return s.corridor.Advance(d)
	}
	if err := s.file.advance(s.clock, d); err != nil {
		return fmt.Errorf("refkms: advance: %w", err)
	}
	return s.corridor.Settle() // which tells Options.Audit, which may advance the clock again
}

// Snapshot keeps everything the server knows as it is now. Each call of restore takes the server back to it; the clock
// stays where it is, so what has fallen due since happens again, before the next call. The trail stays as well, for it
// tells what has happened, and so do faults. In memory it costs next to nothing; of a server in a file it is a copy of
// all records in memory, and gone with the process: see [Server.Backup].
func (s *Server) Snapshot() (restore func() error) { return s.store.Snapshot() }
