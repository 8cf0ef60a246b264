package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

const (
	storeName   = "kms.db"        // the state of the local key service, sealed
	keyName     = "kms.key"       // what it is sealed under
	defaultName = "alias/xinfeng" // the key of who names none
)

// errNoLocal: there is no local key service yet, and nothing can have been encrypted under its keys.
var errNoLocal = errors.New("no local key service yet; 'xinfeng encrypt' and 'xinfeng keys create' make one")

// A local is the key service on this machine: a reference KMS in a folder, with the key that unlocks it beside it. It
// protects nothing from whoever can read that folder.
//
// Its file is of one process at a time, so it is opened for one call, or for calls that overlap, and closed again: a
// process waits for another's calls and not for its end.
type local struct {
	t   *tool
	dir string

	mu     sync.Mutex
	users  int // calls that have the server
	server *refkms.Server
}

var _ service = (*local)(nil)

func newLocal(t *tool, dir string) (*local, error) {
	dir, err := localFolder(dir)
	if err != nil {
		return nil, err
	}
	return &local{t: t, dir: dir}, nil
}

// localFolder returns the folder of the local key service: the one that is named, or that in the user's configuration.
func localFolder(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("%w; --dir says where the local key service is", err)
	}
	return filepath.Join(config, "xinfeng"), nil
}

// with calls f with a client of the server. If there is no server yet, it is made, or with make false the error is
// errNoLocal.
func (l *local) with(ctx context.Context, make bool, f func(*refkms.Client) error) error {
	server, err := l.acquire(ctx, make)
	if err != nil {
		return err
	}
	defer l.release()
	return f(server.Client(nil))
}

func (l *local) acquire(ctx context.Context, make bool) (*refkms.Server, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users == 0 {
		server, err := l.open(ctx, make)
		if err != nil {
			return nil, err
		}
		l.server = server
	}
	l.users++
	return l.server, nil
}

func (l *local) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users == 0 {
		l.server.Close() // what was answered is on disk
		l.server = nil
	}
}

// patience is how long another process is waited for before somebody is told, and between looks at the context.
const patience = 500 * time.Millisecond

func (l *local) open(ctx context.Context, make bool) (*refkms.Server, error) {
	store := filepath.Join(l.dir, storeName)
	_, err := os.Stat(store)
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh && !make {
		return nil, fmt.Errorf("%s: %w", show(l.dir), errNoLocal)
	}
	if fresh {
		if err := os.MkdirAll(l.dir, 0o700); err != nil {
			return nil, err
		}
	}
	opts := &refkms.Options{Now: l.t.now, SpareKeyPairs: -1, Store: &refkms.StoreOptions{Wait: patience}}
	for told := false; ; told = true {
		server, err := refkms.Open(store, refkms.RootKeyFile(filepath.Join(l.dir, keyName)), opts)
		if errors.Is(err, refkms.ErrInUse) && ctx.Err() == nil {
			if !told {
				l.t.note("waiting for another process that uses the key service in %s", show(l.dir))
			}
			continue
		}
		if err != nil {
			return nil, errors.Join(ctx.Err(), err)
		}
		if fresh {
			l.t.note("made a key service in %s: whoever can read that folder can read what is encrypted under its keys, and without it nobody can", show(l.dir))
		}
		return server, nil
	}
}

// writeTo returns the default key, which is made if it is not there.
func (l *local) writeTo(ctx context.Context) ([]string, error) {
	return []string{defaultName}, l.with(ctx, true, func(c *refkms.Client) error {
		_, err := c.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: defaultName})
		if !errors.Is(err, kmsapi.ErrKeyNotFound) {
			return err
		}
		key, err := c.CreateKey(ctx, &refkms.CreateKeyRequest{Description: "made by xinfeng encrypt"})
		if err != nil {
			return err
		}
		return c.CreateAlias(ctx, defaultName, key.KeyID)
	})
}

// resolve returns the ARN of a key, so that messages name it in full and any reader knows it as one of this service.
func (l *local) resolve(ctx context.Context, key string) (arn string, err error) {
	err = l.with(ctx, false, func(c *refkms.Client) error {
		d, err := c.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: bareKey(key)})
		if err == nil {
			arn = d.ARN
		}
		return err
	})
	return arn, err
}

func (l *local) api(string) (kmsapi.API, error) { return localAPI{l}, nil }

// opensAny returns a provider that opens messages under any key of the service.
func (l *local) opensAny() (keyring.KeyProvider, error) {
	return keyring.NewDiscovery(map[string]kmsapi.API{refkms.DefaultRegion: localAPI{l}}, []string{refkms.DefaultAccount})
}

func (l *local) do(ctx context.Context, key, action string, params map[string]string, out any) error {
	all := map[string]string{}
	for name, value := range params {
		all[name] = value
	}
	if key != "" {
		all["KeyId"] = bareKey(key)
	}
	return l.with(ctx, action == "CreateKey", func(c *refkms.Client) error { return c.Do(ctx, action, all, out) })
}

// A localAPI is the service as the library uses it: it has the server for the length of each call.
type localAPI struct{ l *local }

var _ kmsapi.API = localAPI{}

// call calls one method of a client of the local service.
func call[Q, A any](ctx context.Context, l *local, method func(*refkms.Client, context.Context, *Q) (*A, error), req *Q) (answer *A, err error) {
	err = l.with(ctx, false, func(c *refkms.Client) (err error) {
		answer, err = method(c, ctx, req)
		return err
	})
	return answer, err
}

func (a localAPI) GenerateDataKey(ctx context.Context, req *kmsapi.GenerateDataKeyRequest) (*kmsapi.GenerateDataKeyResponse, error) {
	return call(ctx, a.l, (*refkms.Client).GenerateDataKey, req)
}

func (a localAPI) Encrypt(ctx context.Context, req *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	return call(ctx, a.l, (*refkms.Client).Encrypt, req)
}

func (a localAPI) Decrypt(ctx context.Context, req *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	return call(ctx, a.l, (*refkms.Client).Decrypt, req)
}

func (a localAPI) ReEncrypt(ctx context.Context, req *kmsapi.ReEncryptRequest) (*kmsapi.ReEncryptResponse, error) {
	return call(ctx, a.l, (*refkms.Client).ReEncrypt, req)
}

func (a localAPI) DescribeKey(ctx context.Context, req *kmsapi.DescribeKeyRequest) (*kmsapi.DescribeKeyResponse, error) {
	return call(ctx, a.l, (*refkms.Client).DescribeKey, req)
}
