package kmstest

import (
	"crypto/rand"
	"strings"
	"time"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/kms"
)

// requestChecks are those of requests, their signatures and answers: of what comes before an operation.
func requestChecks() []check {
	var checks []check

	for _, name := range []string{"Action", "Version", "AccessKeyId", "SignatureMethod", "SignatureVersion", "Signature"} {
		checks = append(checks, check{"Version 1: without " + name + " it is MissingParameter " + name, func(k *kit) {
			r := rawRequest{query: k.v1("ListKeys")}.signV1(k.target.AccessKeySecret)
			delete(r.query, name)
			k.rejects("MissingParameter "+name, r)
		}})
	}
	for _, t := range []struct{ rule, want, name, value string }{
		{"an unknown Action", "InvalidAction.NotFound", "Action", "ListNothing"},
		{"an Action in other letters", "InvalidAction.NotFound", "Action", "listKeys"},
		{"another Version", "InvalidVersion", "Version", "2016-01-21"},
		{"an unknown AccessKeyId", "InvalidAccessKeyId.NotFound", "AccessKeyId", "LTAIkmstestunknownkey"},
		{"another SignatureMethod", "InvalidSignatureMethod", "SignatureMethod", "HMAC-MD5"},
		{"another SignatureVersion", "InvalidParameter SignatureVersion", "SignatureVersion", "9.9"},
		{"an unknown SignatureType", "InvalidParameter SignatureType", "SignatureType", "NONE"},
		{"no Timestamp", "IllegalTimestamp", "Timestamp", ""},
		{"a Timestamp 16 minutes old", "IllegalTimestamp", "Timestamp", "-16m"},
		{"a Timestamp 16 minutes ahead", "IllegalTimestamp", "Timestamp", "16m"},
		{"a Timestamp that is none", "InvalidTimeStamp.Format", "Timestamp", "yesterday"},
		{"a Timestamp with an offset", "InvalidTimeStamp.Format", "Timestamp", "2026-01-02T03:04:05+08:00"},
		{"a token for a long-term key", "InvalidSecurityToken.MismatchWithAccessKey", "SecurityToken", "token"},
	} {
		checks = append(checks, check{"Version 1: " + t.rule + " is " + t.want, func(k *kit) {
			value := t.value
			if d, err := time.ParseDuration(value); err == nil {
				value = timestamp(d)
			}
			k.rejects(t.want, rawRequest{query: k.v1("ListKeys", t.name, value)}.signV1(k.target.AccessKeySecret))
		}})
	}

	for _, t := range []struct {
		rule    string
		request func(k *kit) rawRequest
	}{
		{"GET with its parameters in the query", func(k *kit) rawRequest { return rawRequest{method: "GET", query: k.v1("ListKeys")} }},
		{"POST with its parameters in the query", func(k *kit) rawRequest { return rawRequest{query: k.v1("ListKeys")} }},
		{"POST with all parameters in the form", func(k *kit) rawRequest { return rawRequest{form: k.v1("ListKeys")} }},
		{"POST with some parameters in the form", func(k *kit) rawRequest {
			return rawRequest{query: k.v1("ListKeys"), form: map[string]string{"PageSize": "3"}}
		}},
		{"Format in small letters", func(k *kit) rawRequest { return rawRequest{query: k.v1("ListKeys", "Format", "json")} }},
		{"no Format", func(k *kit) rawRequest { return rawRequest{query: k.v1("ListKeys", "Format", "")} }},
		{"an empty SignatureType", func(k *kit) rawRequest { return rawRequest{query: k.v1("ListKeys", "SignatureType", "")} }},
		{"no nonce", func(k *kit) rawRequest { return rawRequest{query: k.v1("ListKeys", "SignatureNonce", "")} }},
		{"a Timestamp 14 minutes old", func(k *kit) rawRequest {
			return rawRequest{query: k.v1("ListKeys", "Timestamp", timestamp(-14*time.Minute))}
		}},
		{"a Timestamp 14 minutes ahead", func(k *kit) rawRequest {
			return rawRequest{query: k.v1("ListKeys", "Timestamp", timestamp(14*time.Minute))}
		}},
		{"a Timestamp with milliseconds", func(k *kit) rawRequest {
			return rawRequest{query: k.v1("ListKeys", "Timestamp", strings.Replace(timestamp(0), "Z", ".678Z", 1))}
		}},
		{"unknown parameters, which are signed", func(k *kit) rawRequest { return rawRequest{query: k.v1("ListKeys", "x", "", "y z", "ä/+*~ &=")} }},
		{"a blank spelt +", func(k *kit) rawRequest {
			return rawRequest{query: k.v1("ListKeys", "x", "a b+c"), spell: func(q string) string { return strings.ReplaceAll(q, "%20", "+") }}
		}},
		{"escapes in small letters", func(k *kit) rawRequest {
			return rawRequest{query: k.v1("ListKeys", "x", "/+"), spell: func(q string) string { return strings.ReplaceAll(q, "%2F", "%2f") }}
		}},
		{"needless escapes", func(k *kit) rawRequest {
			return rawRequest{query: k.v1("ListKeys", "x", "~*"), spell: func(q string) string { return strings.NewReplacer("~", "%7E", "%2A", "*").Replace(q) }}
		}},
		{"header fields that name another Action", func(k *kit) rawRequest {
			return rawRequest{query: k.v1("ListKeys"), header: map[string]string{"x-acs-action": "CreateKey", "x-acs-version": "1"}}
		}},
		{"an Accept of anything", func(k *kit) rawRequest {
			return rawRequest{query: k.v1("ListKeys"), header: map[string]string{"Accept": "text/html"}}
		}},
	} {
		checks = append(checks, check{"Version 1: " + t.rule + " is accepted", func(k *kit) {
			k.accepts(t.request(k).signV1(k.target.AccessKeySecret))
		}})
	}

	for _, t := range []struct {
		rule   string
		change func(r *rawRequest)
	}{
		{"another method", func(r *rawRequest) { r.method = "GET" }},
		{"another value", func(r *rawRequest) { r.query["PageSize"] = "4" }},
		{"a value in other letters", func(r *rawRequest) { r.query["RegionId"] = strings.ToUpper(r.query["RegionId"]) }},
		{"a parameter more", func(r *rawRequest) { r.query["PageNumber"] = "2" }},
		{"an empty parameter more", func(r *rawRequest) { r.query["Filters"] = "" }},
		{"a parameter more in the form", func(r *rawRequest) { r.form = map[string]string{"PageNumber": "2"} }},
		{"a parameter fewer", func(r *rawRequest) { delete(r.query, "PageSize") }},
		{"a signature that is cut", func(r *rawRequest) { r.query["Signature"] = r.query["Signature"][:27] }},
		{"a signature that is none", func(r *rawRequest) { r.query["Signature"] = "none" }},
	} {
		checks = append(checks, check{"Version 1: " + t.rule + " than signed is SignatureDoesNotMatch", func(k *kit) {
			r := rawRequest{query: k.v1("ListKeys", "PageSize", "3")}.signV1(k.target.AccessKeySecret)
			t.change(&r)
			k.rejects("SignatureDoesNotMatch", r)
		}})
	}

	for _, t := range []struct {
		rule    string
		request func(k *kit) rawRequest
	}{
		{"POST with its parameters in the query", func(k *kit) rawRequest {
			return rawRequest{header: k.v3("ListKeys"), query: map[string]string{"PageSize": "3"}}
		}},
		{"GET", func(k *kit) rawRequest { return rawRequest{method: "GET", header: k.v3("ListKeys")} }},
		{"POST with its parameters in the form", func(k *kit) rawRequest {
			return rawRequest{header: k.v3("ListKeys"), form: map[string]string{"PageSize": "3"}}
		}},
		{"an empty parameter", func(k *kit) rawRequest {
			return rawRequest{header: k.v3("ListKeys"), query: map[string]string{"Filters": ""}}
		}},
		{"what escapes are for", func(k *kit) rawRequest {
			return rawRequest{header: k.v3("ListKeys"), query: map[string]string{"x": "a b+c/d=*~e&张三"}}
		}},
		{"header fields that nobody knows", func(k *kit) rawRequest { return rawRequest{header: k.v3("ListKeys", "x-acs-kmstest", " a b ")} }},
		{"parameters of version 1, which mean nothing", func(k *kit) rawRequest {
			return rawRequest{header: k.v3("ListKeys"), query: map[string]string{"Action": "CreateKey", "Version": "1"}}
		}},
	} {
		checks = append(checks, check{"Version 3: " + t.rule + " is accepted", func(k *kit) {
			k.accepts(t.request(k).signV3(k.target.endpoint(k.region), k.target.AccessKeyID, k.target.AccessKeySecret))
		}})
	}
	for _, t := range []struct{ rule, want, name, value string }{
		{"no action", "MissingParameter x-acs-action", "x-acs-action", ""},
		{"no version", "MissingParameter x-acs-version", "x-acs-version", ""},
		{"no nonce", "MissingParameter x-acs-signature-nonce", "x-acs-signature-nonce", ""},
		{"no date", "IllegalTimestamp", "x-acs-date", ""},
		{"an unknown action", "InvalidAction.NotFound", "x-acs-action", "ListNothing"},
		{"another version", "InvalidVersion", "x-acs-version", "2016-01-21"},
		{"a date 16 minutes old", "IllegalTimestamp", "x-acs-date", "-16m"},
		{"a date 16 minutes ahead", "IllegalTimestamp", "x-acs-date", "16m"},
		{"a date that is none", "InvalidTimeStamp.Format", "x-acs-date", "yesterday"},
		{"the hash of another body", "SignatureDoesNotMatch", "x-acs-content-sha256", strings.Repeat("0", 64)},
	} {
		checks = append(checks, check{"Version 3: " + t.rule + " is " + t.want, func(k *kit) {
			value := t.value
			if d, err := time.ParseDuration(value); err == nil {
				value = timestamp(d)
			}
			header := k.v3("ListKeys", t.name, value)
			if value == "" {
				delete(header, t.name)
			}
			k.rejects(t.want, rawRequest{header: header}.signV3(k.target.endpoint(k.region), k.target.AccessKeyID, k.target.AccessKeySecret))
		}})
	}
	for _, name := range []string{"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256", "x-acs-security-token"} {
		checks = append(checks, check{"Version 3: an unsigned " + name + " is IncompleteSignature", func(k *kit) {
			header := k.v3("ListKeys")
			if name == "x-acs-security-token" {
				header[name] = "token"
			}
			k.rejects("IncompleteSignature", rawRequest{header: header}.signV3(k.target.endpoint(k.region), k.target.AccessKeyID, k.target.AccessKeySecret, name))
		}})
	}
	for _, t := range []struct {
		rule, want string
		change     func(r *rawRequest)
	}{
		{"another action than signed", "SignatureDoesNotMatch", func(r *rawRequest) { r.header["x-acs-action"] = "ListAliases" }},
		{"another parameter than signed", "SignatureDoesNotMatch", func(r *rawRequest) { r.query["PageSize"] = "4" }},
		{"another method than signed", "SignatureDoesNotMatch", func(r *rawRequest) { r.method = "GET" }},
		{"a form that is not signed", "SignatureDoesNotMatch", func(r *rawRequest) {
			r.form = map[string]string{"PageSize": "4"}
			r.header["Content-Type"] = "text/plain"
		}},
		{"no signature", "IncompleteSignature", func(r *rawRequest) {
			r.header["Authorization"], _, _ = strings.Cut(r.header["Authorization"], ",Signature=")
		}},
		{"an algorithm that there is not", "InvalidSignatureMethod", func(r *rawRequest) {
			r.header["Authorization"] = strings.Replace(r.header["Authorization"], "SHA256", "MD5", 1)
		}},
		{"another key's id", "InvalidAccessKeyId.NotFound", func(r *rawRequest) {
			r.header["Authorization"] = strings.Replace(r.header["Authorization"], "Credential=", "Credential=kmstest", 1)
		}},
	} {
		checks = append(checks, check{"Version 3: " + t.rule + " is " + t.want, func(k *kit) {
			r := rawRequest{header: k.v3("ListKeys"), query: map[string]string{"PageSize": "3"}}.signV3(k.target.endpoint(k.region), k.target.AccessKeyID, k.target.AccessKeySecret)
			t.change(&r)
			if r.form != nil {
				delete(r.header, "content-type")
			}
			want := t.want
			if r.header["Content-Type"] != "" {
				want = "IncompleteSignature" // the content type is not signed
			}
			k.rejects(want, r)
		}})
	}

	return append(checks,
		check{"Version 1: a mismatch tells the string to sign, which the client can compare with its own", func(k *kit) {
			r := rawRequest{query: k.v1("Encrypt", "Plaintext", "a b+c/d=*~e", "EncryptionContext", `{"Owner":"张三"}`)}
			_, told, _ := strings.Cut(k.rejects("SignatureDoesNotMatch", r.signV1("wrong")).str("Message"), "server string to sign is:")
			k.equal("the string to sign", told, r.stringToSign())
		}},
		check{"Version 1: the SDK takes the mismatch for a wrong secret", func(k *kit) {
			wrong := *k.target
			wrong.AccessKeySecret = "wrong"
			client, err := newOfficialSDK(&wrong).client(k.region)
			if err != nil {
				k.Fatal(err)
			}
			request := kms.CreateListKeysRequest()
			request.Scheme = k.target.Scheme
			_, err = client.ListKeys(request)
			server, ok := err.(*sdkerrors.ServerError)
			if !ok || !strings.HasPrefix(server.Recommend(), "InvalidAccessKeySecret") {
				k.Errorf("ListKeys = %v", refusalOf(err))
			}
		}},
		check{"Version 3: a mismatch tells the string to sign and the canonical request", func(k *kit) {
			message := k.rejects("SignatureDoesNotMatch", rawRequest{header: k.v3("ListKeys")}.signV3(k.target.endpoint(k.region), k.target.AccessKeyID, "wrong")).str("Message")
			for _, part := range []string{"StringToSign is [ACS3-HMAC-SHA256\n", "CanonicalRequest is [POST\n/\n\nhost:"} {
				if !strings.Contains(message, part) {
					k.Errorf("the message has no %q", part)
				}
			}
		}},
		check{"Nonces: one that was used is SignatureNonceUsed, in another request too", func(k *kit) {
			nonce := rand.Text()
			k.accepts(rawRequest{query: k.v1("ListKeys", "SignatureNonce", nonce)}.signV1(k.target.AccessKeySecret))
			k.rejects("SignatureNonceUsed", rawRequest{query: k.v1("ListKeys", "SignatureNonce", nonce)}.signV1(k.target.AccessKeySecret))
			k.rejects("SignatureNonceUsed", rawRequest{query: k.v1("ListAliases", "SignatureNonce", nonce, "PageSize", "3")}.signV1(k.target.AccessKeySecret))
		}},
		check{"Nonces: of header signatures, one that was used is SignatureNonceUsed", func(k *kit) {
			r := rawRequest{header: k.v3("ListKeys")}.signV3(k.target.endpoint(k.region), k.target.AccessKeyID, k.target.AccessKeySecret)
			k.accepts(r)
			k.rejects("SignatureNonceUsed", r)
		}},
		check{"Nonces: a request with a wrong signature uses none", func(k *kit) {
			nonce := rand.Text()
			k.rejects("SignatureDoesNotMatch", rawRequest{query: k.v1("ListKeys", "SignatureNonce", nonce)}.signV1("wrong"))
			k.accepts(rawRequest{query: k.v1("ListKeys", "SignatureNonce", nonce)}.signV1(k.target.AccessKeySecret))
		}},
		check{"Nonces: a request that the operation refuses has used its own", func(k *kit) {
			r := rawRequest{query: k.v1("DescribeKey", "KeyId", absentKey)}.signV1(k.target.AccessKeySecret)
			k.rejects("Forbidden.KeyNotFound", r)
			k.rejects("SignatureNonceUsed", r)
		}},
		check{"Nonces: without one, a request may be repeated", func(k *kit) {
			query := k.v1("ListKeys")
			delete(query, "SignatureNonce")
			r := rawRequest{query: query}.signV1(k.target.AccessKeySecret)
			k.accepts(r)
			k.accepts(r)
		}},
		check{"Parameters: where query and form have one, the form's counts, in the signature too", func(k *kit) {
			r := rawRequest{query: k.v1("ListKeys", "PageSize", "7"), form: map[string]string{"PageSize": "3"}}
			k.equal("PageSize", k.number(k.accepts(r.signV1(k.target.AccessKeySecret)), "PageSize"), 3)
		}},
		check{"Parameters: of two in one place the first counts, in the signature too", func(k *kit) {
			r := rawRequest{query: k.v1("ListKeys", "PageSize", "7")}.signV1(k.target.AccessKeySecret)
			r.spell = func(q string) string { return q + "&PageSize=3" }
			k.equal("PageSize", k.number(k.accepts(r), "PageSize"), 7)
		}},
		check{"Parameters: an escape that is none is ParseRequestParameterException", func(k *kit) {
			for _, tail := range []string{"&x=%", "&x=%4", "&x=%zz", "&%=x"} {
				r := rawRequest{query: k.v1("ListKeys")}.signV1(k.target.AccessKeySecret)
				r.spell = func(q string) string { return q + tail }
				k.rejects("ParseRequestParameterException", r)
			}
		}},
		check{"Parameters: names in other letters are others", func(k *kit) {
			r := rawRequest{query: k.v1("ListKeys", "pagesize", "3")}.signV1(k.target.AccessKeySecret)
			k.equal("PageSize", k.number(k.accepts(r), "PageSize"), 10)
		}},
		check{"Requests: another path is InvalidAction.NotFound", func(k *kit) {
			r := rawRequest{path: "/kms", query: k.v1("ListKeys")}.signV1(k.target.AccessKeySecret)
			k.rejects("InvalidAction.NotFound", r)
		}},
		check{"Requests: other methods are UnsupportedHTTPMethod", func(k *kit) {
			for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS"} {
				k.rejects("UnsupportedHTTPMethod", rawRequest{method: method, query: k.v1("ListKeys")}.signV1(k.target.AccessKeySecret))
			}
		}},
		check{"Requests: the access key is looked for before the date is looked at, and that before the signature", func(k *kit) {
			k.rejects("InvalidAccessKeyId.NotFound", rawRequest{query: k.v1("ListKeys", "AccessKeyId", "LTAIkmstestunknownkey", "Timestamp", "x")}.signV1("wrong"))
			k.rejects("IllegalTimestamp", rawRequest{query: k.v1("ListKeys", "Timestamp", timestamp(-time.Hour))}.signV1("wrong"))
		}},
		check{"Requests: the signature is checked before the parameters of the operation", func(k *kit) {
			k.rejects("SignatureDoesNotMatch", rawRequest{query: k.v1("DescribeKey")}.signV1("wrong"))
			k.rejects("MissingParameter KeyId", rawRequest{query: k.v1("DescribeKey")}.signV1(k.target.AccessKeySecret))
		}},
		check{"Answers: a success is JSON with a request id, in the header too", func(k *kit) {
			a := k.send(rawRequest{query: k.v1("ListKeys")}.signV1(k.target.AccessKeySecret))
			k.isJSON(a)
			k.equal("x-acs-request-id", a.header.Get("x-acs-request-id"), k.json(a).str("RequestId"))
		}},
		check{"Answers: each has a request id of its own, a UUID", func(k *kit) {
			query := k.v1("ListKeys")
			delete(query, "SignatureNonce")
			r := rawRequest{query: query}.signV1(k.target.AccessKeySecret)
			first, second := k.accepts(r).str("RequestId"), k.accepts(r).str("RequestId")
			if first == second || !isUUID(strings.ToLower(first)) {
				k.Errorf("request ids %q, %q", first, second)
			}
		}},
		check{"Answers: a refusal is JSON whose members are strings, but for HttpStatus", func(k *kit) {
			a := k.send(rawRequest{query: k.v1("DescribeKey", "KeyId", absentKey)}.signV1(k.target.AccessKeySecret))
			k.isJSON(a)
			d := k.json(a)
			for _, name := range []string{"Code", "Message", "RequestId", "HostId"} {
				if d.str(name) == "" {
					k.Errorf("%s is %v", name, d[name])
				}
			}
			k.equal("HttpStatus", k.number(d, "HttpStatus"), 404)
			if r, has := d["Recommend"]; has {
				if _, ok := r.(string); !ok {
					k.Errorf("Recommend is %T", r)
				}
			}
		}},
		check{"Answers: a message of a mismatch has a colon, at which Python splits it", func(k *kit) {
			for _, r := range []rawRequest{
				rawRequest{query: k.v1("ListKeys")}.signV1("wrong"),
				rawRequest{header: k.v3("ListKeys")}.signV3(k.target.endpoint(k.region), k.target.AccessKeyID, "wrong"),
			} {
				if message := k.rejects("SignatureDoesNotMatch", r).str("Message"); !strings.Contains(message, ":") {
					k.Errorf("the message is %q", message)
				}
			}
		}},
		check{"Answers: with Format XML a success is XML under KMS", func(k *kit) {
			k.enabled()
			a := k.send(rawRequest{query: k.v1("DescribeKey", "Format", "XML", "KeyId", k.enabled())}.signV1(k.target.AccessKeySecret))
			root, texts := k.xml(a)
			k.equal("root", root, "KMS")
			k.equal("KeyMetadata.KeyId", texts["KeyMetadata.KeyId"], k.enabled())
			k.equal("KeyMetadata.KeyState", texts["KeyMetadata.KeyState"], "Enabled")
			k.equal("RequestId", texts["RequestId"], a.header.Get("x-acs-request-id"))
			if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "text/xml") && !strings.HasPrefix(got, "application/xml") {
				k.Errorf("the content type is %q", got)
			}
		}},
		check{"Answers: with Format xml a list is its element, repeated", func(k *kit) {
			k.fixture("Enabled")
			k.fixture("Disabled")
			a := k.send(rawRequest{query: k.v1("ListKeys", "Format", "xml", "PageSize", "2")}.signV1(k.target.AccessKeySecret))
			k.equal("elements Keys", strings.Count(string(a.body), "<Keys>"), 1)
			k.equal("elements Key", strings.Count(string(a.body), "<Key>"), 2)
		}},
		check{"Answers: with Format XML a refusal is XML, before and after the signature is checked", func(k *kit) {
			for want, r := range map[string]rawRequest{
				"InvalidAction.NotFound": rawRequest{query: k.v1("ListNothing", "Format", "XML")},
				"SignatureDoesNotMatch":  rawRequest{query: k.v1("ListKeys", "Format", "XML")}.signV1("wrong"),
				"Forbidden.KeyNotFound":  rawRequest{query: k.v1("DescribeKey", "Format", "XML", "KeyId", absentKey)}.signV1(k.target.AccessKeySecret),
			} {
				_, texts := k.xml(k.send(r))
				k.equal("Code", texts["Code"], want)
				if texts["RequestId"] == "" || texts["Message"] == "" {
					k.Errorf("%s: RequestId %q, Message %q", want, texts["RequestId"], texts["Message"])
				}
			}
		}},
		check{"Answers: with a Format that there is not they are JSON", func(k *kit) {
			k.isJSON(k.send(rawRequest{query: k.v1("ListKeys", "Format", "YAML")}.signV1(k.target.AccessKeySecret)))
		}},
		check{"Answers: the SDK reads XML as it reads JSON", func(k *kit) {
			client, err := newOfficialSDK(k.target).client(k.region)
			if err != nil {
				k.Fatal(err)
			}
			request := kms.CreateDescribeKeyRequest()
			request.Scheme, request.AcceptFormat, request.KeyId = k.target.Scheme, "XML", k.enabled()
			described, err := client.DescribeKey(request)
			if err != nil {
				k.Fatal(refusalOf(err))
			}
			k.equal("KeyId", described.KeyMetadata.KeyId, k.enabled())
		}},
		check{"Answers: text comes back as it was sent, in JSON and XML", func(k *kit) {
			const description = "<é> & \"张三\" 🔑"
			id := k.key("Description", description)
			k.equal("Description in JSON", k.metadata(id).str("Description"), description)
			_, texts := k.xml(k.send(rawRequest{query: k.v1("DescribeKey", "Format", "XML", "KeyId", id)}.signV1(k.target.AccessKeySecret)))
			k.equal("Description in XML", texts["KeyMetadata.Description"], description)
		}},
	)
}

// isJSON checks the content type, without which some clients fail.
func (k *kit) isJSON(a rawAnswer) {
	k.Helper()
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		k.Errorf("the content type is %q", got)
	}
}
