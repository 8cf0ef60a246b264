// Sign signs a file with a private key that never leaves KMS, and verifies it offline with the public key: one call to
// sign, one for the public key once, none to verify. KMS sees the digest of the file and not the file.
//
//	go run ./examples/sign [FILE]    default README.md; writes FILE.sig and FILE.pub to a new temporary folder
//
// Anybody can verify them, without KMS and without this library; it prints the command:
//
//	openssl dgst -sha256 -verify FILE.pub -signature FILE.sig FILE
//
// The KMS is one in this process; with a client of [kmsclient.Client.SDK] in its place, the same calls sign in the cloud.
package main

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

func main() {
	log.SetFlags(0)
	if err := run(os.Stdout, "", os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

// run makes its folder within parent, "" for where the system has such ones.
func run(out io.Writer, parent string, args []string) error {
	file := "README.md"
	switch len(args) {
	case 0:
	case 1:
		file = args[0]
	default:
		return errors.New("usage: sign [FILE]")
	}
	server, err := refkms.New(nil)
	if err != nil {
		return err
	}
	id, secret := server.AccessKey()
	client, err := kms.NewClientWithAccessKey(refkms.DefaultRegion, id, secret)
	if err != nil {
		return err
	}
	client.SetTransport(server.Transport())

	create := kms.CreateCreateKeyRequest()
	create.KeySpec, create.KeyUsage = "EC_P256", "SIGN/VERIFY"
	cmk, err := client.CreateKey(create)
	if err != nil {
		return err
	}
	list := kms.CreateListKeyVersionsRequest() // a key pair has no primary version: who signs says which one
	list.KeyId = cmk.KeyMetadata.KeyId
	versions, err := client.ListKeyVersions(list)
	if err != nil {
		return err
	}
	version := versions.KeyVersions.KeyVersion[0].KeyVersionId

	contents, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(contents)
	signature, err := sign(client, list.KeyId, version, digest[:])
	if err != nil {
		return err
	}
	public, err := publicKey(client, list.KeyId, version)
	if err != nil {
		return err
	}
	if err := verify(public, digest[:], signature); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is signed by version %s of %s\n", file, version, cmk.KeyMetadata.Arn)
	other := sha256.Sum256(append(contents, '!'))
	if err := verify(public, other[:], signature); !errors.Is(err, errSignature) {
		return fmt.Errorf("another file: %v, want %v", err, errSignature)
	}
	fmt.Fprintln(out, "one byte more:", errSignature)

	dir, err := os.MkdirTemp(parent, "sign")
	if err != nil {
		return err
	}
	base := filepath.Join(dir, filepath.Base(file))
	fmt.Fprintf(out, "openssl dgst -sha256 -verify %[1]s.pub -signature %[1]s.sig %[2]s\n", base, file)
	return errors.Join(os.WriteFile(base+".sig", signature, 0o644), os.WriteFile(base+".pub", public, 0o644))
}

// sign returns the signature of a file with the given SHA-256, in DER: one AsymmetricSign.
func sign(client *kms.Client, keyID, version string, digest []byte) ([]byte, error) {
	request := kms.CreateAsymmetricSignRequest()
	request.KeyId, request.KeyVersionId, request.Algorithm = keyID, version, "ECDSA_SHA_256"
	request.Digest = base64.StdEncoding.EncodeToString(digest)
	answer, err := client.AsymmetricSign(request)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(answer.Value)
}

// publicKey returns the public key of a version in PEM: one GetPublicKey, for as long as the version lives.
func publicKey(client *kms.Client, keyID, version string) ([]byte, error) {
	request := kms.CreateGetPublicKeyRequest()
	request.KeyId, request.KeyVersionId = keyID, version
	answer, err := client.GetPublicKey(request)
	if err != nil {
		return nil, err
	}
	return []byte(answer.PublicKey), nil
}

var errSignature = errors.New("the signature is not of this file under this key")

// verify needs no KMS.
func verify(public, digest, signature []byte) error {
	block, _ := pem.Decode(public)
	if block == nil {
		return errors.New("the public key is not in PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return err
	}
	if key, ok := parsed.(*ecdsa.PublicKey); !ok || !ecdsa.VerifyASN1(key, digest, signature) {
		return errSignature
	}
	return nil
}
