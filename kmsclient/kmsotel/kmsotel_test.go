package kmsotel_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/xinfeng-kms/xinfeng/keyring/kmsapi"
	"github.com/xinfeng-kms/xinfeng/kmsclient"
	"github.com/xinfeng-kms/xinfeng/kmsclient/kmsotel"
	"github.com/xinfeng-kms/xinfeng/kmsclient/refkms"
)

// newWorld returns a client of a reference KMS with the hook, and the id of a CMK.
func newWorld(t *testing.T, hook func(context.Context, kmsclient.CallInfo)) (*kmsclient.Client, string) {
	t.Helper()
	server, err := refkms.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := server.Client(nil).CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	id, secret := server.AccessKey()
	credential, err := credentials.NewCredential(new(credentials.Config).SetType("access_key").SetAccessKeyId(id).SetAccessKeySecret(secret))
	if err != nil {
		t.Fatal(err)
	}
	c, err := kmsclient.New(&kmsclient.Options{Region: "cn-hangzhou", Transport: server.Transport(), Credential: credential, Hook: hook})
	if err != nil {
		t.Fatal(err)
	}
	return c, key.KeyID
}

// attributes are those of a span or a metric, as texts.
func attributes(kvs []attribute.KeyValue) map[string]string {
	m := map[string]string{}
	for _, kv := range kvs {
		m[string(kv.Key)] = kv.Value.String()
	}
	return m
}

