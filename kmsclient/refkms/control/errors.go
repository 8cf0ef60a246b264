package control

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// A refusal is the answer to a call that is not done.
type refusal struct {
	status int
	Cause  cause `json:"error"`
}

type cause struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Error says code and message.
func (e *refusal) Error() string { return "control: " + e.Cause.Code + ": " + e.Cause.Message }

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status, cause{code, fmt.Sprintf(format, args...)}}
}

// invalid refuses what a request says.
func invalid(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, "InvalidRequest", format, args...)
}

// full refuses one more of what there may be so many of.
func full(format string, args ...any) *refusal {
	return refuse(http.StatusConflict, "LimitExceeded", format, args...)
}

// unavailable tells that the server could not do what it was asked for.
func unavailable(err error) *refusal {
	return refuse(http.StatusServiceUnavailable, "Unavailable", "%v", err)
}

var (
	errNotLocal     = refuse(http.StatusForbidden, "NotLocal", "requests without TLS are taken from this machine alone")
	errUnauthorized = refuse(http.StatusUnauthorized, "Unauthorized", "want the token in the header, as Authorization: Bearer TOKEN")
	errUnknownCall  = refuse(http.StatusNotFound, "UnknownCall", "there is no such call; GET / tells all")
	errCallMethod   = refuse(http.StatusMethodNotAllowed, "WrongMethod", "calls are made by POST; GET / tells all")
	errPageMethod   = refuse(http.StatusMethodNotAllowed, "WrongMethod", "there is nothing at / but the page that tells all calls, for GET")
)

// refusalOf returns err as the face tells it. What is of no type is what the server says of a request; whatever a caller
// chose is quoted and cut in it.
func refusalOf(err error) *refusal {
	var own *refusal
	if errors.As(err, &own) {
		return own
	}
	var refused *refkms.Error
	switch {
	case errors.Is(err, kmsapi.ErrUnavailable):
		return unavailable(err)
	case !errors.As(err, &refused):
		return invalid("%v", err)
	}
	message := err.Error() // with the place in a configuration
	if err == error(refused) {
		message = refused.Message
	}
	return refuse(refused.StatusCode, refused.Code, "%s", message)
}
