package fourline_test

import (
	"bytes"
	"testing"

	"github.com/xinfeng-kms/xinfeng/envelope/fourline"
)

// Nothing but what the script wrote opens under its key.
func FuzzDecrypt(f *testing.F) {
	_, c := fixture(f, nil)
	for _, name := range []string{"sales.csv.cipher", "empty.cipher", "sales.csv.chunks"} {
		f.Add(read(f, name), 160, 0)
	}
	known := [][]byte{read(f, "sales.csv"), nil}
	f.Fuzz(func(t *testing.T, message []byte, wrappedKeySize, nonceSize int) {
		plaintext, err := c.Decrypt(t.Context(), message)
		if err == nil && !bytes.Equal(plaintext, known[0]) && !bytes.Equal(plaintext, known[1]) {
			t.Errorf("%q opens to %q", message, plaintext)
		}
		if err != nil && plaintext != nil {
			t.Errorf("plaintext %q with %v", plaintext, err)
		}
		layout := fourline.ChunkLayout{WrappedKeySize: wrappedKeySize, NonceSize: nonceSize}
		if got, err := c.InsecureDecryptChunks(t.Context(), message, layout); err != nil && got != nil {
			t.Errorf("plaintext %q with %v", got, err)
		}
	})
}
