/** A proxy as ext_proc servers see it: sends the messages of one HTTP exchange over real gRPC and keeps the answers. */
import type { BodyMode, ProcessingRequest, ProcessingResponse, ProtocolConfig } from '../../src/envoy/extproc.ts';
import { openExtProc } from '../../src/envoy/extprocclient.ts';
import { writeFilterMetadata } from '../../src/envoy/extprocwrite.ts';
import type { GrpcError } from '../../src/wire/grpc.ts';
import { createGrpcClient } from '../../src/wire/grpcclient.ts';
import { headerView } from '../../src/envoy/headermap.ts';
import type { StructObject } from '../../src/wire/struct.ts';

export type Headers = Readonly<Record<string, string>>;

export interface Proxy {
  exchange: (config?: Partial<ProtocolConfig>) => Exchange;
  close: () => void;
}

export interface Exchange {
  headers(
    phase: 'request' | 'response',
    headers: Headers,
    more?: { endOfStream?: boolean; metadata?: StructObject },
  ): void;
  body(phase: 'request' | 'response', body: string | Buffer, endOfStream: boolean): void;
  trailers(phase: 'request' | 'response'): void;
  /** The next answer. Fails when the call ends without one. */
  next(): Promise<ProcessingResponse>;
  /** Half-closes, and waits for the end of the call: its error when it failed, and answers that nobody took. */
  finish(): Promise<{ error: GrpcError | undefined; left: readonly ProcessingResponse[] }>;
  /** As when the client of the proxy goes away. */
  cancel(): void;
}

export function connectProxy(url: string): Proxy {
  const client = createGrpcClient({ url, insecureSkipVerify: true, maxMessageBytes: 64 * 1024 * 1024 });
  return {
    exchange: (config = {}) => {
      const answers: ProcessingResponse[] = [];
      let wake: () => void = () => undefined;
      let closed: { error: GrpcError | undefined } | undefined;
      const call = openExtProc(
        client,
        {
          response: (response) => {
            answers.push(response);
            wake();
          },
          closed: (error) => {
            closed = { error };
            wake();
          },
        },
        { timeoutMs: 20_000 },
      );
      const changed = async (): Promise<void> => {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      };
      let first = true;
      const duplex: BodyMode = 'FULL_DUPLEX_STREAMED';
      const context = (metadata?: StructObject) => {
        const protocolConfig = first ? { requestBodyMode: duplex, responseBodyMode: duplex, ...config } : undefined;
        first = false;
        const metadataContext = metadata === undefined ? undefined : writeFilterMetadata(metadata);
        return { metadataContext, protocolConfig, observabilityMode: false };
      };
      const send = (request: ProcessingRequest): void => void call.send(request);
      return {
        headers: (phase, headers, { endOfStream = false, metadata } = {}) => {
          send({
            ...context(metadata),
            type: 'headers',
            phase,
            headers: headerView(Object.entries(headers)),
            endOfStream,
          });
        },
        body: (phase, body, endOfStream) => {
          send({ ...context(), type: 'body', phase, body: Buffer.from(body), endOfStream });
        },
        trailers: (phase) => {
          send({ ...context(), type: 'trailers', phase, headers: headerView([]) });
        },
        next: async () => {
          while (answers.length === 0) {
            if (closed !== undefined) throw closed.error ?? new Error('the call has ended');
            await changed();
          }
          const answer = answers.shift();
          if (answer === undefined) throw new Error('no answer');
          return answer;
        },
        finish: async () => {
          call.end();
          while (closed === undefined) await changed();
          return { error: closed.error, left: answers };
        },
        cancel: call.cancel,
      };
    },
    close: client.close,
  };
}

/** The headers that an answer sets, by name. */
export function setHeadersOf(response: ProcessingResponse): Record<string, string> {
  if (response.type === 'immediate') return mutationOf(response.response.headers);
  return response.type === 'trailers' ? {} : mutationOf(response.common?.headers);
}

const mutationOf = (mutation?: { set?: readonly { name: string; value: string }[] }): Record<string, string> =>
  Object.fromEntries((mutation?.set ?? []).map(({ name, value }) => [name, value]));

/** The bytes of a body answer. */
export function bodyOf(response: ProcessingResponse): string {
  const body = response.type === 'body' ? response.common?.body : undefined;
  return body === undefined || body.type === 'clear' ? '' : body.body.toString();
}
