package wire

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The time that a body may take is too long to be waited for.
func TestSlowBody(t *testing.T) {
	h := New(Config{})
	h.bodyTime = 50 * time.Millisecond
	listener := httptest.NewServer(h)
	defer listener.Close()
	for _, tt := range []struct{ name, head, want string }{
		{"a length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nAction=", "ParseRequestParameterException"},
		{"chunks", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nAction=", "ParseRequestParameterException"},
		{"of a GET", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", "ParseRequestParameterException"},
		{"on a wrong path", "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", "InvalidAction.NotFound"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", listener.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second)) // a hang fails the test
			if _, err := io.WriteString(conn, tt.head); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || !strings.Contains(string(body), tt.want) {
				t.Errorf("%s, %v, want %s", body, err, tt.want)
			}
			if _, err := in.ReadByte(); err != io.EOF {
				t.Errorf("the connection is not closed: %v", err)
			}
		})
	}
}
