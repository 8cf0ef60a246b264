package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/xinfeng-kms/xinfeng/kmsclient"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// story plays the whole scenario in dir: with a KMS of its own, a key and a certificate made for the occasion.
func story(ctx context.Context, out io.Writer, dir string) error {
	// The service: a reference KMS on a port of this machine, spoken to through the real SDK.
	server, err := refkms.New(nil)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return err
	}
	service := &http.Server{Handler: server.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go service.Serve(listener)
	defer service.Close()

	const alias = "alias/Apollo/WorkKey"
	cmk, err := server.Client(nil).CreateKey(ctx, nil)
	if err != nil {
		return err
	}
	if err := server.Client(nil).CreateAlias(ctx, alias, cmk.KeyID); err != nil {
		return err
	}
	id, secret := server.AccessKey()
	credential, err := credentials.NewCredential(new(credentials.Config).SetType("access_key").SetAccessKeyId(id).SetAccessKeySecret(secret))
	if err != nil {
		return err
	}
	kms, err := kmsclient.New(&kmsclient.Options{Region: refkms.DefaultRegion, Endpoint: "http://" + listener.Addr().String(), Credential: credential})
	if err != nil {
		return err
	}

	// Once, where the key was made: encrypt it, store the ciphertext, and take the key away.
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := makeCertificate(certFile, keyFile); err != nil {
		return err
	}
	if err := encryptKey(ctx, kms, alias, keyFile, keyFile+".cipher"); err != nil {
		return err
	}
	if err := os.Remove(keyFile); err != nil {
		return err
	}
	blob, err := os.ReadFile(keyFile + ".cipher")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "encrypted under %s: %.40s… (%d characters)\n", alias, blob, len(blob))

	// On the server, whenever it starts: decrypt it, and serve.
	certificate, err := loadCertificate(ctx, kms, certFile, keyFile+".cipher")
	if err != nil {
		return err
	}
	web, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- serve(ctx, web, certificate) }()

	body, err := get(ctx, "https://"+web.Addr().String(), certFile)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "a client that trusts %s reads: %s", filepath.Base(certFile), body)
	stop()
	return <-served
}

// makeCertificate makes a key and a certificate for localhost that it signs itself.
func makeCertificate(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o644); err != nil {
		return err
	}
	return os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// get reads a page from a server that has the certificate in certFile.
func get(ctx context.Context, url, certFile string) (string, error) {
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	return string(body), err
}