func TestSpansAndMetrics(t *testing.T) {
	spans, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	tracers := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	hook, err := kmsotel.NewHook(&kmsotel.Options{TracerProvider: tracers, MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
	if err != nil {
		t.Fatal(err)
	}
	c, key := newWorld(t, hook)
	ctx, parent := tracers.Tracer("test").Start(t.Context(), "parent")
	const secret = "plaintext-marker"
	ec := map[string]string{"owner": "context-marker"}
	start := time.Now()
	blob, err := c.EncryptBytes(ctx, key, []byte(secret), ec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.DecryptBytes(ctx, blob, ec); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DescribeKey(ctx, &kmsapi.DescribeKeyRequest{KeyID: "alias/none"}); !errors.Is(err, kmsapi.ErrKeyNotFound) {
		t.Fatal(err)
	}
	parent.End()
	end := time.Now()

	ended := spans.Ended()
	if len(ended) != 4 { // and the parent
		t.Fatalf("%d spans, want 4", len(ended))
	}
	for i, want := range []struct {
		name, key, code string
		status          codes.Code
	}{
		{"Encrypt", key, "", codes.Unset},
		{"Decrypt", key, "", codes.Unset},
		{"DescribeKey", "alias/none", "Forbidden.AliasNotFound", codes.Error},
	} {
		s := ended[i]
		got := attributes(s.Attributes())
		if got["kms.request.id"] == "" {
			t.Errorf("%s has no request id", s.Name())
		}
		delete(got, "kms.request.id")
		attrs := map[string]string{"rpc.service": "Kms", "rpc.method": want.name, "cloud.provider": "alibaba_cloud", "cloud.region": "cn-hangzhou",
			"kms.key.id": want.key, "kms.attempts": "1"}
		if want.code != "" {
			attrs["error.type"], attrs["http.response.status_code"] = want.code, "404"
		}
		if s.Name() != "Kms/"+want.name || !maps.Equal(got, attrs) || s.Status().Code != want.status || s.Status().Description != want.code {
			t.Errorf("span %s of %v, %v; want %s of %v", s.Name(), got, s.Status(), want.name, attrs)
		}
		if s.Parent().SpanID() != parent.SpanContext().SpanID() || s.SpanKind() != oteltrace.SpanKindClient || s.StartTime().Before(start) || s.EndTime().After(end) || !s.EndTime().After(s.StartTime()) {
			t.Errorf("span %s: parent %v, %v, %v to %v", s.Name(), s.Parent().SpanID(), s.SpanKind(), s.StartTime(), s.EndTime())
		}
	}

	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	for _, m := range data.ScopeMetrics[0].Metrics {
		var points []map[string]string
		switch d := m.Data.(type) {
		case metricdata.Histogram[float64]:
			for _, p := range d.DataPoints {
				if p.Count != 1 || p.Sum <= 0 || p.Sum > end.Sub(start).Seconds() {
					t.Errorf("%s: %d calls of %v s", m.Name, p.Count, p.Sum)
				}
				points = append(points, attributes(p.Attributes.ToSlice()))
			}
		case metricdata.Sum[int64]:
			for _, p := range d.DataPoints {
				if p.Value != 1 {
					t.Errorf("%s = %d, want 1", m.Name, p.Value)
				}
				points = append(points, attributes(p.Attributes.ToSlice()))
			}
		}
		if len(points) != 3 {
			t.Errorf("%s of %v, want three operations", m.Name, points)
		}
		for _, p := range points {
			if (p["error.type"] == "Forbidden.AliasNotFound") != (p["rpc.method"] == "DescribeKey") || p["cloud.region"] != "cn-hangzhou" {
				t.Errorf("%s of %v", m.Name, p)
			}
		}
	}
	if names := data.ScopeMetrics[0].Metrics; len(names) != 2 {
		t.Errorf("%d metrics, want 2", len(names))
	}
	if all := fmt.Sprintf("%+v %+v", tracetest.SpanStubsFromReadOnlySpans(ended), data); strings.Contains(all, "marker") || strings.Contains(all, "Signature") {
		t.Errorf("telemetry holds a secret: %s", all)
	}
}

// Without options it is the global providers that are told.
func TestGlobalProviders(t *testing.T) {
	spans, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	tracers, meters := otel.GetTracerProvider(), otel.GetMeterProvider()
	defer otel.SetTracerProvider(tracers)
	defer otel.SetMeterProvider(meters)
	otel.SetTracerProvider(trace.NewTracerProvider(trace.WithSpanProcessor(spans)))
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	hook, err := kmsotel.NewHook(nil)
	if err != nil {
		t.Fatal(err)
	}
	hook(t.Context(), kmsclient.CallInfo{Op: "Decrypt", Code: kmsclient.CodeCanceled})
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil || len(data.ScopeMetrics) != 1 || len(spans.Ended()) != 1 {
		t.Errorf("%d scopes of metrics, %d spans, %v", len(data.ScopeMetrics), len(spans.Ended()), err)
	}
	got := attributes(spans.Ended()[0].Attributes())
	if _, ok := got["http.response.status_code"]; ok || got["kms.request.id"] != "" || got["error.type"] != "Client.Canceled" {
		t.Errorf("span of %v", got)
	}
}

var errNoInstrument = errors.New("no instrument")

// A meter has none of some instruments.
type meter struct {
	noop.Meter
	histogram, counter error
}

func (m meter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return noop.Float64Histogram{}, m.histogram
}
func (m meter) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return noop.Int64Counter{}, m.counter
}

// A provider gives one meter.
type provider struct {
	noop.MeterProvider
	meter meter
}

func (p provider) Meter(string, ...metric.MeterOption) metric.Meter { return p.meter }

func TestNoInstruments(t *testing.T) {
	for _, m := range []meter{{histogram: errNoInstrument}, {counter: errNoInstrument}} {
		if hook, err := kmsotel.NewHook(&kmsotel.Options{MeterProvider: provider{meter: m}}); hook != nil || !errors.Is(err, errNoInstrument) {
			t.Errorf("NewHook = %v, want its error", err)
		}
	}
}

func Example() {
	hook, err := kmsotel.NewHook(nil)
	if err != nil {
		log.Fatal(err)
	}
	client, err := kmsclient.New(&kmsclient.Options{Region: "cn-hangzhou", Hook: hook})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Region())
	// Output: cn-hangzhou
}
