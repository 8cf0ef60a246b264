"""Encrypts and decrypts objects with the OSS SDK for Python, without OSS: one request of JSON on standard input.

    oss2_sdk.py ENDPOINT ACCESS_KEY_ID ACCESS_KEY_SECRET

ENDPOINT is the URL of a KMS. A request has "op" (encrypt, decrypt), "provider" (rsa, local-rsa, kms), "key" (PEM of a
private key, or a key id), "passphrase", "description", "body" (base64) and, to decrypt, "metadata". The answer has "body"
and "metadata".
"""
import base64
import json
import os
import sys
import tempfile

import oss2
from aliyunsdkcore.profile import region_provider
from Crypto.PublicKey import RSA
from oss2 import crypto, models
from oss2.http import CaseInsensitiveDict


def make_provider(r, access_key_id, access_key_secret):
    if r["provider"] == "kms":
        return crypto.AliKMSProvider(access_key_id, access_key_secret, "cn-hangzhou", r["key"],
                                     passphrase=r.get("passphrase") or None, mat_desc=r.get("description"))
    public = RSA.importKey(r["key"]).publickey().exportKey()
    if r["provider"] == "rsa":
        return crypto.RsaProvider({"private_key": r["key"], "public_key": public}, mat_desc=r.get("description"))
    folder = tempfile.mkdtemp()
    for name, pem in ((".private_key.pem", r["key"].encode()), (".public_key.pem", public)):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(pem)
    return crypto.LocalRsaProvider(dir=folder)


def answer(provider, r):
    body = base64.b64decode(r["body"])
    if r["op"] == "encrypt":
        material = provider.create_content_material()
        metadata = material.to_object_meta({"content-length": str(len(body))})
        return {"metadata": dict(metadata), "body": base64.b64encode(material.cipher.encrypt(body)).decode()}
    material = models.ContentCryptoMaterial(provider.cipher, provider.wrap_alg)
    material.from_object_meta(CaseInsensitiveDict(r["metadata"]))
    if material.mat_desc != (r.get("description") or None):
        raise ValueError("description is %r" % material.mat_desc)
    key = provider.decrypt_encrypted_key(material.encrypted_key)
    if material.deprecated and material.wrap_alg == "KMS/ALICLOUD":
        iv = provider.decrypt_encrypted_iv(material.encrypted_iv, True)
    else:
        iv = provider.decrypt_encrypted_iv(material.encrypted_iv)
    material.cipher.initialize(key, iv)
    return {"body": base64.b64encode(material.cipher.decrypt(body)).decode()}


if __name__ == "__main__":
    region_provider.modify_point("Kms", "cn-hangzhou", sys.argv[1])
    request = json.load(sys.stdin)
    print(json.dumps(answer(make_provider(request, *sys.argv[2:]), request)))
