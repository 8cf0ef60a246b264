# The newer SDK of Python: signature versions 3 and 4, SHA-256 and SM3, and 2, which is 1.
import sys
from alibabacloud_kms20160120 import models
from alibabacloud_kms20160120.client import Client
from alibabacloud_tea_openapi.models import Config

address, access_key_id, access_key_secret = sys.argv[1], sys.argv[3], sys.argv[4]
TEXT = "a b+c/d=*~e (it's!) 张三"

for settings in {}, {"signature_algorithm": "ACS3-HMAC-SM3"}, {"signature_version": "v4"}, {"signature_algorithm": "v2"}:
    client = Client(Config(access_key_id=access_key_id, access_key_secret=access_key_secret, endpoint=address, protocol="http", region_id="cn-hangzhou", **settings))
    key = client.create_key(models.CreateKeyRequest(description=TEXT)).body.key_metadata
    assert key.description == TEXT, settings
    context = {"Owner": "张三"}
    sealed = client.encrypt(models.EncryptRequest(key_id=key.key_id, plaintext=TEXT, encryption_context=context)).body
    opened = client.decrypt(models.DecryptRequest(ciphertext_blob=sealed.ciphertext_blob, encryption_context=context)).body
    assert opened.plaintext == TEXT, settings
    client.update_key_description(models.UpdateKeyDescriptionRequest(key_id=key.key_id, description=""))
    assert client.describe_key(models.DescribeKeyRequest(key_id=key.key_id)).body.key_metadata.description == "", settings
    try:
        client.describe_key(models.DescribeKeyRequest(key_id="x"))
    except Exception as e:
        assert e.code == "Forbidden.KeyNotFound", e
    else:
        raise AssertionError("DescribeKey is not refused")
