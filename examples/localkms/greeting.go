package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// An endpoint is where a face answers.
type endpoint struct{ scheme, host string } // the host with its port

// String returns the endpoint as a URL.
func (e endpoint) String() string { return e.scheme + "://" + e.host }

// A greeting says what there is and how to use it, in words and commands.
type greeting struct {
	server   *refkms.Server
	settings *settings
	endpoint endpoint
	open     bool     // to other machines
	control  endpoint // the zero one for none
	token    string
}

// print writes the greeting, at once.
func (g *greeting) print(w io.Writer) error {
	var b bytes.Buffer
	id, secret := g.server.AccessKey()
	region := refkms.DefaultRegion
	if len(g.settings.regions) > 0 {
		region = g.settings.regions[0]
	}
	b.WriteString(`localkms: a reference of Alibaba Cloud KMS, for tests and development.
It guards no keys: they lie in the clear in the memory of this process. Give it nothing that has to stay secret.
`)
	if g.open {
		b.WriteString("WARNING: other machines can call it.")
		if g.endpoint.scheme == "http" {
			b.WriteString(" They do so without TLS: whoever sees the network sees data keys and plaintexts.")
		}
		b.WriteByte('\n')
	}
	fmt.Fprintln(&b)
	line := func(name, value string) { fmt.Fprintf(&b, "%-18s %s\n", name, value) }
	line("endpoint", g.endpoint.String())
	line("health", g.endpoint.String()+"/healthz")
	if g.settings.store != "" {
		line("store", g.settings.store)
	}
	line("region", region)
	line("account", cmp.Or(g.settings.account, refkms.DefaultAccount))
	line("access key id", id)
	line("access key secret", secret)
	if g.control.host != "" {
		line("control", g.control.String())
		if g.settings.controlToken != "" {
			line("control token", "as given")
		} else {
			line("control token", g.token)
		}
	}
	insecure := " --insecure"
	if g.endpoint.scheme == "https" {
		insecure = ""
	}
	fmt.Fprintf(&b, `
By the vendor's CLI:

  aliyun kms CreateKey --endpoint %[1]s%[2]s --region %[3]s --mode AK --access-key-id %[4]s --access-key-secret %[5]s
  aliyun kms ListKeys --endpoint %[1]s%[2]s --region %[3]s --mode AK --access-key-id %[4]s --access-key-secret %[5]s

By SDKs, with the access key from the environment or in their own words:

  export ALIBABA_CLOUD_ACCESS_KEY_ID=%[4]s ALIBABA_CLOUD_ACCESS_KEY_SECRET=%[5]s

  Go, package kmsclient  kmsclient.New(&kmsclient.Options{Region: "%[3]s", Endpoint: "%[6]s"})
  Go                     client.Domain = "%[1]s"; request.Scheme = "%[7]s"
  Python                 region_provider.modify_point("Kms", "%[3]s", "%[6]s")
  Java                   DefaultProfile.addEndpoint("%[3]s", "Kms", "%[1]s"); request.setSysProtocol(ProtocolType.%[8]s)
  Node                   new RPCClient({endpoint: "%[6]s", apiVersion: "2016-01-20", accessKeyId, accessKeySecret})

Interrupt it to stop.
`, g.endpoint.host, insecure, region, quote(id), quote(secret), g.endpoint, g.endpoint.scheme, strings.ToUpper(g.endpoint.scheme))
	_, err := w.Write(b.Bytes())
	return err
}

// quote returns a word as shells take it.
func quote(word string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/+=@:,%-"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
