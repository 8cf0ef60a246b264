package keys

import "github.com/xinfeng-kms/xinfeng/internal/refkms/call"

// The service's certificates are not part of this server: no account has one, and none can be made. The operations are
// in the table so that who calls them is told so, and not that there is no such operation.

// CertificateRequest is the request of every operation on a certificate, as far as it is looked at.
type CertificateRequest struct {
	CertificateID string `param:"CertificateId,required"`
}

// CertificateNotFound is the handler of every operation on a certificate.
func (s *Service) CertificateNotFound(*call.Call, *CertificateRequest) (*call.Answer, error) {
	return nil, call.ErrCertificateNotFound
}

// CreateCertificate is refused.
func (s *Service) CreateCertificate(*call.Call, *NoRequest) (*call.Answer, error) {
	return nil, call.ErrUnsupportedOperation
}
