# The classic SDK of Python: signature version 1.
import importlib, json, sys
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.profile import region_provider

address, access_key_id, access_key_secret = sys.argv[1], sys.argv[3], sys.argv[4]
region_provider.modify_point("Kms", "cn-beijing", "http://" + address)
TEXT = "-----BEGIN X-----\na b+c/d=*~e (it's!) 张三\n-----END X-----\n"


def call(action, secret=access_key_secret, method="POST", **params):
    module = importlib.import_module("aliyunsdkkms.request.v20160120.%sRequest" % action)
    request = getattr(module, action + "Request")()
    request.set_accept_format("JSON")
    request.set_method(method)
    for name, value in params.items():
        getattr(request, "set_" + name)(value)
    return json.loads(AcsClient(access_key_id, secret, "cn-beijing").do_action_with_exception(request))


def refused(code, status, action, **params):
    try:
        call(action, **params)
    except ServerException as e:
        assert (e.get_error_code(), e.get_http_status()) == (code, status), e
    else:
        raise AssertionError("%s is not refused" % action)


for method in "GET", "POST":
    key = call("CreateKey", method=method, Description=TEXT)["KeyMetadata"]
    assert key["Description"] == TEXT and ":cn-beijing:" in key["Arn"], key
    alias = "alias/python/" + method
    call("CreateAlias", method=method, AliasName=alias, KeyId=key["KeyId"])
    sealed = call("Encrypt", method=method, KeyId=alias, Plaintext=TEXT, EncryptionContext=json.dumps({"a": "张三", "b": "<&>"}))
    opened = call("Decrypt", method=method, CiphertextBlob=sealed["CiphertextBlob"] + "\n", EncryptionContext='{"b":"<&>","a":"张三"}')
    assert opened["Plaintext"] == TEXT
    data_key = call("GenerateDataKey", method=method, KeyId=alias, KeySpec="AES_128")
    assert call("Decrypt", method=method, CiphertextBlob=data_key["CiphertextBlob"])["Plaintext"] == data_key["Plaintext"]
    assert call("ListKeys", method=method, PageSize=3)["PageSize"] == 3
    refused("Forbidden.KeyNotFound", 404, "DescribeKey", method=method, KeyId="x")
    refused("InvalidAccessKeySecret", 400, "ListKeys", method=method, secret="wrong")  # the SDK's own conclusion
