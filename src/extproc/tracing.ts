import { request } from '../wire/undici.ts';
import { frame, type GrpcError } from '../wire/grpc.ts';
import { createGrpcClient } from '../wire/grpcclient.ts';
import { otlpTracePath, writeSpans } from '../telemetry/otlp.ts';
import type { Log } from '../telemetry/log.ts';
import { createTracer, samplerOf, type FinishedSpan, type Tracer } from '../telemetry/tracing.ts';

/**
 * Tracing as OpenTelemetry's environment variables say (epp.md 7.2). Off unless one of them says where spans go: a picker without a
 * collector should not look for one.
 */

type Env = Readonly<Record<string, string | undefined>>;

const sendTimeoutMs = 10_000;

/** @throws Error naming the variable that is wrong; undefined: nothing is traced */
export function tracerOf(env: Env, log: Log): Tracer | undefined {
  const endpoint = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'] || '';
  const exporter = env['OTEL_TRACES_EXPORTER'] || (endpoint === '' ? 'none' : 'otlp');
  if (exporter === 'none' || env['OTEL_SDK_DISABLED'] === 'true') return undefined;
  const name = env['OTEL_TRACES_SAMPLER'] || 'parentbased_traceidratio';
  const ratio = Number(env['OTEL_TRACES_SAMPLER_ARG'] || '0.1');
  const sampler = ratio >= 0 && ratio <= 1 ? samplerOf(name, ratio) : undefined;
  if (sampler === undefined) {
    throw new Error(
      `OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG: a sampler such as parentbased_traceidratio and a ratio from 0 to 1 expected, got ${name} and ${env['OTEL_TRACES_SAMPLER_ARG'] ?? 'none'}`,
    );
  }
  const { send, close } = exporterOf(exporter, endpoint, env, log);
  const delayMs = Number(env['OTEL_BSP_SCHEDULE_DELAY'] || '5000');
  if (!(delayMs >= 0)) {
    throw new Error(`OTEL_BSP_SCHEDULE_DELAY: milliseconds expected, got ${env['OTEL_BSP_SCHEDULE_DELAY'] ?? ''}`);
  }
  let failing = false;
  const tracer = createTracer({
    sampler,
    delayMs,
    send: async (spans) => {
      try {
        await send(spans);
        failing = false;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (!failing) log.warn({ endpoint, reason }, 'traces cannot be sent: spans are dropped until they can');
        failing = true;
      }
    },
  });
  return {
    start: (spanName, traceparent) => tracer.start(spanName, traceparent),
    close: async () => {
      await tracer.close();
      close();
    },
  };
}

interface Exporter {
  send: (spans: readonly FinishedSpan[]) => Promise<void>;
  close: () => void;
}

function exporterOf(exporter: string, endpoint: string, env: Env, log: Log): Exporter {
  if (exporter === 'console') {
    return {
      send: (spans) => {
        for (const { startNanos, endNanos, ...span } of spans) {
          log.info({ ...span, durationMs: Number(endNanos - startNanos) / 1e6 }, 'span');
        }
        return Promise.resolve();
      },
      close: () => undefined,
    };
  }
  if (exporter !== 'otlp') throw new Error(`OTEL_TRACES_EXPORTER: otlp, console or none expected, got ${exporter}`);
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL'] || 'grpc';
  const resource = { 'service.name': env['OTEL_SERVICE_NAME'] || 'headgate-epp' };
  if (protocol === 'grpc') return grpcExporter(endpoint || 'http://localhost:4317', resource);
  if (protocol !== 'http/protobuf') {
    throw new Error(`OTEL_EXPORTER_OTLP_PROTOCOL: grpc or http/protobuf expected, got ${protocol}`);
  }
  const base = endpoint || 'http://localhost:4318';
  const isWhole = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] === base;
  return httpExporter(isWhole ? base : `${base.replace(/\/+$/, '')}/v1/traces`, resource);
}

function grpcExporter(endpoint: string, resource: Readonly<Record<string, string>>): Exporter {
  const url = /^https?:\/\//.test(endpoint) ? endpoint : `http://${endpoint}`;
  const client = createGrpcClient({ url });
  return {
    send: (spans) =>
      new Promise((resolve, reject) => {
        const closed = (error: GrpcError | undefined): void => {
          if (error === undefined) resolve();
          else reject(error);
        };
        const call = client.open(otlpTracePath, { message: () => undefined, closed }, { timeoutMs: sendTimeoutMs });
        call.send([frame(writeSpans(spans, resource))]);
        call.end();
      }),
    close: () => {
      client.close();
    },
  };
}

function httpExporter(url: string, resource: Readonly<Record<string, string>>): Exporter {
  return {
    send: async (spans) => {
      const { statusCode, body } = await request(url, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf' },
        body: writeSpans(spans, resource),
        headersTimeout: sendTimeoutMs,
        bodyTimeout: sendTimeoutMs,
      });
      await body.dump();
      if (statusCode >= 300) throw new Error(`status ${String(statusCode)}`);
    },
    close: () => undefined,
  };
}
