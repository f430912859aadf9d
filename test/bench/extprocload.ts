/**
 * Exchanges as Envoy lays them before an endpoint picker, over its ext_proc: request headers, body, response headers, response body, each
 * sent as soon as Envoy would send it. What Envoy sends was read off a real one (1.40): headers of a POST from the same machine, a
 * body in one message however large, in duplex mode with an empty message behind it that ends it.
 */
import { processPath, type BodyMode, type ProcessingRequest } from '../../src/envoy/extproc.ts';
import { readProcessingResponse } from '../../src/envoy/extprocread.ts';
import { writeProcessingRequest } from '../../src/envoy/extprocwrite.ts';
import { createGrpcClient, type ClientCall, type GrpcClient } from '../../src/wire/grpcclient.ts';
import { headerView } from '../../src/envoy/headermap.ts';

export interface Flow {
  readonly name: string;
  readonly mode: Extract<BodyMode, 'FULL_DUPLEX_STREAMED' | 'BUFFERED'>;
  /** Bytes of the request's body per message; undefined: all of it in one. */
  readonly pieceBytes?: number;
}

export interface LoadOptions {
  readonly flow: Flow;
  readonly bodies: readonly Buffer[];
  readonly connections: number;
  /** Exchanges in progress per connection; each is followed by the next without a pause. */
  readonly callsPerConnection: number;
}

export interface Load {
  /** Exchanges that are over. */
  readonly done: number;
  /** No more exchanges are begun: `stop` says why. */
  readonly failed: boolean;
  stop(): Promise<void>;
}

/** The messages of one exchange, framed: written once and sent many times. */
interface Script {
  readonly headers: Buffer;
  readonly body: Buffer;
  readonly bodyBytes: number;
  readonly response: Buffer;
}

const responseBody = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'word '.repeat(50) }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 },
  }),
);

/** Keeps the picker busy until it is stopped. An exchange that does not go as it should ends the load: `stop` throws its error. */
export function startLoad(url: string, { flow, bodies, connections, callsPerConnection }: LoadOptions): Load {
  const scripts = bodies.map((body) => scriptOf(flow, body));
  const clients = Array.from({ length: connections }, () => createGrpcClient({ url, maxMessageBytes: 2 ** 26 }));
  let next = 0;
  let done = 0;
  let running = 0;
  let stopping = false;
  let failure: Error | undefined;
  let allOver: () => void = () => undefined;
  const over = (error: Error | undefined): void => {
    running -= 1;
    failure ??= error;
    if (error === undefined) done += 1;
    else stopping = true;
    if (running === 0 && stopping) allOver();
  };
  const begin = (client: GrpcClient): void => {
    const script = scripts[next % scripts.length];
    next += 1;
    if (script === undefined) throw new Error('no bodies');
    running += 1;
    exchange(client, flow, script, (error) => {
      over(error);
      if (!stopping) begin(client);
    });
  };
  for (const client of clients) for (let call = 0; call < callsPerConnection; call += 1) begin(client);
  return {
    get done() {
      return done;
    },
    get failed() {
      return failure !== undefined;
    },
    stop: async () => {
      stopping = true;
      const { promise, resolve } = Promise.withResolvers<void>();
      allOver = resolve;
      if (running > 0) await promise;
      for (const client of clients) client.close();
      if (failure !== undefined) throw failure;
    },
  };
}

/** One exchange, and whether every byte and header that must come back did. */
function exchange(client: GrpcClient, flow: Flow, script: Script, over: (error: Error | undefined) => void): void {
  let destination = false;
  let echoed = 0;
  let phase: 'headers' | 'body' | 'response' | 'over' = 'headers';
  const duplex = flow.mode === 'FULL_DUPLEX_STREAMED';
  const respond = (): void => {
    if (!destination) throw new Error('no destination was told');
    if (duplex && echoed !== script.bodyBytes) throw new Error(`${echoed} of ${script.bodyBytes} bytes came back`);
    phase = 'response';
    call.send([script.response]);
  };
  const call: ClientCall = client.open(processPath, {
    message: (message) => {
      const answer = readProcessingResponse(message);
      if (answer.type === 'immediate') throw new Error(`refused: ${answer.response.body}`);
      destination ||= answer.dynamicMetadata?.['envoy.lb'] !== undefined;
      const mutation = answer.type === 'body' ? answer.common?.body : undefined;
      const last = mutation?.type === 'chunk' && mutation.endOfStream;
      if (phase === 'headers') {
        phase = 'body';
        if (!duplex) call.send([script.body]);
      } else if (phase === 'body') {
        if (mutation?.type === 'chunk') echoed += mutation.body.length;
        if (last || !duplex) respond();
      } else if (answer.type === 'body' && (last || !duplex)) {
        phase = 'over';
        call.end();
      }
    },
    closed: (error) => {
      over(error ?? (phase === 'over' ? undefined : new Error(`the call ended while ${phase} was awaited`)));
    },
  });
  call.send(duplex ? [script.headers, script.body] : [script.headers]);
}

function scriptOf({ mode, pieceBytes }: Flow, body: Buffer): Script {
  const duplex = mode === 'FULL_DUPLEX_STREAMED';
  const framed = (message: Partial<ProcessingRequest>, content: object): Buffer =>
    Buffer.concat(
      writeProcessingRequest({
        metadataContext: Buffer.alloc(0),
        protocolConfig: undefined,
        observabilityMode: false,
        ...message,
        ...content,
      } as ProcessingRequest),
    );
  const bodyMessages = (phase: 'request' | 'response', bytes: Buffer, size: number): Buffer[] => {
    const messages: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.subarray(at, at + size);
      messages.push(framed({}, { type: 'body', phase, body: piece, endOfStream: !duplex }));
    }
    if (duplex) messages.push(framed({}, { type: 'body', phase, body: Buffer.alloc(0), endOfStream: true }));
    return messages;
  };
  const headers = (phase: 'request' | 'response', pairs: Record<string, string>) => ({
    type: 'headers',
    phase,
    headers: headerView(Object.entries(pairs)),
    endOfStream: false,
  });
  return {
    headers: framed(
      { protocolConfig: { requestBodyMode: mode, responseBodyMode: mode } },
      headers('request', {
        ':authority': '127.0.0.1:10000',
        ':path': '/v1/chat/completions',
        ':method': 'POST',
        ':scheme': 'http',
        'user-agent': 'bench/1',
        accept: '*/*',
        'content-type': 'application/json',
        'content-length': String(body.length),
        'x-forwarded-proto': 'http',
        'x-request-id': '9abf28ca-405f-4a19-9df9-f07193284c16',
      }),
    ),
    body: Buffer.concat(bodyMessages('request', body, pieceBytes ?? body.length)),
    bodyBytes: body.length,
    response: Buffer.concat([
      framed(
        {},
        headers('response', {
          ':status': '200',
          'content-type': 'application/json',
          date: 'Sat, 21 Nov 2026 11:00:03 GMT',
          'transfer-encoding': 'chunked',
          'x-envoy-upstream-service-time': '4',
        }),
      ),
      ...bodyMessages('response', responseBody, responseBody.length),
    ]),
  };
}
