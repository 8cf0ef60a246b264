// Sslkey keeps the private key of a TLS certificate encrypted by KMS: only its ciphertext lies on the server, which has it
// decrypted when it starts. Keys of a certificate are less than 6 KB, so the service itself encrypts them and no envelope
// is needed. The ciphertext is the text of the service, which its console, its CLI and the SDKs of other languages
// decrypt as well.
//
//	go run ./examples/sslkey                                      the story, against a reference KMS in this process
//	sslkey encrypt -region R -key alias/Apollo/WorkKey key.pem    writes key.pem.cipher
//	sslkey serve   -region R -cert cert.pem -addr :8443 key.pem.cipher
//
// Credentials are those of the default chain of credentials-go: ALIBABA_CLOUD_ACCESS_KEY_ID and
// ALIBABA_CLOUD_ACCESS_KEY_SECRET, or the RAM role of the machine. With -endpoint another address is called than that of
// the region.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

const usage = `usage: sslkey
       sslkey encrypt -region REGION -key KEY [-endpoint URL] KEY.PEM
       sslkey serve -region REGION -cert CERT.PEM [-endpoint URL] [-addr ADDRESS] KEY.PEM.CIPHER`

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run carries out a command line.
func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		dir, err := os.MkdirTemp("", "sslkey")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		return story(ctx, out, dir)
	}
	var (
		flags    = flag.NewFlagSet(args[0], flag.ContinueOnError)
		region   = flags.String("region", "", "")
		endpoint = flags.String("endpoint", "", "")
		key      = flags.String("key", "", "")
		cert     = flags.String("cert", "", "")
		addr     = flags.String("addr", "localhost:8443", "")
	)
	flags.SetOutput(io.Discard)
	if err := flags.Parse(args[1:]); err != nil || flags.NArg() != 1 {
		return errors.New(usage)
	}
	kms, err := kmsclient.New(&kmsclient.Options{Region: *region, Endpoint: *endpoint})
	if err != nil {
		return err
	}
	switch file := flags.Arg(0); args[0] {
	case "encrypt":
		if err := encryptKey(ctx, kms, *key, file, file+".cipher"); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s.cipher is what the server needs; keep %s elsewhere\n", file, file)
		return nil
	case "serve":
		certificate, err := loadCertificate(ctx, kms, *cert, file)
		if err != nil {
			return err
		}
		listener, err := net.Listen("tcp", *addr)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "serving https://%s\n", listener.Addr())
		return serve(ctx, listener, certificate)
	}
	return errors.New(usage)
}

// encryptKey has KMS encrypt a private key under a CMK, and writes the ciphertext to a file. It is one call of KMS.
func encryptKey(ctx context.Context, kms *kmsclient.Client, keyID, keyFile, cipherFile string) error {
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	text := kmsapi.NewPlaintext(key) // PEM is text, which KMS takes as it is
	defer text.Clear()
	resp, err := kms.Encrypt(ctx, &kmsapi.EncryptRequest{KeyID: keyID, Plaintext: text})
	if err != nil {
		return fmt.Errorf("encrypt %s: %w", keyFile, err)
	}
	return os.WriteFile(cipherFile, []byte(resp.CiphertextBlob), 0o644)
}

// loadCertificate returns a certificate whose private key KMS decrypts: one call, at the start. From then on the key is in
// this process's memory, as that of any TLS server is, and in no file.
func loadCertificate(ctx context.Context, kms *kmsclient.Client, certFile, cipherFile string) (tls.Certificate, error) {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	blob, err := os.ReadFile(cipherFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	resp, err := kms.Decrypt(ctx, &kmsapi.DecryptRequest{CiphertextBlob: strings.TrimSpace(string(blob))})
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("decrypt %s: %w", cipherFile, err)
	}
	defer resp.Plaintext.Clear()
	certificate, err := tls.X509KeyPair(cert, resp.Plaintext.Bytes())
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s with the key in %s: %w", certFile, cipherFile, err)
	}
	return certificate, nil
}

// serve answers requests over TLS until ctx is done.
func serve(ctx context.Context, listener net.Listener, certificate tls.Certificate) error {
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello over TLS\n") }),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}},
		ReadHeaderTimeout: 10 * time.Second,
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
