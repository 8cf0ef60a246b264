// Convert turns a file in one of the vendor's formats into a message of package envelope.
//
//	go run ./examples/convert -from fourline   -key ARN [-context k=v]... SRC DST
//	go run ./examples/convert -from aliyunesdk -key ARN [-key ARN]... [-context k=v]... SRC DST
//	go run ./examples/convert -from osscse     -key ARN -metadata FILE [-context k=v]... SRC DST
//	go run ./examples/convert -from osscse     -rsa FILE -key ARN -metadata FILE [-context k=v]... SRC DST
//
// SRC is read and opened under the CMK of -key, and written to DST under the same CMK, or that of -to. Then DST is read
// and opened again and compared with SRC, byte for byte, before it gets its name. DST must not exist. SRC is left where it
// is: whoever removes it should do so after this program has said that both are equal, and has succeeded.
//
// -context is what the new message is bound to; for aliyunesdk it is the context of the old one as well. -metadata is the
// user metadata of an OSS object as a JSON object of strings; -description that of its master key. An object of osscse, and
// a message under an algorithm named by -insecure-allow, are not authentic: what comes out may have been changed by
// others, and being converted makes it look as if it had not.
//
// Credentials come from the environment, a profile or a role, as package kmsclient finds them. -endpoint is a KMS other than
// the public one of the key's region, such as a reference KMS on this machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"github.com/xinfeng-kms/xinfeng/envelope"
	"github.com/xinfeng-kms/xinfeng/envelope/aliyunesdk"
	"github.com/xinfeng-kms/xinfeng/examples/internal/foreign"
	"github.com/xinfeng-kms/xinfeng/keyring"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

func main() {
	log.SetFlags(0)
	j, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	} else if err != nil {
		log.Fatal("convert: ", err)
	}
	regions, err := kmsclient.NewRegions(&kmsclient.Options{Endpoint: j.endpoint})
	if err != nil {
		log.Fatal("convert: ", err)
	}
	j.connect = func(arn string) (kmsapi.API, error) { return regions.ForARN(arn) }
	if err := j.run(context.Background(), os.Stdout); err != nil {
		log.Fatal("convert: ", err)
	}
}

// A job is what the command line asks for.
type job struct {
	from, src, dst string
	keys           []string // ARNs; the first one writes unless to is set
	to             string
	context        map[string]string
	endpoint       string

	allow       []aliyunesdk.Algorithm
	metadata    string // file
	rsa         string // file
	description map[string]string

	connect func(arn string) (kmsapi.API, error)
}

// parse reads the command line.
func parse(args []string) (*job, error) {
	j := &job{context: map[string]string{}, description: map[string]string{}}
	flags := flag.NewFlagSet("convert", flag.ContinueOnError)
	flags.StringVar(&j.from, "from", "", "`format` of SRC: fourline, aliyunesdk or osscse")
	flags.StringVar(&j.to, "to", "", "`ARN` of the CMK to write under (default that of the first -key)")
	flags.StringVar(&j.endpoint, "endpoint", "", "`host` of KMS, with <region> in it where the region belongs")
	flags.StringVar(&j.metadata, "metadata", "", "`file` with the metadata of an OSS object")
	flags.StringVar(&j.rsa, "rsa", "", "`file` with the private RSA key of an OSS object, as PEM")
	flags.Func("key", "`ARN` of a CMK to read under, or of an alias of it; may be repeated", func(s string) error {
		j.keys = append(j.keys, s)
		return nil
	})
	flags.Func("context", "`k=v`, a pair of the context; may be repeated", pair(j.context))
	flags.Func("description", "`k=v`, a pair of the description of an OSS object's master key; may be repeated", pair(j.description))
	flags.Func("insecure-allow", "`name` of an algorithm without authentication to read, such as AES-256-CTR; may be repeated", func(s string) error {
		for a := aliyunesdk.AES128GCM; a.Known(); a++ {
			if a.String() == s {
				j.allow = append(j.allow, a)
				return nil
			}
		}
		return errors.New("no such algorithm")
	})
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() != 2 {
		return nil, errors.New("want SRC and DST")
	}
	j.src, j.dst = flags.Arg(0), flags.Arg(1)
	if len(j.keys) == 0 {
		return nil, errors.New("want a -key")
	}
	if j.to == "" {
		j.to = j.keys[0]
	}
	return j, nil
}

// pair adds a flag's k=v to m.
func pair(m map[string]string) func(string) error {
	return func(s string) error {
		k, v, ok := strings.Cut(s, "=")
		if !ok || k == "" {
			return errors.New("want k=v")
		}
		if _, ok := m[k]; ok {
			return errors.New("twice")
		}
		m[k] = v
		return nil
	}
}

// opener returns who opens SRC.
func (j *job) opener() *foreign.Opener {
	return &foreign.Opener{Format: j.from, Keys: j.keys, Connect: j.connect, Context: j.context, Allow: j.allow, Metadata: j.metadata, RSA: j.rsa, Description: j.description}
}

// run converts, and tells on out what it has done.
func (j *job) run(ctx context.Context, out io.Writer) error {
	in, err := os.Open(j.src)
	if err != nil {
		return err
	}
	defer in.Close()
	old, err := j.opener().Open(ctx, in)
	if err != nil {
		return err
	}
	api, err := j.connect(j.to)
	if err != nil {
		return err
	}
	provider, err := keyring.NewKMS(api, j.to, nil)
	if err != nil {
		return err
	}
	client, err := envelope.New(provider, nil)
	if err != nil {
		return err
	}
	n, info, err := foreign.Convert(ctx, client, j.dst, old, j.context)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d bytes of %s\n%s: written under %s, opened and compared: equal\n", j.src, n, j.from, j.dst, info.KeyID)
	if !old.Authentic {
		fmt.Fprintf(out, "%s was not authentic: compare %s with another copy before you rely on it\n", j.src, j.dst)
	}
	fmt.Fprintf(out, "%s is left as it is\n", j.src)
	return nil
}
