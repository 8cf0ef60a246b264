package keys

import (
	"crypto/rand"
	"slices"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// The values of KeyUsage, Origin and ProtectionLevel.
const (
	EncryptDecrypt = "ENCRYPT/DECRYPT"
	SignVerify     = "SIGN/VERIFY"

	OriginKMS      = "Aliyun_KMS"
	OriginExternal = "EXTERNAL"

	Software = "SOFTWARE"
	HSM      = "HSM"
)

// A spec is a kind of key.
type spec struct {
	usages   []string        // the first is the default
	cipher   material.Cipher // of a symmetric key
	mainland bool            // of the state's own algorithms: HSM in certified regions only
	// generate makes new material, as the version keeps it. It may take long. Nil: keys of this spec cannot be made.
	generate func() state.Material
}

func (s *spec) symmetric() bool { return s.cipher != 0 }

// specs holds every KeySpec.
var specs = map[string]*spec{
	"Aliyun_AES_256": {usages: []string{EncryptDecrypt}, cipher: material.AES256GCM, generate: random(material.AES256GCM)},
	"Aliyun_SM4":     {usages: []string{EncryptDecrypt}, cipher: material.SM4GCM, generate: random(material.SM4GCM), mainland: true},
	"RSA_2048":       {usages: []string{EncryptDecrypt, SignVerify}},
	"RSA_3072":       {usages: []string{EncryptDecrypt, SignVerify}},
	"RSA_4096":       {usages: []string{EncryptDecrypt, SignVerify}},
	"EC_P256":        {usages: []string{SignVerify}},
	"EC_P256K":       {usages: []string{SignVerify}},
	"EC_SM2":         {usages: []string{EncryptDecrypt, SignVerify}, mainland: true},
}

func random(c material.Cipher) func() state.Material {
	return func() state.Material {
		b := make([]byte, c.KeySize())
		rand.Read(b)
		return state.NewMaterial(b)
	}
}

// The regions with managed HSMs: certified by the state, and those of FIPS 140-2 level 3, where SM2 and SM4 are not
// allowed.
var (
	mainlandRegions = []string{"cn-beijing", "cn-zhangjiakou", "cn-hangzhou", "cn-shanghai", "cn-shenzhen",
		"cn-north-2-gov-1", "cn-hangzhou-finance", "cn-shanghai-finance-1", "cn-shenzhen-finance-1"}
	fipsRegions = []string{"cn-hongkong", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-5", "us-east-1"}
)

func mainland(region string) bool { return slices.Contains(mainlandRegions, region) }

func managedHSM(region string) bool { return mainland(region) || slices.Contains(fipsRegions, region) }
