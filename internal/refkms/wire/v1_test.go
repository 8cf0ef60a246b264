package wire_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/wire"
)

// The service's own clock, five years ahead in these tests, has nothing to do with it.
func TestDates(t *testing.T) {
	for _, gateway := range []bool{false, true} {
		w := newWorldWith(t, wire.Config{GatewayExpiry: gateway})
		expired := call.ErrIllegalTimestamp
		if gateway {
			expired = call.ErrTimestampExpired
		}
		for _, tt := range []struct {
			name, date string
			want       *call.Error
		}{
			{"now", "2021-07-01T00:00:00Z", nil},
			{"a fraction", "2021-07-01T00:00:00.678Z", nil},
			{"as old as may be", "2021-06-30T23:45:00Z", nil},
			{"too old", "2021-06-30T23:44:59Z", expired},
			{"too old by a fraction", "2021-06-30T23:44:59.999Z", expired},
			{"as early as may be", "2021-07-01T00:15:00Z", nil},
			{"too early", "2021-07-01T00:15:01Z", expired},
			{"years off", "2026-07-01T00:00:00Z", expired},
			{"an offset", "2021-07-01T00:00:00+00:00", call.ErrTimestampFormat},
			{"no zone", "2021-07-01T00:00:00", call.ErrTimestampFormat},
			{"no such day", "2021-06-31T00:00:00Z", call.ErrTimestampFormat},
			{"seconds", "1625097600", call.ErrTimestampFormat},
		} {
			t.Run(tt.name, func(t *testing.T) {
				w.t = t
				v1 := message{query: with(w.common("ListKeys"), "Timestamp", tt.date)}.signV1(testSecret)
				header := with(w.headers("ListKeys"), "x-acs-date", tt.date)
				v3 := message{header: header}.signHeaders("ACS3-HMAC-SHA256", testID, testSecret)
				if tt.want == nil {
					w.ok(v1)
					w.ok(v3)
					return
				}
				w.refused(v1, tt.want)
				w.refused(v3, tt.want)
			})
		}
	}
}

func TestNonceOfVersion1(t *testing.T) {
	w := newWorld(t)
	with1 := w.common("ListKeys")
	w.ok(message{query: with1}.signV1(testSecret))
	w.refused(message{query: with1}.signV1(testSecret), call.ErrNonceUsed)
	w.refused(message{query: with(with1, "PageSize", "3")}.signV1(testSecret), call.ErrNonceUsed)

	// One that was refused before has not been used, and one of another key is another.
	with2 := w.common("ListKeys")
	w.refused(message{query: with(with2, "SignatureVersion", "2")}.signV1(testSecret), call.Invalid("SignatureVersion"))
	if _, d := w.send(message{query: with2}.signV1("wrong")); d["Code"] != "SignatureDoesNotMatch" {
		t.Errorf("%v", d)
	}
	w.ok(message{query: with2}.signV1(testSecret))
	w.keys["other"] = w.keys[testID]
	w.ok(message{query: with(with2, "AccessKeyId", "other")}.signV1(testSecret))

	without := w.common("ListKeys")
	delete(without, "SignatureNonce")
	for range 2 {
		w.ok(message{query: without}.signV1(testSecret))
		w.ok(message{query: with(without, "SignatureNonce", "")}.signV1(testSecret))
	}

	// It is remembered for twice the window.
	w.now = w.now.Add(30 * time.Minute)
	again := with(with1, "Timestamp", w.now.Format("2006-01-02T15:04:05Z"))
	w.refused(message{query: again}.signV1(testSecret), call.ErrNonceUsed)
	w.now = w.now.Add(time.Second)
	w.ok(message{query: again}.signV1(testSecret))
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	session := *w.keys[testID]
	var at time.Time
	session.Session = func(token string, now time.Time) (call.Principal, error) {
		at = now
		switch token {
		case "":
			return call.Principal{}, call.ErrMissingSecurityToken
		case "old":
			return call.Principal{}, call.ErrSecurityTokenExpired
		}
		return session.Principal, nil
	}
	w.keys["STS.id"] = &session
	for _, tt := range []struct {
		name, id, token string
		want            *call.Error
	}{
		{"a long-term key", testID, "", nil},
		{"a long-term key with a token", testID, "token", call.ErrSecurityTokenMismatched},
		{"a session", "STS.id", "token", nil},
		{"a session without its token", "STS.id", "", call.ErrMissingSecurityToken},
		{"a session that is over", "STS.id", "old", call.ErrSecurityTokenExpired},
		{"no session", "STS.no", "token", call.ErrAccessKeyNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			params := with(w.common("ListKeys"), "AccessKeyId", tt.id, "SecurityToken", tt.token)
			header := w.headers("ListKeys")
			if tt.token != "" {
				header = with(header, "x-acs-security-token", tt.token, "x-acs-accesskey-id", tt.id)
			}
			v1, v3 := message{query: params}.signV1(testSecret), message{header: header}.signHeaders("ACS3-HMAC-SHA256", tt.id, testSecret)
			if tt.want == nil {
				w.ok(v1)
				w.ok(v3)
				return
			}
			w.refused(v1, tt.want)
			w.refused(v3, tt.want)
		})
	}
	if want := signed.AddDate(5, 0, 0); !at.Equal(want) {
		t.Errorf("sessions are dated %v, want the service's time, %v", at, want)
	}
}

