// Http stores uploads encrypted, and serves them, whole or by ranges, from the ciphertext: nothing but ciphertext is ever
// on disk, no file is in memory as a whole, and a range costs the chunks that it touches.
//
//	go run ./examples/http [DIR]                        default a new temporary folder
//	curl -T README.md http://localhost:8080/files/readme
//	curl -r 100-199 http://localhost:8080/files/readme
//
// The KMS keeps its keys in DIR/kms, with the key that opens them beside it, which protects nothing from whoever reads DIR;
// with a client of package kmsclient in its place, the keys are in the cloud. Users are not authenticated either.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/format"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

func main() {
	dir, err := os.MkdirTemp("", "http")
	if len(os.Args) > 1 {
		dir, err = os.Args[1], os.Remove(dir)
	}
	check(err)
	check(os.MkdirAll(filepath.Join(dir, "files"), 0o700))
	server, err := refkms.Open(filepath.Join(dir, "kms"), refkms.RootKeyFile(filepath.Join(dir, "kms.key")), nil)
	check(err)
	kms, alias := server.Client(nil), "alias/files"
	if _, err = kms.DescribeKey(context.Background(), &kmsapi.DescribeKeyRequest{KeyID: alias}); errors.Is(err, kmsapi.ErrKeyNotFound) {
		cmk, err := kms.CreateKey(context.Background(), nil)
		check(err)
		check(kms.CreateAlias(context.Background(), alias, cmk.KeyID))
	}
	provider, err := keyring.NewKMS(kms, alias, nil)
	check(err)
	cache, err := keyring.NewCaching(provider, &keyring.CachingOptions{MaxAge: time.Minute}) // one call for a hundred ranges
	check(err)
	client, err := envelope.New(cache, nil)
	check(err)
	files, err := os.OpenRoot(filepath.Join(dir, "files"))
	check(err)
	log.Printf("serving http://localhost:8080/files/ from %s", dir)
	check((&http.Server{Addr: "localhost:8080", Handler: newHandler(client, files), ReadHeaderTimeout: 10 * time.Second}).ListenAndServe())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A handler stores and serves the files of a folder. The name of a file is bound to its message: one that is renamed on
// disk, or put in another's place, is not served.
type handler struct {
	client *envelope.Client
	files  *os.Root
}

// newHandler removes the uploads that others have left because they were killed: it must be the only one of the folder.
func newHandler(client *envelope.Client, files *os.Root) http.Handler {
	left, _ := fs.Glob(files.FS(), ".upload-*") // the pattern is one
	for _, name := range left {
		files.Remove(name) // what cannot be removed is in nobody's way
	}
	h, mux := &handler{client, files}, http.NewServeMux()
	mux.Handle("PUT /files/{name}", answer(h.put))
	mux.Handle("GET /files/{name}", answer(h.get))
	return mux
}

// put encrypts the body as it arrives. The file appears when all of it is there and on disk.
func (h *handler) put(w http.ResponseWriter, r *http.Request, name string) error {
	temporary := ".upload-" + rand.Text()
	f, err := h.files.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer h.files.Remove(temporary) // there no more if all went well
	defer f.Close()
	message, err := h.client.NewWriter(r.Context(), f, envelope.Context{"file": name})
	if err != nil {
		return err
	}
	if _, err := io.Copy(message, http.MaxBytesReader(w, r.Body, 16<<30)); err != nil { // at most 16 GiB
		return err
	}
	if err := errors.Join(message.Close(), f.Sync(), f.Close()); err != nil {
		return err
	}
	return h.files.Rename(temporary, name)
}

// get serves a file or ranges of it. What is not authentic is not sent: if it is found on the way, the connection breaks
// before the announced length.
func (h *handler) get(w http.ResponseWriter, r *http.Request, name string) error {
	f, err := h.files.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	header, err := format.ReadHeader(f)
	stat, err2 := f.Stat()
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	message, err := h.client.NewReaderAt(r.Context(), f, stat.Size(), envelope.Context{"file": name})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream") // whatever was uploaded is no page of this site
	w.Header().Set("ETag", `"`+hex.EncodeToString(header.Tag[:])+`"`)
	http.ServeContent(w, r, "", stat.ModTime(), io.NewSectionReader(message, 0, message.Size()))
	return nil
}

// answer makes an http.Handler of a method that has written nothing when it returns an error.
func answer(f func(w http.ResponseWriter, r *http.Request, name string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, name, tooLarge := http.StatusInternalServerError, r.PathValue("name"), new(*http.MaxBytesError)
		err := os.ErrNotExist // hidden files are none
		if !strings.HasPrefix(name, ".") {
			err = f(w, r, name)
		}
		switch {
		case err == nil:
			return
		case errors.Is(err, os.ErrNotExist):
			status = http.StatusNotFound
		case errors.As(err, tooLarge):
			status = http.StatusRequestEntityTooLarge
		}
		log.Printf("%s %q: %v", r.Method, name, err)
		http.Error(w, http.StatusText(status), status)
	}
}
