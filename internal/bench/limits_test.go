package bench_test

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"io"
	"sync"
)

// limitUnit is how much a limit reads, seals or opens and writes at a time, in bytes of plaintext.
const limitUnit = 256 << 10

const tagSize, nonceSize = 16, 12

// A limit does what a stream cannot do without, and nothing else: it reads, seals or opens in place, and writes. With two
// cores each has its own source and sink, and they never meet.
type limit struct {
	aead  cipher.AEAD
	works []limitWork // one for each core
}

type limitWork struct{ buf, nonce []byte }

func newLimit(cores int) *limit {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	l := &limit{aead: aead}
	for range cores {
		l.works = append(l.works, limitWork{make([]byte, limitUnit+tagSize), make([]byte, nonceSize)})
	}
	return l
}

// run runs seal or open with the k-th source and sink on the k-th core.
func (l *limit) run(move func(k int, w limitWork) error) error {
	errs := make([]error, len(l.works))
	var wg sync.WaitGroup
	for k := 1; k < len(l.works); k++ {
		wg.Go(func() { errs[k] = move(k, l.works[k]) })
	}
	errs[0] = move(0, l.works[0])
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *limit) seal(dst io.Writer, src io.Reader, w limitWork) error {
	for i := uint64(0); ; i++ {
		n, err := src.Read(w.buf[:limitUnit])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		binary.BigEndian.PutUint64(w.nonce, i)
		if _, err := dst.Write(l.aead.Seal(w.buf[:0], w.nonce, w.buf[:n], nil)); err != nil {
			return err
		}
	}
}

func (l *limit) open(dst io.Writer, src io.Reader, w limitWork) error {
	for i := uint64(0); ; i++ {
		n, err := src.Read(w.buf)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		binary.BigEndian.PutUint64(w.nonce, i)
		plain, err := l.aead.Open(w.buf[:0], w.nonce, w.buf[:n], nil)
		if err != nil {
			return err
		}
		if _, err := dst.Write(plain); err != nil {
			return err
		}
	}
}

// part cuts b into as many pieces as the limit has cores, at multiples of unit, and returns the k-th.
func (l *limit) part(b []byte, k, unit int) []byte {
	units := (len(b) + unit - 1) / unit
	n := (units + len(l.works) - 1) / len(l.works) * unit
	return b[min(len(b), k*n):min(len(b), (k+1)*n)]
}