func TestBearer(t *testing.T) {
	w := newWorld(t)
	for name, m := range map[string]message{
		"version 1":                  {query: with(w.common("ListKeys"), "AccessKeyId", "", "SignatureType", "BEARERTOKEN", "BearerToken", "b")},
		"version 3":                  {query: map[string]string{"SignatureType": "BEARERTOKEN"}, header: with(w.headers("ListKeys"), "x-acs-bearer-token", "b")},
		"version 4":                  {header: with(w.headers("ListKeys"), "x-acs-bearer-token", "b", "Authorization", "Bearer b")},
		"the old kms-sdk of Node":    {query: with(w.common("ListKeys"), "BearerToken", "b"), header: map[string]string{"x-acs-bearer-token": "b"}},
		"an Authorization by itself": {header: with(w.headers("ListKeys"), "Authorization", "Bearer b")},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.refused(m.request(), call.Invalid("SignatureType"))
		})
	}
}

// What version 1.1.0 of Node's kms-sdk sends, its requests signed by testid, testsecret at half past a second.
func TestOldNodeSDK(t *testing.T) {
	const common = "&Format=json&Version=2016-01-20&AccessKeyId=testid&SignatureMethod=HMAC-SHA1&Timestamp=2021-07-01T00%3A00%3A00.678Z&SignatureVersion=1.0&Signature="
	w := newWorld(t)
	for _, tt := range []struct {
		name, query, signature string
		want                   *call.Error
	}{
		{"nothing special", "Action=ListKeys", "jrx7bUPjKgIhk92fePcRDRWi0%2F8%3D", nil},
		{"a new key", "Action=CreateKey&KeyUsage=ENCRYPT%2FDECRYPT", "JcyJTSaqXQPo6oZVKCQwp0uMQ9Q%3D", nil},
		{"a number", "Action=GenerateDataKey&KeyId=alias%2F0&KeySpec=AES_256&NumberOfBytes=16&EncryptionContext=%7B%22a%22%3A%220%22%7D",
			"uP28rhCoZ2uU6WWmi6iAdyyLMU0%3D", call.ErrAliasNotFound},
		{"characters that ECMAScript leaves bare", "Action=Encrypt&KeyId=alias%2FApollo%2FWorkKey&Plaintext=it's%20(a)%20*test*!%20~%20b%2Bc%2Fd%3D%20%E5%BC%A0%E4%B8%89",
			"TorBzrzj%2BY8ZhRvh9TI%2FAhsN%2FTc%3D", call.ErrAliasNotFound},
		{"a zero, which is not signed", "Action=ListAliases&PageNumber=1&PageSize=0", "Z1WtULxVG7zRSNBwl3hma3r24HE%3D", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			get := func(query string) *http.Request { return httptest.NewRequest("GET", "https://"+host+"/?"+query, nil) }
			whole := tt.query + common + tt.signature
			if tt.want == nil {
				w.ok(get(whole))
			} else {
				w.refused(get(whole), tt.want)
			}
			for _, changed := range []string{whole + "&Description=x", whole + "&Recipient=", strings.Replace(whole, "json", "JSON", 1)} {
				if _, d := w.send(get(changed)); d["Code"] != "SignatureDoesNotMatch" {
					t.Errorf("%s: %v", changed, d)
				}
			}
			// With a nonce it is the request of another client, for which the rules hold.
			_, d := w.send(get(whole + "&SignatureNonce=n"))
			if d["Code"] != "SignatureDoesNotMatch" {
				t.Errorf("with a nonce: %v", d)
			}
		})
	}
}
