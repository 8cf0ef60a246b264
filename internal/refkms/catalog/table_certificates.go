package catalog

import (
	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/keys"
)

func certificatesTable(k *keys.Service) []*call.Operation {
	ops := []*call.Operation{
		call.Define("CreateCertificate", k.CreateCertificate, call.Row[keys.NoRequest]{
			On: call.Nothing, Writes: true, Event: call.Write}),
	}
	for name, row := range map[string]call.Row[keys.CertificateRequest]{
		"UploadCertificate":            {Writes: true, Event: call.Write},
		"UpdateCertificateStatus":      {Writes: true, Event: call.Write},
		"DeleteCertificate":            {Writes: true, Event: call.Write},
		"GetCertificate":               {Event: call.Read},
		"DescribeCertificate":          {Event: call.Read},
		"CertificatePrivateKeySign":    {Event: call.Read, Rate: pairRate},
		"CertificatePublicKeyVerify":   {Event: call.Read, Rate: pairRate},
		"CertificatePublicKeyEncrypt":  {Event: call.Read, Rate: pairRate},
		"CertificatePrivateKeyDecrypt": {Event: call.Read, Rate: pairRate},
	} {
		row.On = call.Nothing
		ops = append(ops, call.Define(name, k.CertificateNotFound, row))
	}
	return ops
}
