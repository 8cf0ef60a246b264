// Quickstart encrypts a real file under a data key of the reference KMS, decrypts and verifies it, and shows what is
// refused. It needs no account and no network; with a client of the cloud in place of the reference KMS, the same calls
// of package envelope do the same.
//
//	go run ./examples/quickstart [FILE]
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

const alias = "alias/Apollo/WorkKey"

func main() {
	log.SetFlags(0)
	file := "README.md"
	switch len(os.Args) {
	case 1:
	case 2:
		file = os.Args[1]
	default:
		log.Fatal("usage: quickstart [FILE]")
	}
	dir, err := os.MkdirTemp("", "quickstart")
	if err != nil {
		log.Fatal(err)
	}
	err = run(context.Background(), os.Stdout, file, dir)
	os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
}

// run tells the story on out, and writes its files to dir.
func run(ctx context.Context, out io.Writer, file, dir string) error {
	// A key service: here one in this process. A customer master key (CMK) never leaves it.
	server, err := refkms.New(nil)
	if err != nil {
		return err
	}
	kms := server.Client(nil)
	cmk, err := kms.CreateKey(ctx, nil)
	if err != nil {
		return err
	}
	if err := kms.CreateAlias(ctx, alias, cmk.KeyID); err != nil {
		return err
	}
	fmt.Fprintf(out, "CMK %s, %s\n\n", cmk.ARN, alias)

	// A provider of data keys under the CMK, and a client that encrypts with them.
	provider, err := keyring.NewKMS(kms, cmk.ARN, nil)
	if err != nil {
		return err
	}
	client, err := envelope.New(provider, nil)
	if err != nil {
		return err
	}

	// The context is bound to the message: what opens it must know where it belongs.
	ec := envelope.Context{"file": filepath.Base(file)}
	message, back := filepath.Join(dir, "message"), filepath.Join(dir, "back")
	if err := client.EncryptFile(ctx, message, file, ec, nil); err != nil {
		return err
	}
	if err := inspect(out, message); err != nil {
		return err
	}

	info, err := client.DecryptFile(ctx, back, message, ec, nil)
	if err != nil {
		return err
	}
	want, _, err := digest(file)
	if err != nil {
		return err
	}
	got, size, err := digest(back)
	if err != nil {
		return err
	}
	if got != want {
		return errors.New("the decrypted file differs")
	}
	fmt.Fprintf(out, "\ndecrypted: %d bytes, equal to %s, opened by %s\n", size, file, info.KeyID)

	// A year later the CMK has rotated: new messages are wrapped under its new version, old ones still open.
	old, err := client.Encrypt(ctx, []byte("old"), nil)
	if err != nil {
		return err
	}
	const day = 24 * time.Hour
	if err := kms.UpdateRotationPolicy(ctx, cmk.KeyID, 365*day); err != nil {
		return err
	}
	server.Advance(365 * day)
	rotated, err := kms.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: alias})
	if err != nil {
		return err
	}
	young, err := client.Encrypt(ctx, []byte("new"), nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nrotated: primary version %.8s, was %.8s\n", rotated.PrimaryKeyVersion, cmk.PrimaryKeyVersion)
	for _, m := range [][]byte{old, young} {
		plaintext, err := client.Decrypt(ctx, m, nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "the %s message opens\n", plaintext)
	}

	// What is refused, and how to recognise it.
	fmt.Fprintln(out)
	flipped := bytes.Clone(young)
	flipped[len(flipped)-1] ^= 1
	_, err = client.Decrypt(ctx, flipped, nil)
	if err := refused(out, "a flipped byte", err, envelope.ErrAuthentication); err != nil {
		return err
	}
	_, err = client.DecryptFile(ctx, back, message, envelope.Context{"file": "other"}, nil)
	if err := refused(out, "a wrong context", err, envelope.ErrAuthentication); err != nil {
		return err
	}
	if err := kms.DisableKey(ctx, cmk.KeyID); err != nil {
		return err
	}
	_, err = client.Decrypt(ctx, young, nil)
	return refused(out, "a disabled key", err, kmsapi.ErrDisabled)
}

// digest returns the SHA-256 of a file, however large, and its size in bytes.
func digest(path string) (sum [sha256.Size]byte, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return sum, 0, err
	}
	return [sha256.Size]byte(h.Sum(nil)), size, nil
}

// inspect prints all that a message says without any key.
func inspect(out io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Stat()
	if err != nil {
		return err
	}
	report, err := format.Inspect(f, size.Size())
	if err != nil {
		return err
	}
	fmt.Fprint(out, report)
	return nil
}

func refused(out io.Writer, what string, err, want error) error {
	if !errors.Is(err, want) {
		return fmt.Errorf("%s: got %v, want %v", what, err, want)
	}
	fmt.Fprintf(out, "%s: %v\n", what, err)
	return nil
}
