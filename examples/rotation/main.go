// Rotation shows what there is to do when a customer master key (CMK) is rotated: by KMS, which adds versions to it, or by
// hand, where an alias is pointed at another one. Messages stay readable in both cases; to move old ones, they get new
// wrapped keys, and the data stays as it is.
//
//	go run ./examples/rotation
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// rewrapPolicy is all that a worker needs who moves data keys to the newest version of one CMK. He reads no message.
const rewrapPolicy = `{"Version": "1", "Statement": [
	{"Effect": "Allow", "Action": ["kms:ReEncryptFrom", "kms:ReEncryptTo"], "Resource": %q}]}`

func main() {
	server, err := refkms.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, story := range []func(context.Context, io.Writer, *refkms.Server) error{automatic, byHand} {
		if err := story(context.Background(), os.Stdout, server); err != nil {
			log.Fatal(err)
		}
	}
}

// automatic has KMS rotate a CMK every year, and a worker without the right to decrypt renew an old message.
func automatic(ctx context.Context, out io.Writer, server *refkms.Server) error {
	const year = 365 * 24 * time.Hour
	kms := server.Client(nil)
	cmk, err := kms.CreateKey(ctx, &refkms.CreateKeyRequest{RotationInterval: year})
	if err != nil {
		return err
	}
	app, message, err := write(ctx, kms, cmk.ARN, "from last year")
	if err != nil {
		return err
	}
	server.Advance(year)
	rotated, err := kms.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: cmk.KeyID})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "rotated by KMS: version %.8s opens, %.8s is for what is new\n", cmk.PrimaryKeyVersion, rotated.PrimaryKeyVersion)

	ram := server.RAM("")
	if err := errors.Join(ram.CreateUser("rewrapper"), ram.PutPolicy("rewrap", fmt.Sprintf(rewrapPolicy, cmk.ARN)),
		ram.AttachPolicyToUser("rewrap", "rewrapper")); err != nil {
		return err
	}
	accessKey, _, err := ram.CreateAccessKey("rewrapper")
	if err != nil {
		return err
	}
	worker, err := newClient(server.Client(&refkms.ClientOptions{AccessKeyID: accessKey}), cmk.ARN)
	if err != nil {
		return err
	}
	if _, err := worker.Decrypt(ctx, message, nil); !errors.Is(err, kmsapi.ErrAccessDenied) {
		return fmt.Errorf("the worker decrypts: %v", err)
	}
	var renewed bytes.Buffer
	if _, err := worker.Rewrap(ctx, &renewed, bytes.NewReader(message), nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(out, "a worker who may not decrypt has moved the message to the new version")
	return read(ctx, out, app, renewed.Bytes())
}

// byHand points an alias at another CMK, for those that have no versions, such as imported ones.
func byHand(ctx context.Context, out io.Writer, server *refkms.Server) error {
	const alias = "alias/MyAppKey"
	kms := server.Client(nil)
	a, errA := kms.CreateKey(ctx, nil)
	b, errB := kms.CreateKey(ctx, nil)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	if err := kms.CreateAlias(ctx, alias, a.KeyID); err != nil {
		return err
	}
	_, old, err := write(ctx, kms, alias, "under A")
	if err != nil {
		return err
	}
	if err := kms.UpdateAlias(ctx, alias, b.KeyID); err != nil {
		return err
	}
	app, young, err := write(ctx, kms, alias, "under B")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "rotated by hand: %s was %.8s, is %.8s\n", alias, a.KeyID, b.KeyID)

	// Who reads lists A as long as there are messages under it: no other CMK is ever asked.
	reader, err := newClient(kms, alias, a.KeyID)
	if err != nil {
		return err
	}
	if err := errors.Join(read(ctx, out, reader, old), read(ctx, out, reader, young)); err != nil {
		return err
	}
	var moved bytes.Buffer
	fromA := func(k format.WrappedKey) bool { return k.KeyID == a.KeyID }
	if _, err := reader.Rewrap(ctx, &moved, bytes.NewReader(old), nil, &envelope.RewrapOptions{Drop: fromA}); err != nil {
		return err
	}
	fmt.Fprintln(out, "moved to B, so that A can be disabled")
	return errors.Join(kms.DisableKey(ctx, a.KeyID), read(ctx, out, app, moved.Bytes()))
}

// newClient returns a client that writes under keyID, and reads what is under it and under opens.
func newClient(kms kmsapi.API, keyID string, opens ...string) (*envelope.Client, error) {
	provider, err := keyring.NewKMS(kms, keyID, &keyring.KMSOptions{Opens: opens})
	if err != nil {
		return nil, err
	}
	return envelope.New(provider, nil)
}

func write(ctx context.Context, kms kmsapi.API, keyID, text string) (client *envelope.Client, message []byte, err error) {
	if client, err = newClient(kms, keyID); err != nil {
		return nil, nil, err
	}
	message, err = client.Encrypt(ctx, []byte(text), nil)
	return client, message, err
}

func read(ctx context.Context, out io.Writer, client *envelope.Client, message []byte) error {
	plaintext, info, err := client.AppendDecrypt(ctx, nil, message, nil)
	if err == nil {
		fmt.Fprintf(out, "  %q opens by %s\n", plaintext, info.KeyID)
	}
	return err
}
