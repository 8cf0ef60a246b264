package material_test

import (
	"bytes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/material"
)

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fromBase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// derSignature is the DER of SEQUENCE{INTEGER r, INTEGER s}, whatever r and s are.
func derSignature(t testing.TB, r, s *big.Int) []byte {
	t.Helper()
	b, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func bigFromHex(t testing.TB, s string) *big.Int {
	t.Helper()
	return new(big.Int).SetBytes(fromHex(t, s))
}

// GB/T 32905-2016, Appendix A.1.
func TestKnownAnswerSM3(t *testing.T) {
	got := sm3.Sum([]byte("abc"))
	if want := fromHex(t, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"); !bytes.Equal(got[:], want) {
		t.Errorf("SM3(abc) = %x, want %x", got, want)
	}
}

// GB/T 32907-2016, Appendix A.1, and RFC 8998, Appendix A.1.
func TestKnownAnswerSM4(t *testing.T) {
	key := fromHex(t, "0123456789abcdeffedcba9876543210")
	block, err := sm4.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 16)
	block.Encrypt(got, key)
	if want := fromHex(t, "681edf34d206965e86b3e94f536e4246"); !bytes.Equal(got, want) {
		t.Errorf("SM4 block = %x, want %x", got, want)
	}

	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := fromHex(t, "00001234567800000000abcd")
	ad := fromHex(t, "feedfacedeadbeeffeedfacedeadbeefabaddad2")
	plaintext := fromHex(t, "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"+
		"eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa")
	want := fromHex(t, "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"+
		"d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"+
		"83de3541e4c2b58177e065a9bf7b62ec")
	if got := aead.Seal(nil, nonce, plaintext, ad); !bytes.Equal(got, want) {
		t.Errorf("SM4-GCM = %x, want %x", got, want)
	}
}

// The sample key of GB/T 32918.2-2016, Appendix A.
const (
	sm2Private = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
	sm2X       = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
	sm2Y       = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
	sm2SPKI    = "MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAECfnfMR5UIaFQ3X0WHkvFxnIXn60YM/wHa7CP81bzUCDM6kkM4md1pS3G6nGMwapgCu0F+/NeCEpmMvYHLamtEw=="
	sm2E       = "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"
)

func TestKnownAnswerSM2Key(t *testing.T) {
	k, err := material.ParsePair(material.ECSM2, fromHex(t, sm2Private))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := k.Public().DER(), fromBase64(t, sm2SPKI); !bytes.Equal(got, want) {
		t.Errorf("DER = %x, want %x", got, want)
	}
	if !bytes.HasSuffix(k.Public().DER(), fromHex(t, "04"+sm2X+sm2Y)) {
		t.Errorf("DER does not end in the point")
	}
}

func TestKnownAnswerSM2Curve(t *testing.T) {
	p := sm2.P256().Params()
	for _, c := range []struct {
		name string
		got  *big.Int
		want string
	}{
		{"p", p.P, "fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff"},
		{"a", new(big.Int).Sub(p.P, big.NewInt(3)), "fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc"},
		{"b", p.B, "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93"},
		{"n", p.N, "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123"},
		{"Gx", p.Gx, "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"},
		{"Gy", p.Gy, "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"},
	} {
		if want := bigFromHex(t, c.want); c.got.Cmp(want) != 0 {
			t.Errorf("%s = %x, want %x", c.name, c.got, want)
		}
	}
}

// The caller's part of SM2DSA: Z_A and e, and then the signature of e that the standard's sample key made.
func TestKnownAnswerSM2Signature(t *testing.T) {
	id := []byte("1234567812345678")
	h := sm3.New()
	h.Write([]byte{0, 0x80})
	h.Write(id)
	for _, c := range []string{
		"fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc", "28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93",
		"32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7", "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0",
		sm2X, sm2Y,
	} {
		h.Write(fromHex(t, c))
	}
	za := h.Sum(nil)
	if want := fromHex(t, "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3"); !bytes.Equal(za, want) {
		t.Fatalf("Z_A = %x, want %x", za, want)
	}
	e := sm3.Sum(append(za, "message digest"...))
	if want := fromHex(t, sm2E); !bytes.Equal(e[:], want) {
		t.Fatalf("e = %x, want %x", e, want)
	}
	if got := base64.StdEncoding.EncodeToString(e[:]); got != "8LQ+lLpFrMqs5pLtU0OC6xfmq1oZznsx9Ehv38DShkA=" {
		t.Errorf("Digest = %s", got)
	}
	public, err := material.ParsePublicKey(material.ECSM2, fromBase64(t, sm2SPKI))
	if err != nil {
		t.Fatal(err)
	}
	sig := fromBase64(t, "MEYCIQD1oDsGSNLEYw7qxRPhu4GhWUTaOCfVt0FDrH6s7ucgswIhALG2qinfIS/YdjGCvA1CHKG7kDj9H39C1IQLacSFu8Gq")
	if ok, err := public.Verify(material.SM2DSA, e[:], sig); !ok || err != nil {
		t.Errorf("Verify = %v, %v", ok, err)
	}
	if ok, err := public.Verify(material.SM2DSA, za, sig); ok || err != nil {
		t.Errorf("Verify of another digest = %v, %v", ok, err)
	}
}

