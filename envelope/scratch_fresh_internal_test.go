package envelope

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/internal/stream"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// Whatever a scratch has been through, a message opens with it as with a fresh one: with the same plaintext, the same Info and
// the same error, and every data key that the provider gave is given back.
func TestScratchIsAsGoodAsFresh(t *testing.T) {
	raw := newTestRaw(t)
	store := KeyDir(t.TempDir())
	contexts := []Context{{}, {"tenant": "42"}, {"tenant": "43"}, {"tenant": "42", "row": "9"}, {"tenant": "42", "row": "10"}, {"row": "9"}, {"tenant": ""}}
	type sealed struct {
		message []byte
		ec      Context
	}
	var all []sealed
	for _, s := range []format.Suite{format.AES256GCM, format.SM4GCM} {
		for _, kind := range []format.Kind{format.Attached, format.Slots, format.Detached} {
			for _, withhold := range [][]string{nil, {"row"}, {"tenant"}} {
				c := newTestClient(t, newTestCache(t), &Options{Suite: s, Keys: kind, KeyStore: store, Withhold: withhold})
				for _, ec := range contexts {
					for n := range 2 {
						m, err := c.Encrypt(t.Context(), make([]byte, 3*n), ec)
						if err != nil {
							t.Fatal(err)
						}
						all = append(all, sealed{m, ec})
					}
				}
			}
		}
	}
	for name, opts := range map[string]Options{
		"no options": {}, "unseen": {AcceptUnseen: []string{"*"}}, "required": {Require: []string{"tenant"}},
		"one suite": {AcceptSuites: []format.Suite{format.SM4GCM}},
	} {
		for _, cached := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, cached=%v", name, cached), func(t *testing.T) {
				p := &moody{holder: holder{KeyProvider: raw}}
				if cached {
					p.KeyProvider = newTestCache(t)
				}
				opts.KeyStore = store
				c := newTestClient(t, p, &opts)
				r := rand.New(rand.NewPCG(1, 2))
				sc, i, opened := new(scratch), 0, 0
				for step := range 3000 {
					switch r.IntN(3) {
					case 0:
						i = r.IntN(len(all))
					case 1:
						i ^= 1 // of the same context and data key
					}
					m, ec := bytes.Clone(all[i].message), all[i].ec
					switch r.IntN(16) {
					case 0, 1:
						m[r.IntN(len(m))] ^= 1 << r.IntN(8)
					case 2, 3:
						m = m[:r.IntN(len(m)+1)]
					case 4, 5:
						ec = contexts[r.IntN(len(contexts))]
					}
					mood := max(0, r.IntN(20)-15)
					p.mood = mood
					got, info, err := decryptWith(c, sc, m, ec)
					p.mood = mood
					want, wantInfo, wantErr := decryptWith(c, new(scratch), m, ec)
					if fmt.Sprint(err) != fmt.Sprint(wantErr) || !bytes.Equal(got, want) || fmt.Sprint(info) != fmt.Sprint(wantInfo) {
						t.Fatalf("step %d, mood %d: %q, %v, %v, want %q, %v, %v", step, mood, got, info, err, want, wantInfo, wantErr)
					}
					if err == nil {
						opened++
					}
				}
				if opened < 300 {
					t.Errorf("%d messages opened", opened)
				}
				if cache, ok := p.KeyProvider.(*keyring.Caching); ok {
					cache.Purge()
				}
				if n := p.live(); n > 0 {
					t.Errorf("%d data keys live", n)
				}
			})
		}
	}
}

// decryptWith is AppendDecrypt with a scratch that it is given, and that is used again after an error as well.
func decryptWith(c *Client, sc *scratch, m []byte, ec Context) (plaintext []byte, info Info, err error) {
	if err := sc.parse(m); err != nil {
		return nil, Info{}, err
	}
	body := m[len(sc.wire):]
	if _, err := checkBody(&sc.header, int64(len(body))); err != nil {
		return nil, Info{}, err
	}
	w, err := c.open(context.Background(), sc, m[:sc.header.HeadSize()], ec, &info)
	if err != nil {
		return nil, Info{}, err
	}
	plaintext, err = stream.Open(nil, body, &w, sc.header.ChunkSize, &c.stream)
	return plaintext, info, err
}

// A moody provider answers as its mood is, and then is in a good one again.
type moody struct {
	holder
	mood int
}

func (p *moody) Decrypt(ctx context.Context, req *keyring.DecryptRequest) (*keyring.DataKey, error) {
	mood := p.mood
	p.mood = 0
	switch {
	case mood == 1:
		return new(keyring.DataKey), nil // destroyed
	case mood == 2:
		return nil, nil
	case mood == 3:
		return nil, errors.New("not today")
	case mood == 4 && len(p.given) > 0 && p.given[0].Share(): // that of another message, perhaps of another suite
		return p.give(p.given[0], nil)
	}
	return p.give(p.KeyProvider.Decrypt(ctx, req))
}

func (p *moody) GenerateDataKey(context.Context, *keyring.GenerateDataKeyRequest) (*keyring.DataKey, error) {
	return nil, errors.New("not asked")
}
