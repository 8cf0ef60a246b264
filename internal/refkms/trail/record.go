package trail

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/call"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
)

// A Record is what is kept of one event. It holds nothing secret.
type Record struct {
	Seq   uint64     // set by the log: the order of records of one second
	Time  state.Time // when the call was received, or what was due was due
	ID    [16]byte
	Scope state.Scope

	Name      string
	Effect    call.Effect
	RequestID string // "" of what no call triggered
	Code      string // of the refusal, "" if there was none
	Message   string

	Caller    Caller
	Address   string // of the peer, "" if there is no telling
	UserAgent string

	Params    []byte // JSON of an object of texts; nil of what no call triggered
	Answer    []byte // JSON of an object, which RequestID is to be added to; nil after a refusal
	InvokedBy string // the service in whose call this one was made, "" for none

	Resources  []call.Resource // that the call itself is about
	References []call.Resource // and those that calls inside it are about; nil if they are none

	// Of a record that nobody has looked at yet, in place of all but number, time, world and request: what the call noted.
	op    *call.Operation
	notes []byte
}

// clone returns a copy that shares nothing with r, and tells it.
func (r *Record) clone() *Record {
	r.tell()
	c := *r
	c.Params, c.Answer = bytes.Clone(r.Params), bytes.Clone(r.Answer)
	c.Resources, c.References = slices.Clone(r.Resources), slices.Clone(r.References)
	return &c
}

// Caller is who made a call, as the trail tells it.
type Caller struct {
	Type        string // root-account, ram-user, assumed-role, system
	PrincipalID string
	UserName    string
	AccessKeyID string
	Issued      state.Time // of a session
}

// The types of events.
const (
	apiCall      = "ApiCall"
	serviceEvent = "AliyunServiceEvent"
)

// The types of callers.
const (
	rootAccount = "root-account"
	ramUser     = "ram-user"
	assumedRole = "assumed-role"
	system      = "system"
)

// An Event is a record as ActionTrail tells it.
type Event struct {
	EventID              string              `json:"eventId"`
	EventVersion         int                 `json:"eventVersion"`
	EventCategory        string              `json:"eventCategory"`
	EventType            string              `json:"eventType"`
	EventTime            string              `json:"eventTime"`
	EventName            string              `json:"eventName"`
	EventRW              string              `json:"eventRW"`
	EventSource          string              `json:"eventSource"`
	ServiceName          string              `json:"serviceName"`
	APIVersion           string              `json:"apiVersion"`
	Region               string              `json:"acsRegion"`
	IsGlobal             bool                `json:"isGlobal"`
	AccountID            string              `json:"recipientAccountId"`
	RequestID            string              `json:"requestId,omitempty"`
	SourceIPAddress      string              `json:"sourceIpAddress,omitempty"`
	UserAgent            string              `json:"userAgent,omitempty"`
	ErrorCode            string              `json:"errorCode,omitempty"`
	ErrorMessage         string              `json:"errorMessage,omitempty"`
	UserIdentity         UserIdentity        `json:"userIdentity"`
	RequestParameters    json.RawMessage     `json:"requestParameters,omitempty"`
	RequestParameterJSON string              `json:"requestParameterJson,omitempty"`
	ResponseElements     json.RawMessage     `json:"responseElements,omitempty"`
	ResourceType         string              `json:"resourceType,omitempty"`
	ResourceName         string              `json:"resourceName,omitempty"`
	ReferencedResources  map[string][]string `json:"referencedResources,omitempty"`
	AdditionalEventData  map[string]string   `json:"additionalEventData"`
}

// UserIdentity is who caused an event.
type UserIdentity struct {
	Type           string          `json:"type"`
	AccountID      string          `json:"accountId,omitempty"`
	PrincipalID    string          `json:"principalId,omitempty"`
	UserName       string          `json:"userName"`
	AccessKeyID    string          `json:"accessKeyId,omitempty"`
	SessionContext *SessionContext `json:"sessionContext,omitempty"`
}

// SessionContext is what is told of a session.
type SessionContext struct {
	Attributes SessionAttributes `json:"attributes"`
}

// SessionAttributes are those of a session.
type SessionAttributes struct {
	MFAAuthenticated string `json:"mfaAuthenticated"`
	CreationDate     string `json:"creationDate"`
}

// elements returns the answer with its request id, nil if there is none.
func (r *Record) elements() json.RawMessage {
	if len(r.Answer) < len("{}") {
		return nil
	}
	doc := slices.Clone(r.Answer[:len(r.Answer)-1])
	if len(doc) > 1 {
		doc = append(doc, ',')
	}
	return append(call.AppendJSON(append(doc, `"RequestId":`...), r.RequestID), '}')
}

// Event returns the record as ActionTrail tells it. Parts of it are the record's own, and are not to be changed.
func (r *Record) Event() Event {
	e := Event{
		EventID:           call.FormatID(r.ID),
		EventVersion:      1,
		EventCategory:     "Management",
		EventType:         apiCall,
		EventTime:         r.Time.String(),
		EventName:         r.Name,
		EventRW:           r.Effect.String(),
		EventSource:       "kms." + r.Scope.Region() + ".aliyuncs.com",
		ServiceName:       serviceName,
		APIVersion:        call.KMS.Version(),
		Region:            r.Scope.Region(),
		AccountID:         r.Scope.Account(),
		RequestID:         r.RequestID,
		SourceIPAddress:   r.Address,
		UserAgent:         r.UserAgent,
		ErrorCode:         r.Code,
		ErrorMessage:      r.Message,
		RequestParameters: r.Params,
		ResponseElements:  r.elements(),
		UserIdentity: UserIdentity{Type: r.Caller.Type, PrincipalID: r.Caller.PrincipalID, UserName: r.Caller.UserName,
			AccessKeyID: r.Caller.AccessKeyID},
		RequestParameterJSON: string(r.Params),
		AdditionalEventData:  map[string]string{},
	}
	if r.Caller.Type == system {
		e.EventType = serviceEvent
	} else {
		e.UserIdentity.AccountID = r.Scope.Account()
	}
	if r.Caller.Issued != 0 {
		e.UserIdentity.SessionContext = &SessionContext{SessionAttributes{"false", r.Caller.Issued.String()}}
	}
	if r.InvokedBy != "" {
		e.AdditionalEventData["invokedBy"] = r.InvokedBy
	}
	var types, names []string
	for _, resource := range r.Resources {
		if t := resource.Kind.TrailType(); !slices.Contains(types, t) {
			types = append(types, t)
		}
		names = append(names, resource.ID)
	}
	e.ResourceType, e.ResourceName = strings.Join(types, ";"), strings.Join(names, ";")
	for _, resource := range slices.Concat(r.Resources, r.References) {
		if e.ReferencedResources == nil {
			e.ReferencedResources = map[string][]string{}
		}
		t := resource.Kind.TrailType()
		e.ReferencedResources[t] = append(e.ReferencedResources[t], resource.ID)
	}
	return e
}
