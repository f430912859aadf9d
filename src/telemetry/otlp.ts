/** Spans for a collector: the request of OTLP's trace service (opentelemetry-proto, collector/trace/v1), as protobuf. */
import type { FinishedSpan } from './tracing.ts';
import { BackwardWriter } from '../wire/protobuf.ts';

export const otlpTracePath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

const serverKind = 2;
const internalKind = 1;
const errorCode = 2;

/** @param resource what the spans are of, `service.name` among it */
export function writeSpans(spans: readonly FinishedSpan[], resource: Readonly<Record<string, string>>): Buffer {
  const writer = new BackwardWriter();
  const resourceSpans = writer.written;
  const scopeSpans = writer.written;
  for (const span of spans.toReversed()) writeSpan(writer, span);
  const scope = writer.written;
  writer.text(1, 'headgate');
  writer.nested(1, scope);
  writer.nested(2, scopeSpans);
  const resourceEnd = writer.written;
  for (const [key, value] of Object.entries(resource)) writeAttribute(writer, 1, key, value);
  writer.nested(1, resourceEnd);
  writer.nested(1, resourceSpans);
  return writer.take();
}

function writeSpan(writer: BackwardWriter, span: FinishedSpan): void {
  const end = writer.written;
  if (span.error !== undefined) {
    const status = writer.written;
    writer.integer(3, errorCode);
    writer.text(2, span.error);
    writer.nested(15, status);
  }
  for (const [key, value] of Object.entries(span.attributes)) writeAttribute(writer, 9, key, value);
  writer.fixed64(8, span.endNanos);
  writer.fixed64(7, span.startNanos);
  // The span that a proxy's call begins; its parts are internal.
  writer.integer(6, span.name === 'gateway.request' ? serverKind : internalKind);
  writer.text(5, span.name);
  if (span.parentSpanId !== undefined) writer.bytes(4, Buffer.from(span.parentSpanId, 'hex'));
  writer.bytes(2, Buffer.from(span.spanId, 'hex'));
  writer.bytes(1, Buffer.from(span.traceId, 'hex'));
  writer.nested(2, end);
}

function writeAttribute(writer: BackwardWriter, field: number, key: string, value: string | number): void {
  const end = writer.written;
  const content = writer.written;
  if (typeof value === 'string') writer.text(1, value);
  else if (Number.isSafeInteger(value) && value >= 0) writer.integer(3, value);
  else writer.double(4, value);
  writer.nested(2, content);
  writer.text(1, key);
  writer.nested(field, end);
}
