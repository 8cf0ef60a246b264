package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

// A message for oneself and for somebody else, without a key service.
func Example_withoutKMS() {
	ctx := context.Background()
	paper, err := keyring.NewPassphrase("paper", []byte("correct horse battery staple"), nil)
	if err != nil {
		log.Fatal(err)
	}
	friend, err := keyring.ParsePublicKey("xinfeng-public-x25519:Z13VdO13iTELPS52gfN5C0ZsdzsVIf7PNld5WDcepS9VQ5Xm")
	if err != nil {
		log.Fatal(err)
	}
	to, err := keyring.NewRecipients([]*keyring.PublicKey{friend}, nil)
	if err != nil {
		log.Fatal(err)
	}
	provider, err := keyring.NewMulti([]keyring.KeyProvider{paper, to}, nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := envelope.New(provider, nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := client.Encrypt(ctx, []byte("attack at dawn"), nil)
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := client.Decrypt(ctx, message, nil) // by the passphrase
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)
	// Output: attack at dawn
}

// A message to somebody without a right in any KMS: he makes a key, gives the public one away as text, and keeps the private
// one where nobody else reads it.
func ExampleNewRecipients() {
	ctx := context.Background()
	private, err := keyring.GeneratePrivateKey(keyring.MLKEM768X25519)
	if err != nil {
		log.Fatal(err)
	}
	text := private.PublicKey().String()
	fmt.Println(text[:strings.Index(text, ":")])

	// The writer has the text alone, and cannot read what he wrote.
	public, err := keyring.ParsePublicKey(text)
	if err != nil {
		log.Fatal(err)
	}
	to, err := keyring.NewRecipients([]*keyring.PublicKey{public}, nil)
	if err != nil {
		log.Fatal(err)
	}
	writer, err := envelope.New(to, nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := writer.Encrypt(ctx, []byte("attack at dawn"), nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = writer.Decrypt(ctx, message, nil)
	fmt.Println(errors.Is(err, keyring.ErrNoMatch))

	opens, err := keyring.NewRecipients(nil, []*keyring.PrivateKey{private})
	if err != nil {
		log.Fatal(err)
	}
	reader, err := envelope.New(opens, nil)
	if err != nil {
		log.Fatal(err)
	}
	plaintext, info, err := reader.AppendDecrypt(ctx, nil, message, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, from anyone: %v\n", plaintext, info.Provider == "hpke" && info.KeyID == public.ID())
	// Output:
	// xinfeng-public-mlkem768-x25519
	// true
	// attack at dawn, from anyone: true
}

// A recovery key beside a CMK: every message can be opened by the key in the safe on the day the CMK is gone, and nobody
// who merely knows its public half can have a message of his own opened by the service.
func ExampleRecipients_recovery() {
	ctx := context.Background()
	private, err := keyring.GeneratePrivateKey(keyring.X25519) // once, on a machine without a network; its Text goes to the safe
	if err != nil {
		log.Fatal(err)
	}
	recovery, err := keyring.NewRecipients([]*keyring.PublicKey{private.PublicKey()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	cmk, err := keyring.NewKMS(exampleKMS(), "alias/Apollo/WorkKey", nil)
	if err != nil {
		log.Fatal(err)
	}
	provider, err := keyring.NewMulti([]keyring.KeyProvider{cmk, recovery}, nil)
	if err != nil {
		log.Fatal(err)
	}
	service, err := envelope.New(provider, nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := service.Encrypt(ctx, []byte("attack at dawn"), nil)
	if err != nil {
		log.Fatal(err)
	}

	// The recovery tool, which knows that opening proves no sender.
	safe, err := keyring.NewRecipients(nil, []*keyring.PrivateKey{private})
	if err != nil {
		log.Fatal(err)
	}
	tool, err := envelope.New(safe, nil)
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := tool.Decrypt(ctx, message, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", plaintext)

	// Somebody who knows the public key.
	forger, err := envelope.New(recovery, nil)
	if err != nil {
		log.Fatal(err)
	}
	forged, err := forger.Encrypt(ctx, []byte("retreat"), nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = service.Decrypt(ctx, forged, nil)
	fmt.Println("the service refuses it:", errors.Is(err, keyring.ErrUnauthenticatedSender))
	// Output:
	// attack at dawn
	// the service refuses it: true
}
