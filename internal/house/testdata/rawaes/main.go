// Rawaes is the program of someone who brings his own key: it encrypts and decrypts, and knows no cloud. What it is linked
// with is the smallest part of the library that can be had.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/keyring"
)

func main() {
	key := make([]byte, 32)
	rand.Read(key)
	provider, err := keyring.NewRawAES("mine", key)
	if err != nil {
		log.Fatal(err)
	}
	client, err := envelope.New(provider, nil)
	if err != nil {
		log.Fatal(err)
	}
	message, err := client.Encrypt(context.Background(), []byte("hello"), nil)
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := client.Decrypt(context.Background(), message, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(plaintext))
}
