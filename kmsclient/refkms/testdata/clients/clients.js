// The SDKs of Node: pop-core by query and form, kms20160120, openapi-client by query and form, and the old kms-sdk, which
// signs in a way of its own and knows https only.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // the test server's certificate is nobody's
process.on('warning', () => {});
const assert = require('assert');
const [address, tlsAddress, accessKeyId, accessKeySecret] = process.argv.slice(2);
const sdk = (name) => require(process.env.KMSTEST_NODE_MODULES + '/@alicloud/' + name);
const text = "a b+c/d=*~e (it's!) 张三";

// exercise makes calls by call(action, params), which returns the answer or throws an error with a code.
async function exercise(call) {
  const key = (await call('CreateKey', { Description: text })).KeyMetadata;
  assert.strictEqual(key.Description, text);
  const sealed = await call('Encrypt', { KeyId: key.KeyId, Plaintext: text, EncryptionContext: '{"a":"张三"}' });
  const opened = await call('Decrypt', { CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: '{ "a": "张三" }' });
  assert.strictEqual(opened.Plaintext, text);
  await call('UpdateKeyDescription', { KeyId: key.KeyId, Description: '' });
  await assert.rejects(call('DescribeKey', { KeyId: 'x' }), { code: 'Forbidden.KeyNotFound' });
}

function pop(method) {
  const { RPCClient } = sdk('pop-core');
  const client = new RPCClient({ accessKeyId, accessKeySecret, endpoint: 'http://' + address, apiVersion: '2016-01-20' });
  return (action, params) => client.request(action, params, { method });
}

function openapi(place) {
  const { default: Client, Config, OpenApiRequest, Params } = sdk('openapi-client');
  const { RuntimeOptions } = sdk('tea-util');
  const client = new Client(new Config({ accessKeyId, accessKeySecret, endpoint: address, protocol: 'HTTP', regionId: 'cn-hangzhou' }));
  return async (action, params) => (await client.callApi(new Params({
    action, version: '2016-01-20', protocol: 'HTTP', method: 'POST', authType: 'AK', style: 'RPC', pathname: '/', reqBodyType: 'formData', bodyType: 'json',
  }), new OpenApiRequest({ [place]: params }), new RuntimeOptions({}))).body;
}

async function kms20160120() {
  const { default: Client, ...models } = sdk('kms20160120');
  const { Config } = sdk('rpc-client');
  const client = new Client(new Config({ accessKeyId, accessKeySecret, endpoint: address, protocol: 'http', regionId: 'cn-hangzhou' }));
  const key = (await client.createKey(new models.CreateKeyRequest({ description: text }))).keyMetadata;
  const sealed = await client.encrypt(new models.EncryptRequest({ keyId: key.keyId, plaintext: text }));
  assert.strictEqual((await client.decrypt(new models.DecryptRequest({ ciphertextBlob: sealed.ciphertextBlob }))).plaintext, text);
  await assert.rejects(client.describeKey(new models.DescribeKeyRequest({ keyId: 'x' })), { code: 'Forbidden.KeyNotFoundError' });
}

async function kmsSDK() {
  const client = new (sdk('kms-sdk'))({ endpoint: tlsAddress, accessKeyId, accessKeySecret });
  const key = (await client.createKey('Aliyun_KMS', text)).KeyMetadata;
  const sealed = await client.encrypt(key.KeyId, text, '{"a":"it\'s"}');
  assert.strictEqual((await client.decrypt(sealed.CiphertextBlob, '{"a":"it\'s"}')).Plaintext, text);
  assert.strictEqual((await client.listAliases(1, 0)).PageSize, 0); // a number 0 is sent and not signed
  assert.strictEqual((await client.describeKey('x')).Code, 'Forbidden.KeyNotFound'); // a refusal is a result to it
}

(async () => {
  await exercise(pop('GET'));
  await exercise(pop('POST'));
  await exercise(openapi('query'));
  await exercise(openapi('body'));
  await kms20160120();
  await kmsSDK();
})().catch((e) => {
  console.error(e.stack || e);
  process.exit(1);
});
