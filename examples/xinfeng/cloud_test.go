package main

import (
	"strings"
	"testing"

	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// Of the cloud a key is to be named: there is no default, and none is guessed.
func TestCloudNeedsKey(t *testing.T) {
	w := newWorld(t)
	w.write("a", "hello")
	w.ok("encrypt", "a")
	w.env["XINFENG_KEY"] = ""
	for _, args := range [][]string{{"encrypt", "-f", "a"}, {"decrypt", "-f", "a.xf"}, {"verify", "a.xf"}, {"rewrap", "a.xf"}} {
		w.fails(exitUsage, "want --key", args...)
	}
	w.fails(exitUsage, "want --region", "encrypt", "-f", "-k", "alias/work", "a")
	w.fails(exitUsage, "Try", "encrypt", "-f", "-k", "alias/work", "--region", "no region", "a")
	// By an alias, in a region.
	id := w.key[strings.LastIndex(w.key, "/")+1:]
	w.ok("keys", "alias", "work", w.key, "--region", "cn-hangzhou")
	w.ok("encrypt", "-f", "-k", "alias/work", "--region", "cn-hangzhou", "a")
	if i := w.inspects("a.xf"); i.Report.WrappedKeys[0].KeyID != id {
		t.Errorf("under %s, want %s", i.Report.WrappedKeys[0].KeyID, id)
	}
	w.env["XINFENG_REGION"] = "cn-hangzhou"
	w.ok("decrypt", "-f", "-k", "alias/work", "a.xf")
}

// Whatever keeps a caller from a key ends with one code, and what says so is the service.
func TestCloudRefuses(t *testing.T) {
	w := newWorld(t)
	w.write("a", "hello")
	w.ok("encrypt", "a")
	ram := w.cloud.RAM("")
	if err := ram.CreateUser("alice"); err != nil {
		t.Fatal(err)
	}
	id, secret, err := ram.CreateAccessKey("alice")
	if err != nil {
		t.Fatal(err)
	}
	root, rootSecret := w.cloud.AccessKey()
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", id)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret)
	w.fails(exitNoAccess, "Forbidden.NoPermission", "decrypt", "-f", "a.xf")
	w.fails(exitNoAccess, "Forbidden.NoPermission", "keys", "describe", w.key)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "another")
	w.fails(exitNoAccess, "SignatureDoesNotMatch", "decrypt", "-f", "a.xf")
	w.fails(exitNoAccess, "SignatureDoesNotMatch", "keys", "describe", w.key)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", root)
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", rootSecret)
	w.ok("keys", "schedule-deletion", "--yes", w.key)
	w.fails(exitNoAccess, "'xinfeng keys cancel-deletion'", "decrypt", "-f", "a.xf")
	w.fails(exitNoAccess, "Rejected.PendingDeletion", "keys", "rotate", w.key, "--every", "90d")
	w.ok("keys", "cancel-deletion", w.key)
	if err := ram.SetStatus(refkms.AccountInDebt); err != nil {
		t.Fatal(err)
	}
	w.fails(exitNoAccess, "Forbidden.InDebt", "decrypt", "-f", "a.xf")
	w.fails(exitNoAccess, "Forbidden.InDebt", "keys", "describe", w.key)
	if err := ram.SetStatus(refkms.AccountEnabled); err != nil {
		t.Fatal(err)
	}
	// A service that is busy is no lack of access.
	lift := w.cloud.Inject(refkms.Fault{Kind: refkms.FaultRefusal, Status: 400, Code: "Rejected.SomethingNew", Message: "m"})
	w.fails(exitFailed, "Rejected.SomethingNew", "decrypt", "-f", "a.xf")
	w.fails(exitFailed, "Rejected.SomethingNew", "keys", "describe", w.key)
	lift()
	w.ok("decrypt", "-f", "a.xf")
}