func TestKnownAnswerSM2Ciphertext(t *testing.T) {
	k, err := material.ParsePair(material.ECSM2, fromHex(t, sm2Private))
	if err != nil {
		t.Fatal(err)
	}
	ct := fromBase64(t, "BATr/HGOjReYYgQyJo53/rZBXi7eDgc8D09kDs0uFJpz6Fj52B5UMKV7Ntqrj5UKPGTm7mpjCU2ZKDr/dn4STfBZmDwY+AniYpI8U67CldMDg7VOOdYJ0WCvyxkI0L2HZiGIbKmJypx9WAhzB8qTCS1lHvo=")
	got, err := k.Decrypt(material.SM2PKE, ct)
	if err != nil || string(got) != "encryption standard" {
		t.Errorf("Decrypt = %q, %v", got, err)
	}
	// C1 || C2 || C3, the order of the standard before 2012, is another ciphertext.
	old := append(append(bytes.Clone(ct[:65]), ct[97:]...), ct[65:97]...)
	if got, err := k.Decrypt(material.SM2PKE, old); got != nil || err != material.ErrCiphertext {
		t.Errorf("Decrypt of C1 C2 C3 = %q, %v, want ErrCiphertext", got, err)
	}
}

// SEC 2, Section 2.4.1: the base point is the public key of 1, and its negative that of n-1.
func TestKnownAnswerSecp256k1Points(t *testing.T) {
	const gx = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
	gy := bigFromHex(t, "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")
	p := bigFromHex(t, "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f")
	for _, tc := range []struct {
		d *big.Int
		y *big.Int
	}{
		{big.NewInt(1), gy},
		{new(big.Int).Sub(order(material.ECP256K), big.NewInt(1)), new(big.Int).Sub(p, gy)},
	} {
		k, err := material.ParsePair(material.ECP256K, tc.d.FillBytes(make([]byte, 32)))
		if err != nil {
			t.Fatal(err)
		}
		want := append(fromHex(t, "3056301006072a8648ce3d020106052b8104000a03420004"+gx), tc.y.FillBytes(make([]byte, 32))...)
		if got := k.Public().DER(); !bytes.Equal(got, want) {
			t.Errorf("DER of the public key of %x = %x, want %x", tc.d, got, want)
		}
	}
}

// RFC 6979, Appendix A.2.5 (P-256, SHA-256), and the sample of secp256k1 that wallets share, whose nonce is RFC 6979's too.
func TestKnownAnswerECDSA(t *testing.T) {
	for _, tc := range []struct {
		name, d, message, r, s string
		spec                   material.PairSpec
		exact                  bool
	}{
		{
			name: "P-256 sample", spec: material.ECP256, message: "sample",
			d: "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
			r: "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
			s: "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
		},
		{
			name: "P-256 test", spec: material.ECP256, message: "test",
			d: "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
			r: "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
			s: "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
		},
		{
			name: "secp256k1", spec: material.ECP256K, message: "Satoshi Nakamoto", exact: true,
			d: "0000000000000000000000000000000000000000000000000000000000000001",
			r: "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8",
			s: "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k, err := material.ParsePair(tc.spec, fromHex(t, tc.d))
			if err != nil {
				t.Fatal(err)
			}
			digest := sha256.Sum256([]byte(tc.message))
			sig := derSignature(t, bigFromHex(t, tc.r), bigFromHex(t, tc.s))
			if ok, err := k.Public().Verify(material.ECDSASHA256, digest[:], sig); !ok || err != nil {
				t.Errorf("Verify = %v, %v", ok, err)
			}
			if !tc.exact {
				return
			}
			if got, err := k.Sign(material.ECDSASHA256, digest[:]); err != nil || !bytes.Equal(got, sig) {
				t.Errorf("Sign = %x, %v, want %x", got, err, sig)
			}
		})
	}
}
