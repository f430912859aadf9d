/** The gateway of the benchmark in a process of its own: `node gatewayprocess.ts PORT ENDPOINT-PORT...`; prints `ready` and serves until SIGTERM. */
import { secretReader } from '../../src/credentials/secretreader.ts';
import { systemEnvironment } from '../../src/credentials/system.ts';
import { createDataPlane } from '../../src/gateway/dataplane.ts';
import { createHttpScrape } from '../../src/picker/metrics/httpscrape.ts';
import { createPicker } from '../../src/picker/picker.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { backend, endpointAt, table } from '../gateway/fixture.ts';

const [port, ...endpointPorts] = process.argv.slice(2).map(Number);
if (port === undefined || endpointPorts.length === 0) throw new Error('usage: gatewayprocess.ts PORT ENDPOINT-PORT...');

const log = createLog({ level: 'info' });
const key = { data: { apiKey: Buffer.from('sk-0123456789abcdef0123456789abcdef').toString('base64') } };
const endpoints = endpointPorts.map((endpointPort) => endpointAt(endpointPort));
const { scrape, close } = createHttpScrape();
const picker = createPicker({ scrape, log });
picker.update(new Map([['default/bench', endpoints]]));
const secrets = secretReader(() => key);
const plane = createDataPlane({ log, picker, debugHeaders: true, credentials: systemEnvironment(secrets, {}) });

const secret = { namespace: 'default', name: 'key', key: 'apiKey' };
const authorized =
  process.env['BENCH_CREDENTIAL'] === undefined
    ? {}
    : { credential: { type: 'APIKey', secret, policy: 'default/bench', audience: 'default/bench' } as const };

const pool = { type: 'pool', key: 'default/bench', failureMode: 'FailClose', protocol: 'http', endpoints } as const;
const rule = (model: string) => ({
  model,
  requestTimeoutMs: 60_000,
  filters: [{ type: 'BackendHostRewrite' } as const],
  backends: [backend(pool, authorized)],
});
const others = Array.from({ length: Number(process.env['BENCH_ROUTES'] ?? 51) - 1 }, (_, at) =>
  rule(`other-model-${at}`),
);
plane.apply(table([...others, rule('meta-llama/Llama-3.1-8B-Instruct')]));
const [bound] = await plane.bind('default/gw', { address: '127.0.0.1', listeners: [{ port: 80, bindPort: port }] });
if (bound?.error !== undefined) throw new Error(`cannot bind port ${port}: ${bound.error}`);
console.log('ready');

process.once('SIGTERM', () => {
  void (async () => {
    picker.stop();
    await close();
    await plane.close(0);
  })();
});
