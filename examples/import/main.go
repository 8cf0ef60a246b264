// Import brings a key of one's own (BYOK) into KMS: a CMK is made without material, and 32 bytes that were made elsewhere,
// as by openssl rand, are wrapped for it with openssl and imported. The service keeps no copy that can be had back, so
// whoever imports material keeps his own, in a safe: it is what brings a CMK back whose material has expired.
//
//	openssl rand -out material 32
//	go run ./examples/import [MATERIAL]     default: material made for the occasion
//
// The KMS is one in this process; with a client of [kmsclient.Client.SDK] in its place, the same calls import to the cloud.
package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

func main() {
	log.SetFlags(0)
	dir, err := os.MkdirTemp("", "import") // for its owner only
	if err != nil {
		log.Fatal(err)
	}
	err = run(os.Stdout, dir, os.Args[1:])
	os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
}

func run(out io.Writer, dir string, args []string) error {
	material := filepath.Join(dir, "material")
	switch len(args) {
	case 0:
		b := make([]byte, 32) // the key of a symmetric CMK
		rand.Read(b)
		if err := os.WriteFile(material, b, 0o600); err != nil {
			return err
		}
	case 1:
		material = args[0]
	default:
		return errors.New("usage: import [MATERIAL]")
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
	return story(out, client, server, dir, material)
}

// story imports material for a day, lets it expire, and imports it again.
func story(out io.Writer, client *kms.Client, server *refkms.Server, dir, material string) error {
	create := kms.CreateCreateKeyRequest()
	create.Origin = "EXTERNAL"
	cmk, err := client.CreateKey(create)
	if err != nil {
		return err
	}
	keyID := cmk.KeyMetadata.KeyId
	fmt.Fprintf(out, "CMK %s: %s\n", keyID, cmk.KeyMetadata.KeyState)

	if err := importMaterial(client, dir, keyID, material, server.Now().Add(24*time.Hour)); err != nil {
		return err
	}
	encrypt := kms.CreateEncryptRequest()
	encrypt.KeyId, encrypt.Plaintext = keyID, "hello"
	sealed, err := client.Encrypt(encrypt)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "imported for a day: the CMK encrypts")

	server.Advance(24 * time.Hour)
	decrypt := kms.CreateDecryptRequest()
	decrypt.CiphertextBlob = sealed.CiphertextBlob
	if _, err := client.Decrypt(decrypt); err == nil {
		return errors.New("expired material decrypts")
	}
	fmt.Fprintln(out, "a day later: the service has deleted the material, nothing opens")

	// Only the same material comes back, and with it what was encrypted.
	if err := importMaterial(client, dir, keyID, material, time.Time{}); err != nil {
		return err
	}
	opened, err := client.Decrypt(decrypt)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "imported again, for good: %q\n", opened.Plaintext)
	return nil
}

// importMaterial wraps the material in a file by openssl, and imports it until expiry, zero for no end. The wrapping key is
// the service's, made for this import and valid for a day; the token says so.
func importMaterial(client *kms.Client, dir, keyID, material string, expiry time.Time) error {
	params := kms.CreateGetParametersForImportRequest()
	params.KeyId, params.WrappingKeySpec, params.WrappingAlgorithm = keyID, "RSA_2048", "RSAES_OAEP_SHA_256"
	p, err := client.GetParametersForImport(params)
	if err != nil {
		return err
	}
	der, err := base64.StdEncoding.DecodeString(p.PublicKey)
	if err != nil {
		return err
	}
	publicKey, wrapped := filepath.Join(dir, "wrapping.der"), filepath.Join(dir, "wrapped")
	if err := os.WriteFile(publicKey, der, 0o600); err != nil {
		return err
	}
	openssl := exec.Command("openssl", "pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", publicKey, "-in", material, "-out", wrapped,
		"-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256", "-pkeyopt", "rsa_mgf1_md:sha256")
	if text, err := openssl.CombinedOutput(); err != nil {
		return fmt.Errorf("openssl: %w: %s", err, text)
	}
	encrypted, err := os.ReadFile(wrapped)
	if err != nil {
		return err
	}
	request := kms.CreateImportKeyMaterialRequest()
	request.KeyId, request.ImportToken = keyID, p.ImportToken
	request.EncryptedKeyMaterial = base64.StdEncoding.EncodeToString(encrypted)
	if !expiry.IsZero() {
		request.KeyMaterialExpireUnix = requests.Integer(strconv.FormatInt(expiry.Unix(), 10))
	}
	_, err = client.ImportKeyMaterial(request)
	return err
}
