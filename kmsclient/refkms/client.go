package refkms

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/server"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
)

// A Client calls a [Server] of the same process: as an account itself, unless its options say otherwise. A refusal of
// the service is an *[Error]; a context that is done before a call has had an effect ends it, with an error that matches
// the context's. Requests are neither kept nor modified. It is safe for concurrent use.
type Client struct {
	server  *Server
	request server.Request // what all calls have in common
}

var _ kmsapi.API = (*Client)(nil)

// ClientOptions say in which world a [Client] calls, and as whom.
type ClientOptions struct {
	Region, Account string // default the server's

	// AccessKeyID has the client call as whoever has the access key, in that account: a user whose policies are asked, or,
	// with the SecurityToken that AssumeRole gave, a session of a role. It is looked up anew for each call, and refused as
	// the service does: unknown, disabled, expired. There is nothing to sign, and no secret is asked for. Default: the
	// account itself. Account must be empty.
	AccessKeyID, SecurityToken string
	// Service has the client call as a cloud service, by its code (OSS), in whose key in the account it may do everything
	// and nothing else; see [RAM.ServiceKey].
	Service string
	// SourceIP is the address that conditions of policies and the trail see. Default none, which no policy for addresses
	// grants anything.
	SourceIP netip.Addr
}

// Client returns a client of the server; nil options are the defaults. It panics if region or account is not the name
// of one, as in [Options], and if the options say two things of who calls. Worlds need not be made: one that nobody has
// called in is empty.
func (s *Server) Client(opts *ClientOptions) *Client {
	var o ClientOptions
	if opts != nil {
		o = *opts
	}
	if o.AccessKeyID != "" && (o.Account != "" || o.Service != "") || o.AccessKeyID == "" && o.SecurityToken != "" {
		panic("refkms: client options: an access key goes with no account and no service, a token with an access key")
	}
	scope, err := s.scope(o.Region, o.Account)
	if err != nil {
		panic(err.Error())
	}
	r := server.Request{
		Scope:     scope,
		Principal: call.Principal{Kind: call.Root, Account: scope.Account()},
		Origin:    call.Origin{Addr: o.SourceIP, Secure: true}, // nobody between the two sees the call
	}
	switch {
	case o.Service != "":
		r.Principal.Kind, r.Principal.Name = call.Service, o.Service
	case o.AccessKeyID != "":
		r.Prove = func(tx state.Tx, now time.Time) (call.Principal, error) {
			return s.corridor.Credential(tx, o.AccessKeyID).Prove(o.SecurityToken, now)
		}
	}
	return &Client{server: s, request: r}
}

// invoke makes a typed call. Of the answer only what it points at may be kept.
func invoke[A, Req any](ctx context.Context, c *Client, op *call.Operation, req *Req) (a A, err error) {
	f := op.Frame()
	*f.Request.(*Req) = *req
	answer, err := c.server.corridor.CallFrame(ctx, &c.request, f)
	if err != nil {
		err = wrap(op.Name, f.RequestID, err)
	} else {
		a = *answer.(*A)
	}
	f.Free()
	return a, err
}

// Do calls any operation the server has, by the name and with the parameters that the service gives them: all of them
// text, structures as JSON. The answer is stored in out as encoding/json stores the service's JSON answer, so out is a
// pointer to a map, to a struct with the service's field names, or to a json.RawMessage; nil discards it. An answer with
// a plaintext is put into out in the clear. params is not kept.
func (c *Client) Do(ctx context.Context, action string, params map[string]string, out any) error {
	r := c.request
	r.Action, r.RequestID, r.Texts = action, call.NewRequestID(), params
	answer, err := c.server.corridor.Call(ctx, &r)
	if err != nil {
		return wrap(action, r.RequestID, err)
	}
	if out == nil {
		return nil
	}
	doc, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("refkms: %s: %w", cut(action), err) // unreachable: answers are made of texts and numbers
	}
	if err := json.Unmarshal(doc, out); err != nil {
		// The error of Unmarshal quotes no value of the answer, which may be secret: it names types and offsets.
		return fmt.Errorf("refkms: %s: the answer does not fit a %T: %w", cut(action), out, err)
	}
	return nil
}

