"""Encrypts and decrypts with the vendor's encryption SDK for Python, one request of JSON for each line of input.

    sdk.py ENDPOINT ACCESS_KEY_ID ACCESS_KEY_SECRET

ENDPOINT is a URL that answers for every region. A request has "op" (encrypt, decrypt), "algorithm" (a number), "keys"
(ARNs, the first one generates), "context", "data" (base64) and, for messages whose header is kept elsewhere, "header".
An answer has "data", or "error".
"""
import base64
import json
import sys

from aliyunsdkcore.profile import region_provider

from aliyun_encryption_sdk.client import AliyunCrypto
from aliyun_encryption_sdk.handle.format import Asn1FormatHandler
from aliyun_encryption_sdk.kms import AliyunConfig
from aliyun_encryption_sdk.model import Algorithm
from aliyun_encryption_sdk.provider.default import DefaultDataKeyProvider
from aliyun_encryption_sdk.provider.secret_manager import SecretManagerDataKeyProvider


class StoredHeader(SecretManagerDataKeyProvider):
    """The provider of the SDK for secrets, with the secret at hand."""

    header = None

    def get_cipher_header(self):
        return Asn1FormatHandler().deserialize_cipher_header(base64.b64decode(self.header))


def answer(crypto, request):
    algorithm = next(a for a in Algorithm if a.algorithm_id == request["algorithm"])
    keys = request["keys"]
    if request.get("header"):
        provider = StoredHeader(keys[0], "name", algorithm=algorithm)
        provider.header = request["header"]
    else:
        provider = DefaultDataKeyProvider(keys[0], algorithm=algorithm)
    if keys[1:]:
        provider.add_multi_cmk_id(keys[1:])
    data = base64.b64decode(request["data"])
    if request["op"] == "encrypt":
        result, _ = crypto.encrypt(provider, data, request["context"])
    else:
        result, _ = crypto.decrypt(provider, data)
    return {"data": base64.b64encode(result).decode()}


if __name__ == "__main__":
    endpoint, access_key_id, access_key_secret = sys.argv[1:]
    for region in ("cn-hangzhou", "cn-beijing"):
        region_provider.modify_point("Kms", region, endpoint)
    client = AliyunCrypto(AliyunConfig(access_key_id, access_key_secret))
    for line in sys.stdin:
        try:
            reply = answer(client, json.loads(line))
        except Exception as e:  # whatever it is, it is the answer
            reply = {"error": "%s: %s" % (type(e).__name__, e)}
        print(json.dumps(reply), flush=True)
