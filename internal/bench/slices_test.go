package bench_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope"
)

// seals seals plain in pieces into dst, on as many cores as the limit has: the cipher alone, without reading and writing.
func (l *limit) seals(dst, plain []byte) error {
	const full = limitUnit + tagSize
	return l.run(func(k int, w limitWork) error {
		out := l.part(dst[:len(plain)/limitUnit*full], k, full)
		for i, p := uint64(0), l.part(plain, k, limitUnit); len(p) > 0; i, p, out = i+1, p[limitUnit:], out[full:] {
			binary.BigEndian.PutUint64(w.nonce, i)
			l.aead.Seal(out[:0:full], w.nonce, p[:limitUnit], nil)
		}
		return nil
	})
}

// opens opens what seals has made of as many bytes as plain has.
func (l *limit) opens(plain, body []byte) error {
	const full = limitUnit + tagSize
	return l.run(func(k int, w limitWork) error {
		out := l.part(plain, k, limitUnit)
		for i, p := uint64(0), l.part(body[:len(plain)/limitUnit*full], k, full); len(p) > 0; i, p, out = i+1, p[full:], out[limitUnit:] {
			binary.BigEndian.PutUint64(w.nonce, i)
			if _, err := l.aead.Open(out[:0:limitUnit], w.nonce, p[:full], nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// BenchmarkSlice: whole buffers into buffers, on one core and on all. From 4 MiB on the library uses all; the limits say
// what that can bring at each size.
func BenchmarkSlice(b *testing.B) {
	for _, n := range []int{1 << 20, 2 << 20, 4 << 20, 16 << 20, 64 << 20} {
		b.Run("size="+sizeName(n), func(b *testing.B) {
			one, all := newCachedClient(b, &envelope.Options{Parallelism: 1}), newCachedClient(b, nil)
			plain := text(n)
			message, err := one.Encrypt(ctx, plain, nil)
			if err != nil {
				b.Fatal(err)
			}
			cores := runtime.GOMAXPROCS(0)
			l, ls := newLimit(1), newLimit(cores)
			room, body := make([]byte, 0, len(message)), make([]byte, len(message))
			if err := l.seals(body, plain); err != nil {
				b.Fatal(err)
			}
			split := make([]byte, len(message))
			if err := ls.seals(split, plain); err != nil {
				b.Fatal(err)
			}
			for _, r := range []*row{
				{
					name: "encrypt slice of " + sizeName(n), bytes: int64(n),
					limit: lane{name: "limit-1core", run: func() error { return l.seals(room[:cap(room)], plain) }},
					lanes: []lane{
						{name: fmt.Sprintf("limit-%dcore", cores), run: func() error { return ls.seals(room[:cap(room)], plain) }},
						{name: "AppendEncrypt, one core", run: func() error { _, err := one.AppendEncrypt(ctx, room, plain, nil); return err }},
						{name: "AppendEncrypt", run: func() error { _, err := all.AppendEncrypt(ctx, room, plain, nil); return err }},
					},
				},
				{
					name: "decrypt slice of " + sizeName(n), bytes: int64(n),
					limit: lane{name: "limit-1core", run: func() error { return l.opens(room[:n], body) }},
					lanes: []lane{
						{name: fmt.Sprintf("limit-%dcore", cores), run: func() error { return ls.opens(room[:n], split) }},
						{name: "AppendDecrypt, one core", run: func() error { _, _, err := one.AppendDecrypt(ctx, room, message, nil); return err }},
						{name: "AppendDecrypt", run: func() error { _, _, err := all.AppendDecrypt(ctx, room, message, nil); return err }},
					},
				},
			} {
				b.Run(r.name, r.measure)
			}
		})
	}
}
