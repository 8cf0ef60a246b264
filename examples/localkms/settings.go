package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// settings are what the command line says.
type settings struct {
	listen                       string
	tlsCert, tlsKey              string
	allowPlainHTTP               bool
	regions                      []string
	account                      string
	accessKeyID, accessKeySecret string
	store, keyFile, passphrase   string // the last one names a variable of the environment
	config                       string
	quotas                       bool
	audit                        string
	log                          string
	control                      optionalAddress // "" for none
	controlToken                 string
	grace                        time.Duration // no flag
}

// A usageError is a command line that makes no sense.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func misused(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// helpText is asked for by -h.
type helpText struct{ text string }

func (*helpText) Error() string { return flag.ErrHelp.Error() }

// anyPort is a free port of this machine.
const anyPort = "127.0.0.1:0"

// An optionalAddress is the value of a flag that may be given without one.
type optionalAddress string

// String returns the address.
func (a *optionalAddress) String() string { return string(*a) }

// IsBoolFlag has package flag take the flag without a value as true.
func (*optionalAddress) IsBoolFlag() bool { return true }

// Set sets the address, a free port of this machine for none.
func (a *optionalAddress) Set(value string) error {
	switch value {
	case "true":
		*a = anyPort
	case "false":
		*a = ""
	default:
		*a = optionalAddress(value)
	}
	return nil
}

// parse reads a command line. Its errors are a *usageError or a *helpText.
func parse(args []string) (*settings, error) {
	s := &settings{grace: grace}
	var output strings.Builder
	f := flag.NewFlagSet("localkms", flag.ContinueOnError)
	f.SetOutput(&output)
	f.StringVar(&s.listen, "listen", anyPort, "`ADDR` where KMS answers")
	f.StringVar(&s.tlsCert, "tls-cert", "", "`FILE` with the certificate chain in PEM, to serve https")
	f.StringVar(&s.tlsKey, "tls-key", "", "`FILE` with its private key in PEM")
	f.BoolVar(&s.allowPlainHTTP, "insecure-allow-plain-http", false, "take requests without TLS from other machines, which shows data keys to the network")
	f.Func("region", "`REGION` of calls that name none; may be repeated, for all that the service has (default cn-hangzhou)", func(region string) error {
		if region == "" {
			return errors.New("a region has a name")
		}
		s.regions = append(s.regions, region)
		return nil
	})
	f.StringVar(&s.account, "account", "", "`ID` of the account whose access key is printed (default 1234567890123456)")
	f.StringVar(&s.accessKeyID, "access-key-id", "", "`ID` of that access key (default random)")
	f.StringVar(&s.accessKeySecret, "access-key-secret", "", "`SECRET` of that access key (default random)")
	f.StringVar(&s.store, "store", "", "`FILE` that keeps everything; made if there is none (default in memory)")
	f.StringVar(&s.keyFile, "key-file", "", "`FILE` with the key that opens the store; made with it")
	f.StringVar(&s.passphrase, "passphrase-env", "", "`NAME` of the environment variable with the passphrase that opens the store")
	f.StringVar(&s.config, "config", "", "`FILE` with accounts, users, access keys, policies, roles and regions in JSON")
	f.BoolVar(&s.quotas, "quotas", false, "have the service's limits on what may be made and on calls per second")
	f.StringVar(&s.audit, "audit", "", "`FILE` that a record of each call is appended to, as a line of JSON")
	f.StringVar(&s.log, "log", "text", "`FORMAT` of the log on standard error, text or json")
	f.Var(&s.control, "control", "serve the control face for tests too; -control=`ADDR` says where")
	f.StringVar(&s.controlToken, "control-token", "", "`TOKEN` of the control face (default random)")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, &helpText{output.String()}
	} else if err != nil {
		return nil, &usageError{err}
	}
	if f.NArg() > 0 {
		return nil, misused("argument %q: there are only flags, with values as in -control=ADDR", f.Arg(0))
	}
	return s, s.check()
}

// check refuses what makes no sense together.
func (s *settings) check() error {
	for _, a := range []struct{ name, address string }{{"listen", s.listen}, {"control", string(s.control)}} {
		if _, _, err := net.SplitHostPort(a.address); err != nil && a.address != "" {
			return misused("-%s: %w", a.name, err)
		}
	}
	switch {
	case s.listen == "":
		return misused("-listen: an address is host:port, as in %s", anyPort)
	case (s.tlsCert == "") != (s.tlsKey == ""):
		return misused("-tls-cert and -tls-key go together")
	case s.allowPlainHTTP && s.tlsCert != "":
		return misused("-insecure-allow-plain-http and -tls-cert exclude each other")
	case s.store == "" && s.keyFile != "":
		return misused("-key-file without -store")
	case s.store == "" && s.passphrase != "":
		return misused("-passphrase-env without -store")
	case s.store != "" && s.keyFile == "" && s.passphrase == "":
		return misused("-store needs -key-file or -passphrase-env: what it keeps is encrypted")
	case s.keyFile != "" && s.passphrase != "":
		return misused("-key-file and -passphrase-env exclude each other")
	case s.passphrase != "" && os.Getenv(s.passphrase) == "":
		return misused("-passphrase-env %s: there is no such variable, or nothing in it", s.passphrase)
	case (s.accessKeyID == "") != (s.accessKeySecret == ""):
		return misused("-access-key-id and -access-key-secret go together")
	case s.log != "text" && s.log != "json":
		return misused("-log %q: want text or json", s.log)
	case s.controlToken != "" && s.control == "":
		return misused("-control-token without -control")
	}
	return s.checkFiles()
}

// checkFiles refuses a file that is written to under one name and has another use, too: the log of an audit would destroy a
// key, for good.
func (s *settings) checkFiles() error {
	files := []struct {
		name, path string
		written    bool
	}{
		{"store", s.store, true}, {"key-file", s.keyFile, true}, {"audit", s.audit, true},
		{"config", s.config, false}, {"tls-cert", s.tlsCert, false}, {"tls-key", s.tlsKey, false},
	}
	for i, a := range files {
		for _, b := range files[:i] {
			if b.written && a.path != "" && b.path != "" && oneFile(a.path, b.path) {
				return misused("-%s and -%s are one file", a.name, b.name)
			}
		}
	}
	return nil
}

// oneFile reports whether both paths name one file, or will when it is there. Terminals and the like may have many uses.
func oneFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return infoA.Mode().IsRegular() && os.SameFile(infoA, infoB)
	}
	absA, errA := filepath.Abs(a)
	absB, errB := filepath.Abs(b)
	return errA == nil && errB == nil && absA == absB
}
