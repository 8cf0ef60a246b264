package keys

import (
	"context"
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

// A spec is a kind of key: symmetric, with a cipher, or a pair.
type spec struct {
	cipher   material.Cipher
	pair     material.PairSpec
	mainland bool // of the state's own algorithms: HSM in certified regions only
}

const aes256 = "Aliyun_AES_256" // nearly every key

var aes256Spec = &spec{cipher: material.AES256GCM}

// specOf returns the spec of a key.
func specOf(k *state.Key) *spec {
	if k.Spec == aes256 {
		return aes256Spec
	}
	return specs[k.Spec]
}

// specs holds every KeySpec.
var specs = func() map[string]*spec {
	m := map[string]*spec{
		aes256:       aes256Spec,
		"Aliyun_SM4": {cipher: material.SM4GCM, mainland: true},
	}
	for p := material.RSA2048; p <= material.ECSM2; p++ {
		m[p.String()] = &spec{pair: p, mainland: p == material.ECSM2}
	}
	return m
}()

func (s *spec) symmetric() bool { return s.cipher != 0 }

// defaultUsage returns the usage of a key that was made without one.
func (s *spec) defaultUsage() string {
	if s.symmetric() {
		return EncryptDecrypt
	}
	return s.pair.DefaultUsage().String()
}

// allows reports whether a key of the spec may have a usage.
func (s *spec) allows(usage string) bool {
	if s.symmetric() {
		return usage == EncryptDecrypt
	}
	use, ok := material.ParseUsage(usage)
	return ok && s.pair.Allows(use)
}

// newMaterial returns the material of a new version. For a pair of RSA it may take seconds, until ctx is done.
func (s *Service) newMaterial(ctx context.Context, sp *spec) (state.Material, error) {
	if sp.symmetric() {
		return random(sp.cipher), nil
	}
	pair, err := s.spares.Take(ctx, sp.pair)
	if err != nil {
		return state.Material{}, err
	}
	private, err := pair.Marshal()
	if err != nil {
		return state.Material{}, err // unreachable: the pair was made by the same package
	}
	return state.NewMaterial(private), nil
}

func random(c material.Cipher) state.Material {
	b := make([]byte, c.KeySize())
	rand.Read(b)
	return state.NewMaterial(b)
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
