import com.aliyun.encryptionsdk.AliyunConfig;
import com.aliyun.encryptionsdk.AliyunCrypto;
import com.aliyun.encryptionsdk.model.CipherHeader;
import com.aliyun.encryptionsdk.model.CryptoAlgorithm;
import com.aliyun.encryptionsdk.provider.BaseDataKeyProvider;
import com.aliyun.encryptionsdk.provider.dataKey.DefaultDataKeyProvider;
import com.aliyun.encryptionsdk.provider.dataKey.SecretManagerDataKeyProvider;
import com.aliyuncs.profile.DefaultProfile;
import com.google.gson.Gson;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * Encrypts and decrypts with the vendor's encryption SDK for Java, one request of JSON for each line of input, as sdk.py
 * does. ENDPOINT is host and port, spoken to over TLS. "stream" makes it use the methods for streams.
 */
public class Sdk {
    static class Request {
        String op, data, header;
        int algorithm;
        boolean stream;
        List<String> keys;
        Map<String, String> context;
    }

    /** The provider of the SDK for secrets, with the secret at hand. */
    static class StoredHeader extends SecretManagerDataKeyProvider {
        private final String header;

        StoredHeader(String keyId, CryptoAlgorithm algorithm, String header) {
            super(keyId, algorithm, "name");
            this.header = header;
        }

        @Override
        protected CipherHeader getCipherHeader(String name) {
            return handler.deserializeCipherHeader(Base64.getDecoder().decode(header));
        }
    }

    static byte[] answer(AliyunCrypto crypto, Request r) {
        CryptoAlgorithm algorithm = CryptoAlgorithm.getAlgorithm(r.algorithm);
        BaseDataKeyProvider provider = r.header == null
            ? new DefaultDataKeyProvider(r.keys.get(0), algorithm)
            : new StoredHeader(r.keys.get(0), algorithm, r.header);
        if (r.keys.size() > 1) {
            provider.setMultiCmkId(r.keys.subList(1, r.keys.size()));
        }
        byte[] data = Base64.getDecoder().decode(r.data);
        Map<String, String> context = r.context == null ? Collections.<String, String>emptyMap() : r.context;
        boolean encrypt = r.op.equals("encrypt");
        if (!r.stream) {
            return encrypt ? crypto.encrypt(provider, data, context).getResult() : crypto.decrypt(provider, data).getResult();
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        if (encrypt) {
            crypto.encrypt(provider, new ByteArrayInputStream(data), out, context);
        } else {
            crypto.decrypt(provider, new ByteArrayInputStream(data), out);
        }
        return out.toByteArray();
    }

    public static void main(String[] args) throws Exception {
        PrintStream out = System.out;
        System.setOut(System.err); // the SDK is not to write between the answers
        for (String region : new String[] {"cn-hangzhou", "cn-beijing"}) {
            DefaultProfile.addEndpoint(region, "Kms", args[0]);
        }
        AliyunConfig config = new AliyunConfig();
        config.withAccessKey(args[1], args[2]);
        AliyunCrypto crypto = new AliyunCrypto(config);
        Gson gson = new Gson();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line; (line = in.readLine()) != null;) {
            Map<String, String> reply;
            try {
                byte[] result = answer(crypto, gson.fromJson(line, Request.class));
                reply = Collections.singletonMap("data", Base64.getEncoder().encodeToString(result));
            } catch (Throwable e) { // whatever it is, it is the answer
                reply = Collections.singletonMap("error", e.toString());
            }
            out.println(gson.toJson(reply));
            out.flush();
        }
    }
}
