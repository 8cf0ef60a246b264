package material_test

import (
	"slices"
	"testing"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

var (
	allPairSpecs  = []material.PairSpec{material.RSA2048, material.RSA3072, material.RSA4096, material.ECP256, material.ECP256K, material.ECSM2}
	allUses       = []material.Use{material.EncryptDecrypt, material.SignVerify, material.Import, material.Export}
	allAlgorithms = []material.Algorithm{material.RSAPSSSHA256, material.RSAPKCS1SHA256, material.ECDSASHA256, material.SM2DSA,
		material.OAEPSHA256, material.OAEPSHA1, material.PKCS1v15, material.SM2PKE}
)

// The service's table, by its names: what stands here is valid and nothing else is.
var serviceTable = []struct {
	spec       string
	use        material.Use
	algorithms []string
}{
	{"RSA_2048", material.EncryptDecrypt, []string{"RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1"}},
	{"RSA_3072", material.EncryptDecrypt, []string{"RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1"}},
	{"RSA_4096", material.EncryptDecrypt, []string{"RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1"}},
	{"EC_P256", material.EncryptDecrypt, nil},
	{"EC_P256K", material.EncryptDecrypt, nil},
	{"EC_SM2", material.EncryptDecrypt, []string{"SM2PKE"}},
	{"RSA_2048", material.SignVerify, []string{"RSA_PSS_SHA_256", "RSA_PKCS1_SHA_256"}},
	{"RSA_3072", material.SignVerify, []string{"RSA_PSS_SHA_256", "RSA_PKCS1_SHA_256"}},
	{"RSA_4096", material.SignVerify, []string{"RSA_PSS_SHA_256", "RSA_PKCS1_SHA_256"}},
	{"EC_P256", material.SignVerify, []string{"ECDSA_SHA_256"}},
	{"EC_P256K", material.SignVerify, []string{"ECDSA_SHA_256"}},
	{"EC_SM2", material.SignVerify, []string{"SM2DSA"}},
	{"RSA_2048", material.Import, []string{"RSAES_PKCS1_V1_5", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"}},
	{"EC_SM2", material.Import, []string{"SM2PKE"}},
	{"RSA_2048", material.Export, []string{"RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1"}},
	{"EC_SM2", material.Export, []string{"SM2PKE"}},
}

func TestTableIsTheServices(t *testing.T) {
	for _, spec := range allPairSpecs {
		for _, use := range allUses {
			var want []string
			for _, row := range serviceTable {
				if row.spec == spec.String() && row.use == use {
					want = row.algorithms
				}
			}
			var got []string
			for _, a := range spec.Algorithms(use) {
				got = append(got, a.String())
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v.Algorithms(%v) = %v, want %v", spec, use, got, want)
			}
			if spec.Allows(use) != (len(want) > 0) {
				t.Errorf("%v.Allows(%v) = %v", spec, use, spec.Allows(use))
			}
			for _, a := range allAlgorithms {
				got, ok := spec.Algorithm(use, a.String())
				if valid := slices.Contains(want, a.String()); ok != valid || valid && got != a {
					t.Errorf("%v.Algorithm(%v, %q) = %v, %v, want valid %v", spec, use, a, got, ok, valid)
				}
			}
		}
	}
}

func TestTableCannotBeChanged(t *testing.T) {
	material.RSA2048.Algorithms(material.Export)[0] = material.PKCS1v15
	if _, ok := material.RSA2048.Algorithm(material.Export, "RSAES_PKCS1_V1_5"); ok {
		t.Error("writing to the slice of Algorithms changed the table")
	}
	if _, ok := material.RSA3072.Algorithm(material.EncryptDecrypt, "RSAES_OAEP_SHA_256"); !ok {
		t.Error("writing to the slice of Algorithms changed another row")
	}
}

func TestNames(t *testing.T) {
	for _, s := range allPairSpecs {
		if got, ok := material.ParsePairSpec(s.String()); !ok || got != s {
			t.Errorf("ParsePairSpec(%q) = %v, %v", s.String(), got, ok)
		}
	}
	for _, name := range []string{"", "rsa_2048", "RSA_1024", "RSA_2048 ", "EC_P384", "Aliyun_AES_256", "Aliyun_SM4"} {
		if got, ok := material.ParsePairSpec(name); ok || got != 0 {
			t.Errorf("ParsePairSpec(%q) = %v, %v, want none", name, got, ok)
		}
	}
	for name, want := range map[string]material.Use{"ENCRYPT/DECRYPT": material.EncryptDecrypt, "SIGN/VERIFY": material.SignVerify} {
		if got, ok := material.ParseUsage(name); !ok || got != want {
			t.Errorf("ParseUsage(%q) = %v, %v, want %v", name, got, ok, want)
		}
	}
	for _, name := range []string{"", "import", "export", "encrypt/decrypt", "ENCRYPT", "SIGN/VERIFY "} {
		if got, ok := material.ParseUsage(name); ok || got != 0 {
			t.Errorf("ParseUsage(%q) = %v, %v, want none", name, got, ok)
		}
	}
	for _, name := range []string{"", "rsa_pss_sha_256", "RSA_PSS_SHA_384", "RSAES_PKCS1_V1_5"} {
		if got, ok := material.RSA2048.Algorithm(material.SignVerify, name); ok || got != 0 {
			t.Errorf("Algorithm(%q) = %v, %v, want none", name, got, ok)
		}
	}
	for got, want := range map[string]string{
		material.PairSpec(0).String(): "PairSpec(0x00)", material.PairSpec(200).String(): "PairSpec(0xc8)",
		material.Use(0).String(): "Use(0x00)", material.Use(5).String(): "Use(0x05)",
		material.Algorithm(0).String(): "Algorithm(0x00)", material.Algorithm(9).String(): "Algorithm(0x09)",
		material.Import.String(): "import", material.Export.String(): "export",
	} {
		if got != want {
			t.Errorf("String = %q, want %q", got, want)
		}
	}
}

func TestValuesThatNameNothing(t *testing.T) {
	for _, s := range []material.PairSpec{0, 7, 255} {
		for _, u := range allUses {
			if s.Allows(u) || len(s.Algorithms(u)) > 0 {
				t.Errorf("%v has use %v", s, u)
			}
		}
		for _, a := range allAlgorithms {
			if s.MaxPlaintext(a) != 0 || s.CiphertextSize(a, 1) != 0 {
				t.Errorf("%v has sizes under %v", s, a)
			}
		}
	}
	for _, u := range []material.Use{0, 5, 255} {
		if material.RSA2048.Allows(u) || material.RSA2048.Algorithms(u) != nil {
			t.Errorf("RSA_2048 has use %v", u)
		}
		if _, ok := material.RSA2048.Algorithm(u, "RSAES_OAEP_SHA_256"); ok {
			t.Errorf("RSA_2048 has an algorithm for use %v", u)
		}
	}
}

func TestDefaultUsage(t *testing.T) {
	for _, s := range allPairSpecs {
		want := material.EncryptDecrypt
		if s == material.ECP256 || s == material.ECP256K {
			want = material.SignVerify
		}
		if got := s.DefaultUsage(); got != want {
			t.Errorf("%v.DefaultUsage() = %v, want %v", s, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	sizes := map[material.PairSpec]map[material.Algorithm][2]int{ // longest plaintext, and its ciphertext
		material.RSA2048: {material.OAEPSHA256: {190, 256}, material.OAEPSHA1: {214, 256}, material.PKCS1v15: {245, 256}},
		material.RSA3072: {material.OAEPSHA256: {318, 384}, material.OAEPSHA1: {342, 384}},
		material.RSA4096: {material.OAEPSHA256: {446, 512}, material.OAEPSHA1: {470, 512}},
		material.ECSM2:   {material.SM2PKE: {6047, 6144}},
	}
	for _, s := range allPairSpecs {
		for _, a := range allAlgorithms {
			want := sizes[s][a]
			if got := s.MaxPlaintext(a); got != want[0] {
				t.Errorf("%v.MaxPlaintext(%v) = %d, want %d", s, a, got, want[0])
			}
			if got := s.CiphertextSize(a, want[0]); got != want[1] {
				t.Errorf("%v.CiphertextSize(%v, %d) = %d, want %d", s, a, want[0], got, want[1])
			}
			for _, n := range []int{-1, 0, want[0] + 1} {
				if got := s.CiphertextSize(a, n); got != 0 {
					t.Errorf("%v.CiphertextSize(%v, %d) = %d, want 0", s, a, n, got)
				}
			}
		}
	}
	if got := material.ECSM2.CiphertextSize(material.SM2PKE, 19); got != 116 {
		t.Errorf("EC_SM2.CiphertextSize(SM2PKE, 19) = %d, want 116", got)
	}
}

func TestServes(t *testing.T) {
	for _, use := range allUses {
		for _, name := range []string{"RSA_PSS_SHA_256", "RSA_PKCS1_SHA_256", "ECDSA_SHA_256", "SM2DSA", "RSAES_OAEP_SHA_256",
			"RSAES_OAEP_SHA_1", "RSAES_PKCS1_V1_5", "SM2PKE", "sm2pke", "RSA_PSS_SHA_512", ""} {
			want := slices.ContainsFunc(serviceTable, func(row struct {
				spec       string
				use        material.Use
				algorithms []string
			}) bool {
				return row.use == use && slices.Contains(row.algorithms, name)
			})
			if got := use.Serves(name); got != want {
				t.Errorf("%v.Serves(%q) = %v", use, name, got)
			}
		}
	}
}
