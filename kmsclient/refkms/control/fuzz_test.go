package control_test

import (
	"bytes"
	"net/http"
	"testing"
)

// Whatever comes as the body of a call, it is answered in JSON, by 200 or a refusal of the request, and the next call is
// answered too.
func FuzzBodies(f *testing.F) {
	w := newWorld(f, nil)
	var names []string
	for _, m := range row.FindAllStringSubmatch(page(f, w), -1) {
		names = append(names, m[1])
	}
	if len(names) == 0 {
		f.Fatal("the page has no calls")
	}
	for i := range names {
		for _, body := range []string{
			``, `{}`, `{"name": "alice", "user": "alice"}`, `{"seconds": 86400}`, `{"account": "42", "name": "app", "trust": ` + trustRoot + `, "maxSessionSeconds": 1e3}`,
			`{"name": "p", "document": ` + allowAll + `}`, `{"user": "alice", "group": "dev", "policy": "p", "role": "app"}`,
			`{"kind": "latency", "operation": "Encrypt", "delay": 1, "probability": 0.5, "face": "http", "answer": {"a": "b"}}`,
			`{"accounts": [{"id": "1", "users": [{"name": "u", "accessKeys": [{"id": "i", "secret": "s"}]}]}], "regions": ["cn-beijing"]}`,
			`{"start": "2026-01-02T03:04:05Z", "end": "9999-12-31T23:59:59Z", "limit": 3, "attributes": {"EventName": "Encrypt"}}`,
			`{"snapshot": 1, "fault": 1}`, `{"id": "LTAI", "secret": "s", "enabled": true, "status": "InDebt", "region": "cn-beijing", "service": "OSS"}`,
		} {
			f.Add(uint8(i), []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, call uint8, body []byte) {
		w := newWorld(t, nil)
		status, answer := w.send(post(names[int(call)%len(names)], bytes.NewReader(body)))
		if status != http.StatusOK && (status < 400 || status > 499) {
			t.Errorf("%d %v", status, answer)
		}
		w.ok("Now", "", ignored())
	})
}
