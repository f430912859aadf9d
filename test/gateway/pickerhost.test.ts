import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe } from 'vitest';
import { createPicker } from '../../src/picker/picker.ts';
import type { Endpoint } from '../../src/routes/table.ts';
import { hostContract, type HostedEndpoint, type Sent } from '../picker/contract/host.ts';
import { backend, log, startFixture, table, until } from './fixture.ts';

/** A request as the upstream sees it. */
interface Arrived {
  readonly endpoint: Endpoint;
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
}

describe('the gateway as a host of the picker', () => {
  hostContract(async (config, roles) => {
    const picker = createPicker({ scrape: () => Promise.resolve(''), log });
    const fixture = await startFixture({ picker });
    const arrived: Arrived[] = [];
    const endpoints: Endpoint[] = [];
    for (const role of roles) {
      const { endpoint } = await fixture.upstream((message, response) => {
        message.resume().on('end', () => arrived.push({ endpoint, message, response }));
      });
      endpoints.push(role === undefined ? endpoint : { ...endpoint, labels: { 'llm-d.ai/role': role } });
    }
    const serve = (known: readonly Endpoint[]): void => {
      const pool = { type: 'pool', key: 'ns/p', failureMode: 'FailClose', protocol: 'http', endpoints: known } as const;
      const target = { ...pool, picker: { type: 'inProcess', config, ready: true } } as const;
      fixture.plane.apply(table([{ model: 'm', backends: [backend(target)] }]));
    };

    /** Begins a request; `finish` sends the rest of its body. */
    const begin = (): { finish: () => Promise<Sent> } => {
      const body = '{"model":"m","prompt":"p"}';
      const headers = { 'content-type': 'application/json', 'content-length': String(body.length) };
      const options = { host: '127.0.0.1', port: fixture.port, method: 'POST', path: '/v1/completions', headers };
      let received = 0;
      let ended = false;
      const sending = request({ ...options, agent: false }, (answer) => {
        answer.on('data', (chunk: Buffer) => (received += chunk.length)).on('end', () => (ended = true));
      });
      sending.on('error', () => undefined);
      sending.write(body.slice(0, 5));
      const finish = async (): Promise<Sent> => {
        sending.end(body.slice(5));
        await until(() => arrived.length > 0, 'the request arrives');
        const { endpoint, message, response } = arrived.shift() as Arrived;
        const firstBytes = async (): Promise<void> => {
          response.write('first');
          await until(() => received > 0, 'the first bytes');
        };
        return {
          destination: endpoint.key,
          prefill: String(message.headers['x-prefiller-host-port'] ?? ''),
          firstBytes,
          end: async () => {
            response.end();
            await until(() => ended, 'the end of the answer');
          },
          cancel: async () => {
            sending.destroy();
            await until(() => response.destroyed, 'the upstream is told');
          },
        };
      };
      return { finish };
    };

    serve(endpoints);
    picker.update(new Map([['ns/p', endpoints]]), new Map([['ns/p', config]]));
    const host = {
      send: () => begin().finish(),
      sendKnowing: async (keys: readonly string[]) => {
        // It begins under a table that knows no others, and is sent when another table is served.
        serve(endpoints.filter(({ key }) => keys.includes(key)));
        const before = fixture.plane.stats().inFlight;
        const older = begin();
        await until(() => fixture.plane.stats().inFlight === before + 1, 'the request has begun');
        serve(endpoints);
        return older.finish();
      },
      close: async () => {
        picker.stop();
        await fixture.close();
      },
    };
    const hosted = endpoints.map(({ key }, at): HostedEndpoint => ({ key, ...(roles[at] && { role: roles[at] }) }));
    return { host, endpoints: hosted };
  });
});
