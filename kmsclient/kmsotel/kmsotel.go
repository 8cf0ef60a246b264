// Package kmsotel tells OpenTelemetry of the calls of a kmsclient.Client: a span for each, and two metrics.
//
//	hook, err := kmsotel.NewHook(nil)
//	client, err := kmsclient.New(&kmsclient.Options{Region: "cn-hangzhou", Hook: hook})
//
// A span is a client span named Kms/<operation>, a child of the span in the call's context, from the beginning of the
// call to its end, retries and waits included. It has the attributes
//
//	rpc.service                Kms
//	rpc.method                 the operation
//	cloud.provider             alibaba_cloud
//	cloud.region               the region
//	kms.key.id                 the key id or alias, see kmsclient.CallInfo
//	kms.attempts               requests that were sent
//	kms.request.id             the service's id of the last answer, if there was one
//	error.type                 the code of the error, if it failed; it is the status's description too
//	http.response.status_code  that of the error, if there was an answer
//
// The metrics are kms.client.call.duration, a histogram in seconds, and kms.client.requests, a counter of requests sent,
// each by rpc.method, cloud.region and, of calls that failed, error.type. None holds anything of what was encrypted or
// decrypted, an encryption context, or a URL. Nothing is added to the requests themselves: the service is told no trace.
//
// It is a module of its own, so that users of kmsclient alone do not have OpenTelemetry in their module graph.
//
// # Compatibility
//
// Before version 1 names of attributes and metrics may change with a note in the changelog.
package kmsotel

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/xinfeng-kms/xinfeng/kmsclient"
)

const scope = "github.com/xinfeng-kms/xinfeng/kmsclient/kmsotel"

// Options are the settings of [NewHook].
type Options struct {
	// TracerProvider and MeterProvider take spans and metrics. Default those that are global when the hook is made.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
}

// NewHook returns a hook for kmsclient.Options; nil options are the defaults. It may be shared by clients and is safe for
// concurrent use.
func NewHook(opts *Options) (func(context.Context, kmsclient.CallInfo), error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	tracer, meter := o.TracerProvider.Tracer(scope), o.MeterProvider.Meter(scope)
	duration, err := meter.Float64Histogram("kms.client.call.duration", metric.WithUnit("s"),
		metric.WithDescription("How long calls of KMS took, with all their attempts."))
	if err != nil {
		return nil, fmt.Errorf("kmsotel: duration: %w", err)
	}
	requests, err := meter.Int64Counter("kms.client.requests", metric.WithUnit("{request}"),
		metric.WithDescription("Requests that were sent to KMS."))
	if err != nil {
		return nil, fmt.Errorf("kmsotel: requests: %w", err)
	}
	return func(ctx context.Context, i kmsclient.CallInfo) {
		attrs := []attribute.KeyValue{attribute.String("rpc.method", i.Op), attribute.String("cloud.region", i.Region)}
		if i.Code != "" {
			attrs = append(attrs, attribute.String("error.type", i.Code))
		}
		set := metric.WithAttributes(attrs...)
		duration.Record(ctx, i.Duration.Seconds(), set)
		requests.Add(ctx, int64(i.Attempts), set)

		attrs = append(attrs, attribute.String("rpc.service", "Kms"), attribute.String("cloud.provider", "alibaba_cloud"),
			attribute.String("kms.key.id", i.KeyID), attribute.Int("kms.attempts", i.Attempts))
		if i.RequestID != "" {
			attrs = append(attrs, attribute.String("kms.request.id", i.RequestID))
		}
		if i.StatusCode != 0 {
			attrs = append(attrs, attribute.Int("http.response.status_code", i.StatusCode))
		}
		_, span := tracer.Start(ctx, "Kms/"+i.Op, trace.WithTimestamp(i.Start), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
		if i.Code != "" {
			span.SetStatus(codes.Error, i.Code)
		}
		span.End(trace.WithTimestamp(i.Start.Add(i.Duration)))
	}, nil
}
