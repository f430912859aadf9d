/**
 * Traces as OpenTelemetry has them: spans with parents from W3C `traceparent` headers, sampled by ratio, handed on in batches. Where spans
 * are sent is the business of whoever gives `send`.
 */
import { randomBytes } from 'node:crypto';

export interface SpanContext {
  /** 16 and 8 bytes in hexadecimal. */
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

export interface FinishedSpan extends SpanContext {
  readonly name: string;
  readonly parentSpanId: string | undefined;
  /** Nanoseconds since 1970. */
  readonly startNanos: bigint;
  readonly endNanos: bigint;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** What went wrong; undefined: nothing. */
  readonly error: string | undefined;
}

export interface Span {
  readonly context: SpanContext;
  /** A part of this one. */
  child(name: string): Span;
  set(attribute: string, value: string | number): void;
  /** Once; later calls do nothing. */
  end(error?: string): void;
}

export interface Tracer {
  /** Begins a span whose parent is in a `traceparent` header; a trace of its own where there is none or it is malformed. */
  start(name: string, traceparent: string | undefined): Span;
  /** Hands on what is left. */
  close(): Promise<void>;
}

/** `undefined` stands for a parent that is not there. Decides whether a new span is recorded. */
export type Sampler = (traceId: string, parent: SpanContext | undefined) => boolean;

export interface TracerOptions {
  readonly sampler: Sampler;
  /** Sends spans somewhere; what it fails with is its to report. */
  readonly send: (spans: readonly FinishedSpan[]) => Promise<void>;
  /** Time between two batches. */
  readonly delayMs: number;
}

const maxBatch = 512;
/** Spans beyond these are dropped until the next batch has gone. */
const maxQueued = 2_048;

export function createTracer({ sampler, send, delayMs }: TracerOptions): Tracer {
  let finished: FinishedSpan[] = [];
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> = Promise.resolve();

  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const spans = finished;
    finished = [];
    sending = sending.then(async () => {
      for (let at = 0; at < spans.length; at += maxBatch) await send(spans.slice(at, at + maxBatch));
    });
    return sending;
  };
  const collect = (span: FinishedSpan): void => {
    if (finished.length >= maxQueued) return;
    finished.push(span);
    timer ??= setTimeout(() => void flush(), delayMs).unref();
  };
  return {
    start(name, traceparent) {
      const parent = parseTraceparent(traceparent);
      const traceId = parent?.traceId ?? randomBytes(16).toString('hex');
      return startSpan(name, { traceId, sampled: sampler(traceId, parent), parentSpanId: parent?.spanId }, collect);
    },
    close: flush,
  };
}

function startSpan(
  name: string,
  { traceId, sampled, parentSpanId }: { traceId: string; sampled: boolean; parentSpanId: string | undefined },
  collect: (span: FinishedSpan) => void,
): Span {
  const context = { traceId, spanId: randomBytes(8).toString('hex'), sampled };
  const startNanos = sampled ? nanos() : 0n;
  const attributes: Record<string, string | number> = {};
  let over = false;
  return {
    context,
    child: (childName) => startSpan(childName, { traceId, sampled, parentSpanId: context.spanId }, collect),
    set(attribute, value) {
      if (sampled) attributes[attribute] = value;
    },
    end(error) {
      if (over || !sampled) return;
      over = true;
      collect({ ...context, name, parentSpanId, startNanos, endNanos: nanos(), attributes, error });
    },
  };
}

const startedAt = BigInt(Math.round(performance.timeOrigin * 1e6));

function nanos(): bigint {
  return startedAt + BigInt(Math.round(performance.now() * 1e6));
}

/** W3C Trace Context; undefined for what is not valid. */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const parts = /^(?!ff)[0-9a-f]{2}-(?<trace>[0-9a-f]{32})-(?<span>[0-9a-f]{16})-(?<flags>[0-9a-f]{2})(?:-.*)?$/.exec(
    text?.trim() ?? '',
  )?.groups;
  const [traceId = '', spanId = ''] = [parts?.['trace'], parts?.['span']];
  if (parts === undefined || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (parseInt(parts['flags'] ?? '0', 16) & 1) === 1 };
}

export function formatTraceparent({ traceId, spanId, sampled }: SpanContext): string {
  return `00-${traceId}-${spanId}-0${sampled ? '1' : '0'}`;
}

/** A sampler by the names of OTEL_TRACES_SAMPLER. @param ratio of traces, 0..1, for those that sample by ratio. Undefined: there is none of the name. */
export function samplerOf(name: string, ratio: number): Sampler | undefined {
  const root = /^(?:parentbased_)?(?<root>always_on|always_off|traceidratio)$/.exec(name)?.groups?.['root'];
  if (root === undefined) return undefined;
  const limit = BigInt(Math.round(ratio * 2 ** 53)) << 11n;
  const samples = (traceId: string): boolean => {
    if (root === 'traceidratio') return BigInt(`0x${traceId.slice(16)}`) < limit;
    return root === 'always_on';
  };
  if (!name.startsWith('parentbased_')) return samples;
  return (traceId, parent) => parent?.sampled ?? samples(traceId);
}
