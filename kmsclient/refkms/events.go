package refkms

import (
	"encoding/json"
	"time"

	"github.com/xinfeng-kms/xinfeng/internal/refkms/state"
	"github.com/xinfeng-kms/xinfeng/internal/refkms/trail"
)

// An Event is a record of the trail, as ActionTrail words it: one for each call of KMS but DescribeRegions, refused ones
// included, and for what the service does by itself. It holds no secret: plaintexts, data keys, secret values, passwords,
// tokens and key material are masked, and blobs, signatures and public keys left out. Parts of it are shared among
// copies, and are not to be changed.
type Event struct {
	EventID              string              `json:"eventId"`
	EventVersion         int                 `json:"eventVersion"`
	EventCategory        string              `json:"eventCategory"`
	EventType            string              `json:"eventType"` // ApiCall, AliyunServiceEvent
	EventTime            string              `json:"eventTime"` // when the call was received, 2006-01-02T15:04:05Z
	EventName            string              `json:"eventName"` // the operation; RotateKey, DeleteKey and others of the service's own
	EventRW              string              `json:"eventRW"`   // Read, Write
	EventSource          string              `json:"eventSource"`
	ServiceName          string              `json:"serviceName"`
	APIVersion           string              `json:"apiVersion"`
	Region               string              `json:"acsRegion"`
	IsGlobal             bool                `json:"isGlobal"`
	AccountID            string              `json:"recipientAccountId"`
	RequestID            string              `json:"requestId,omitempty"`
	SourceIPAddress      string              `json:"sourceIpAddress,omitempty"`
	UserAgent            string              `json:"userAgent,omitempty"`
	ErrorCode            string              `json:"errorCode,omitempty"` // of a refusal, like the next
	ErrorMessage         string              `json:"errorMessage,omitempty"`
	UserIdentity         UserIdentity        `json:"userIdentity"`
	RequestParameters    json.RawMessage     `json:"requestParameters,omitempty"` // an object of strings
	RequestParameterJSON string              `json:"requestParameterJson,omitempty"`
	ResponseElements     json.RawMessage     `json:"responseElements,omitempty"` // an object; none after a refusal
	ResourceType         string              `json:"resourceType,omitempty"`     // ACS::KMS::Key; several apart by ;
	ResourceName         string              `json:"resourceName,omitempty"`
	ReferencedResources  map[string][]string `json:"referencedResources,omitempty"` // ids by type
	AdditionalEventData  map[string]string   `json:"additionalEventData"`
}

// UserIdentity is who made a call.
type UserIdentity struct {
	Type           string          `json:"type"` // root-account, ram-user, assumed-role, system
	AccountID      string          `json:"accountId,omitempty"`
	PrincipalID    string          `json:"principalId,omitempty"`
	UserName       string          `json:"userName"`
	AccessKeyID    string          `json:"accessKeyId,omitempty"`
	SessionContext *SessionContext `json:"sessionContext,omitempty"`
}

// SessionContext is what is told of the session of a role.
type SessionContext struct {
	Attributes struct {
		MFAAuthenticated string `json:"mfaAuthenticated"`
		CreationDate     string `json:"creationDate"`
	} `json:"attributes"`
}

func newEvent(r *trail.Record) Event {
	e := r.Event()
	event := Event{
		EventID: e.EventID, EventVersion: e.EventVersion, EventCategory: e.EventCategory, EventType: e.EventType,
		EventTime: e.EventTime, EventName: e.EventName, EventRW: e.EventRW, EventSource: e.EventSource,
		ServiceName: e.ServiceName, APIVersion: e.APIVersion, Region: e.Region, IsGlobal: e.IsGlobal,
		AccountID: e.AccountID, RequestID: e.RequestID, SourceIPAddress: e.SourceIPAddress, UserAgent: e.UserAgent,
		ErrorCode: e.ErrorCode, ErrorMessage: e.ErrorMessage, RequestParameters: e.RequestParameters,
		RequestParameterJSON: e.RequestParameterJSON, ResponseElements: e.ResponseElements,
		ResourceType: e.ResourceType, ResourceName: e.ResourceName, ReferencedResources: e.ReferencedResources,
		AdditionalEventData: e.AdditionalEventData,
		UserIdentity: UserIdentity{Type: e.UserIdentity.Type, AccountID: e.UserIdentity.AccountID,
			PrincipalID: e.UserIdentity.PrincipalID, UserName: e.UserIdentity.UserName, AccessKeyID: e.UserIdentity.AccessKeyID},
	}
	if c := e.UserIdentity.SessionContext; c != nil {
		event.UserIdentity.SessionContext = new(SessionContext)
		event.UserIdentity.SessionContext.Attributes.MFAAuthenticated = c.Attributes.MFAAuthenticated
		event.UserIdentity.SessionContext.Attributes.CreationDate = c.Attributes.CreationDate
	}
	return event
}

// audit returns the hook of the trail that tells hook, nil if there is none.
func audit(hook func(Event)) func(*trail.Record) {
	if hook == nil {
		return nil
	}
	return func(r *trail.Record) { hook(newEvent(r)) }
}

// A Query asks for records of the trail. Its zero value asks for all that are kept of the server's own world.
type Query struct {
	Region, Account string    // default the server's
	Start, End      time.Time // in whole seconds, both included; the zero Time is no end
	Limit           int       // the newest of what fits; 0 is all
	// Attributes must all be as given. They are those of LookupEvents, by name: EventName, User, EventId, EventRW,
	// EventAccessKeyId, ResourceType, ResourceName, ServiceName, SensitiveAction.
	Attributes map[string]string
}

// Events returns the records that a query asks for, from the older to the newer; a nil query is the zero one. It refuses
// names of regions, accounts and attributes that are none. Of a server that is closed it is [ErrClosed]. Over HTTP and by
// [Client.Do], LookupEvents does the same, page by page.
func (s *Server) Events(q *Query) ([]Event, error) {
	var query Query
	if q != nil {
		query = *q
	}
	scope, err := s.scope(query.Region, query.Account)
	if err != nil {
		return nil, err
	}
	t := trail.Query{Limit: query.Limit, Attributes: query.Attributes}
	if !query.Start.IsZero() {
		t.Start = state.At(query.Start)
	}
	if !query.End.IsZero() {
		t.End = state.At(query.End)
	}
	records, err := s.trail.Events(scope, &t, state.At(s.clock.Now()))
	if err == nil {
		// The trail of a server that is closed, or whose file has failed, reads as empty.
		err = s.store.View(func(state.Tx) error { return nil })
	}
	if err != nil {
		return nil, wrap("Events", "", err)
	}
	events := make([]Event, len(records))
	for i, r := range records {
		events[i] = newEvent(r)
	}
	return events, nil
}
