// Localkms serves the reference KMS on a port of this machine, for SDKs and tools of any language that can be told another
// endpoint than the cloud's. It is for tests, for development and for work offline, and guards no keys: whoever can read
// the memory of its process has them all.
//
//	go run ./examples/localkms                    in memory, on a free port of 127.0.0.1
//	localkms -listen 127.0.0.1:8080 -access-key-id testid -access-key-secret testsecret
//	localkms -store kms.db -key-file kms.key      what was encrypted yesterday opens today
//	localkms -config accounts.json -region cn-beijing -audit calls.jsonl -control
//
// Once it listens it prints endpoint, access key, and commands that are ready to be pasted: for the vendor's CLI, and for
// SDKs. It stops at an interrupt or SIGTERM: new requests are refused, those in flight have 15 seconds to finish, and a
// second signal ends it at once. Its exit status is 0 then, 1 after a failure, 2 for a command line that makes no sense.
//
// # Flags
//
//	-listen ADDR               where KMS answers; default 127.0.0.1:0, a free port of this machine alone
//	-tls-cert FILE             certificate chain, PEM: https in place of http
//	-tls-key FILE              its private key
//	-insecure-allow-plain-http take requests without TLS from other machines; whoever sees them sees data keys
//	-region REGION             where calls go that name no region; default cn-hangzhou. Given again, a further one:
//	                           together they are the regions that the service has, in place of those of -config
//	-account ID                the account whose access key is printed; default 1234567890123456
//	-access-key-id ID          that access key; default a random one. Other users of the machine see a command line:
//	-access-key-secret SECRET  give no secret that is of use anywhere else
//	-store FILE                everything is kept in this file, which is made if there is none; default in memory
//	-key-file FILE             32 bytes that open the store; made with it. Keep them where the store is not
//	-passphrase-env NAME       the environment variable that has a passphrase, which opens the store in place of a key
//	-config FILE               accounts, users, access keys, policies, roles and regions, in JSON; see below
//	-quotas                    the service's limits on what may be made and on calls per second; default none
//	-audit FILE                records of all calls are appended, one line of JSON each; see below
//	-log text|json             how requests are logged on standard error; default text
//	-control[=ADDR]            serve the control face too, on a port of this machine alone; see below
//	-control-token TOKEN       its token; default a random one, which is printed
//
// # Health
//
// GET /healthz answers 200 and ok, without a signature. The service itself answers at the path / alone.
//
// # Store
//
// With -store keys, secrets, users and all else are there again at the next start. A call that changes something is answered
// once that is on disk. Key material, secret values and the secrets of access keys are sealed in the file, which is made for
// its owner alone (mode 0600) and refused if others may read it; so is the key's. One process has the file at a time, and
// a second one is told so at once. The access key that is printed is the one of the first start, unless another is given.
// A clock that was moved by the control face stays ahead. A lost key or passphrase cannot be replaced. See refkms.Open, and
// Server.Backup for copies.
//
// # Configuration
//
// The document of -config is that of refkms.Config: what it names is made at the start, and with -store made so again at each;
// what it does not name stays. It refuses unknown names, and names that are there twice.
//
//	{
//	  "regions": ["cn-hangzhou", "cn-beijing"],
//	  "accounts": [{
//	    "id": "1234567890123456",
//	    "policies": [{"name": "use", "document": {"Version": "1", "Statement": [
//	      {"Effect": "Allow", "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*"}]}}],
//	    "users": [{"name": "alice", "policies": ["use"], "accessKeys": [{"id": "LTAIalice", "secret": "..."}]}]
//	  }]
//	}
//
// # Audit
//
// Each line of -audit is a record as ActionTrail words it: who called what, in which region, and how it ended. It holds no
// plaintext, data key, secret value or signature. The file is made for its owner alone (mode 0600), and one that others
// may read is refused. A record is written before its caller has the answer, and reaches the disk when the system writes
// it out: a crash of the machine may lose the last. If it cannot be written (the disk is full) that is logged, and calls go on.
//
// # Control
//
// With -control tests in other languages move the clock, make users and policies, set faults, read the trail, and go back to
// snapshots: see package control, or GET / there. Whoever has the token may do everything.
//
// # SDKs
//
// All of them take an endpoint without the name of a region; calls then go to the region that the SDK sends along. An
// HTTP proxy in the environment is asked for loopback addresses too by some SDKs, the Go one among them: set NO_PROXY.
// Requests are dated by the client's clock and refused if it is 15 minutes off the machine's, whatever Advance did.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// grace is how long requests in flight have to finish.
const grace = 15 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from then on a signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run carries out a command line until ctx is done, and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args)
	if help := new(helpText); errors.As(err, &help) {
		fmt.Fprint(stdout, help.text)
		return 0
	}
	if err == nil {
		err = serve(ctx, s, stdout, stderr)
	}
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "localkms: %v\n", err)
	if usage := new(usageError); errors.As(err, &usage) {
		fmt.Fprintln(stderr, "run localkms -h for its flags")
		return 2
	}
	return 1
}