// GenerateDataKey makes a data key under a CMK, in the clear and wrapped: NumberOfBytes long, by default 32.
func (c *Client) GenerateDataKey(ctx context.Context, req *kmsapi.GenerateDataKeyRequest) (*kmsapi.GenerateDataKeyResponse, error) {
	a, err := invoke[keys.GenerateDataKeyResponse](ctx, c, c.server.generateDataKey, &keys.GenerateDataKeyRequest{
		KeyID: req.KeyID, NumberOfBytes: req.NumberOfBytes, EncryptionContext: req.EncryptionContext})
	if err != nil {
		return nil, err
	}
	return &kmsapi.GenerateDataKeyResponse{KeyID: a.KeyID, KeyVersionID: a.KeyVersionID,
		Plaintext: kmsapi.NewPlaintext(a.Plaintext), CiphertextBlob: a.CiphertextBlob, RequestID: a.RequestID}, nil
}

// Encrypt encrypts a text of 1 to 6144 bytes under a CMK.
func (c *Client) Encrypt(ctx context.Context, req *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	a, err := invoke[keys.EncryptResponse](ctx, c, c.server.table.Lookup("Encrypt"), &keys.EncryptRequest{
		KeyID: req.KeyID, Plaintext: req.Plaintext.Bytes(), EncryptionContext: req.EncryptionContext})
	if err != nil {
		return nil, err
	}
	return &kmsapi.EncryptResponse{KeyID: a.KeyID, KeyVersionID: a.KeyVersionID, CiphertextBlob: a.CiphertextBlob, RequestID: a.RequestID}, nil
}

// Decrypt opens a blob of Encrypt, GenerateDataKey or ReEncrypt.
func (c *Client) Decrypt(ctx context.Context, req *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	a, err := invoke[keys.DecryptResponse](ctx, c, c.server.decrypt, &keys.DecryptRequest{
		CiphertextBlob: material.Blob{Text: req.CiphertextBlob}, EncryptionContext: req.EncryptionContext})
	if err != nil {
		return nil, err
	}
	return &kmsapi.DecryptResponse{KeyID: a.KeyID, KeyVersionID: a.KeyVersionID, Plaintext: kmsapi.NewPlaintext(a.Plaintext), RequestID: a.RequestID}, nil
}

// ReEncrypt opens a blob and encrypts what is in it anew, without showing it. The key and version of its answer are
// those that opened the blob.
func (c *Client) ReEncrypt(ctx context.Context, req *kmsapi.ReEncryptRequest) (*kmsapi.ReEncryptResponse, error) {
	a, err := invoke[keys.ReEncryptResponse](ctx, c, c.server.table.Lookup("ReEncrypt"), &keys.ReEncryptRequest{
		CiphertextBlob: material.Blob{Text: req.CiphertextBlob}, SourceEncryptionContext: req.SourceEncryptionContext,
		DestinationKeyID: req.DestinationKeyID, DestinationEncryptionContext: req.DestinationEncryptionContext})
	if err != nil {
		return nil, err
	}
	return &kmsapi.ReEncryptResponse{KeyID: a.KeyID, KeyVersionID: a.KeyVersionID, CiphertextBlob: a.CiphertextBlob, RequestID: a.RequestID}, nil
}

// DescribeKey tells what the service says of a CMK. Do has all of it.
func (c *Client) DescribeKey(ctx context.Context, req *kmsapi.DescribeKeyRequest) (*kmsapi.DescribeKeyResponse, error) {
	a, err := invoke[keys.DescribeKeyResponse](ctx, c, c.server.table.Lookup("DescribeKey"), &keys.DescribeKeyRequest{KeyID: req.KeyID})
	if err != nil {
		return nil, err
	}
	m := &a.KeyMetadata
	return &kmsapi.DescribeKeyResponse{KeyID: m.KeyID, ARN: m.ARN, KeyState: m.KeyState, KeySpec: m.KeySpec,
		KeyUsage: m.KeyUsage, PrimaryKeyVersion: m.PrimaryKeyVersion, RequestID: a.RequestID}, nil
}
