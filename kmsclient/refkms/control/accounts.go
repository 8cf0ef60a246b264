package control

import "github.com/xinfeng-kms/xinfeng/kmsclient/refkms"

type accountStatus struct {
	inAccount
	Status refkms.AccountStatus `json:"status"`
}

type service struct {
	inAccount
	Region  string `json:"region"`
	Service string `json:"service"`
}

type key struct {
	KeyID string `json:"keyId"`
}

var configCalls = []call{apply()}

// apply returns the row of the one call with a large request.
func apply() call {
	c := define("Apply", "Makes who there is as a configuration says, all of it or none. Applied twice it changes nothing the "+
		"second time. It is the document that localkms takes by -config; see Config in the documentation of package refkms.",
		`{"accounts": [{"id": "42", "users": [{"name": "carol"}]}]}`,
		func(h *Handler, r *refkms.Config) (empty, error) { return empty{}, h.server.Apply(r) })
	c.limit = maxConfig
	return c
}

var accountCalls = []call{
	define("AccessKey", "Tells the access key of the server's own account. Both are empty if it was deleted.", "",
		func(h *Handler, _ *empty) (a accessKey, _ error) {
			a.ID, a.Secret = h.server.AccessKey()
			return a, nil
		}),
	define("SetStatus", "Has the service work for an account, or refuse it.", `{"account": "42", "status": "InDebt"}`,
		ram(func(r *refkms.RAM, q *accountStatus) error { return r.SetStatus(q.Status) })),
	define("ServiceKey", "Tells the key that a cloud service has in an account and region, and makes it if there is none.",
		`{"service": "OSS"}`, answering(func(r *refkms.RAM, q *service) (k key, err error) {
			k.KeyID, err = r.ServiceKey(q.Region, q.Service)
			return k, err
		})),
}

// inAccount is part of the requests that are about an account, by default the server's.
type inAccount struct {
	Account string `json:"account"`
}

func (a *inAccount) account() string { return a.Account }

// An accountRequest is a pointer to a request that is about an account.
type accountRequest[Request any] interface {
	*Request
	account() string
}

// maxAccount is the longest id of an account, in digits.
const maxAccount = 64

// answering has a method of RAM called, in the account of the request.
func answering[Request, Answer any, P accountRequest[Request]](method func(*refkms.RAM, P) (Answer, error)) func(*Handler, *Request) (Answer, error) {
	return func(h *Handler, r *Request) (answer Answer, err error) {
		account := P(r).account()
		if len(account) > maxAccount {
			return answer, invalid("account of %d bytes, want at most %d", len(account), maxAccount)
		}
		for _, r := range account {
			if r < '0' || r > '9' {
				return answer, invalid("account %q, want digits", account)
			}
		}
		return method(h.server.RAM(account), P(r)) // RAM would panic if account were not the name of one
	}
}

// ram is answering with nothing to say.
func ram[Request any, P accountRequest[Request]](method func(*refkms.RAM, P) error) func(*Handler, *Request) (empty, error) {
	return answering(func(r *refkms.RAM, request P) (empty, error) { return empty{}, method(r, request) })
}
