package keys_test

import (
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
)

func TestNoCertificates(t *testing.T) {
	w := newWorld(t, keys.Options{})
	for _, op := range []string{"UploadCertificate", "UpdateCertificateStatus", "DeleteCertificate", "GetCertificate", "DescribeCertificate",
		"CertificatePrivateKeySign", "CertificatePublicKeyVerify", "CertificatePublicKeyEncrypt", "CertificatePrivateKeyDecrypt"} {
		w.refused(call.Missing("CertificateId"), op)
		w.refused(call.ErrCertificateNotFound, op, "CertificateId", "c")
		w.nobody().refused(call.ErrNoPermission, op, "CertificateId", "c")
	}
	w.refused(call.ErrUnsupportedOperation, "CreateCertificate")
	w.nobody().refused(call.ErrNoPermission, "CreateCertificate")
}
