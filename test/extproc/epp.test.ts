import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { serveRegistry as serveMetrics } from '../../src/admin/registrymetrics.ts';
import { frame, GrpcStatus } from '../../src/wire/grpc.ts';
import { checkHealth } from '../../src/wire/grpchealthclient.ts';
import { startEpp } from '../../src/extproc/epp.ts';
import { eppFlags, readEppFlags } from '../../src/extproc/eppflags.ts';
import { createLog } from '../../src/telemetry/log.ts';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headgate-epp-'));
});
afterAll(() => rm(directory, { recursive: true }));

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function start(...argv: string[]) {
  const ports = ['--grpc-port', '0', '--grpc-health-port', '0', '--metrics-port', '0'];
  const lines: string[] = [];
  const log = createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } });
  const epp = await startEpp(['--pool-name', 'mistral', ...ports, ...argv], { serveMetrics, env: {}, log });
  closers.push(() => epp.close());
  return { epp, logged: () => lines.join('') };
}

const config = `
apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: prefix-cache-scorer
`;

/** Asks ext_proc Process and returns the gRPC status and message. */
async function process(url: string): Promise<{ code: number; message: string }> {
  const session = connect(url, { rejectUnauthorized: false });
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/envoy.service.ext_proc.v3.ExternalProcessor/Process',
      'content-type': 'application/grpc',
    });
    let answer = { code: -1, message: '' };
    stream.on('response', (headers) => {
      answer = { code: Number(headers['grpc-status']), message: decodeURIComponent(String(headers['grpc-message'])) };
    });
    stream.write(frame(Buffer.from([0x12, 0x00])));
    stream.resume();
    await once(stream, 'close');
    return answer;
  } finally {
    session.destroy();
  }
}

describe('the endpoint picker program', () => {
  it('starts with the command line and config of the mixed-route guide, and is healthy under any name', async () => {
    const file = join(directory, 'default-plugins.yaml');
    await writeFile(file, config);
    const { epp, logged } = await start(
      '--pool-namespace',
      'default',
      '--v',
      '4',
      '--zap-encoder',
      'json',
      '--config-file',
      file,
    );
    for (const service of ['inference-extension', '', 'anything']) {
      const probe = { host: '127.0.0.1', port: epp.ports.health, service, timeoutMs: 5000 };
      expect(await checkHealth(probe)).toBe('SERVING');
    }
    expect(logged()).toContain('picks stay in the gateway');
    expect(logged()).toContain('prefix-cache-scorer');
    const metrics = await fetch(`http://127.0.0.1:${String(epp.ports.metrics)}/metrics`);
    expect(await metrics.text()).toContain('inference_pool_ready_pods{name="mistral"} 0');
  });

  it.each([
    ['TLS with a certificate of its own', []],
    ['plaintext', ['--secure-serving=false']],
  ])('says over %s that picks are made in the gateway', async (_, argv) => {
    const { epp } = await start(...argv);
    const { code, message } = await process(epp.url);
    expect(code).toBe(GrpcStatus.UNIMPLEMENTED);
    expect(message).toContain('picks stay in the gateway');
  });

  it.each([
    ['that is missing', undefined, /cannot read .*missing\.yaml/],
    ['that is not YAML', 'a: [', /not YAML/],
    ['of another kind', 'apiVersion: v1\nkind: ConfigMap\n', /kind: EndpointPickerConfig expected, got "ConfigMap"/],
    ['of an unknown version', 'apiVersion: v9\nkind: EndpointPickerConfig\n', /apiVersion: one of .* got "v9"/],
    ['with a plugin without a type', `${config}- name: x\n`, /plugins\[2\]\.type/],
  ])('does not start with a config file %s', async (name, text, message) => {
    const file = join(directory, text === undefined ? 'missing.yaml' : `${name.replaceAll(' ', '-')}.yaml`);
    if (text !== undefined) await writeFile(file, text);
    await expect(start('--config-file', file)).rejects.toThrow(message);
  });

  it.each([
    ['that is missing', undefined, /--cert-path: .* cannot be used: ENOENT/],
    ['that is none', 'text', /--cert-path: .* cannot be used: /],
  ])('does not start with a certificate %s', async (_, text, message) => {
    const certificates = await mkdtemp(join(directory, 'tls-'));
    if (text !== undefined) {
      for (const name of ['tls.crt', 'tls.key']) await writeFile(join(certificates, name), text);
    }
    await expect(start('--cert-path', certificates)).rejects.toThrow(message);
  });

  it('releases its ports when one of them is taken', async () => {
    const first = await start();
    const taken = String(first.epp.ports.health);
    await expect(start('--grpc-health-port', taken)).rejects.toThrow(/EADDRINUSE/);
  });
});

describe('the endpoint picker command line', () => {
  /** A value that each flag accepts, by what its default looks like. */
  const valueOf = (name: string, fallback: unknown): string => {
    if (name === 'endpoint-target-ports') return '8000,8001';
    if (name === 'pool-group') return 'inference.networking.k8s.io';
    if (name.includes('zap-') && name.includes('level')) return 'debug';
    if (name.includes('interval') || name.includes('threshold') || name.includes('timeout')) return '75ms';
    if (name.includes('msg-size')) return '65536';
    return typeof fallback === 'boolean' ? String(!fallback) : typeof fallback === 'number' ? '7' : String(fallback);
  };
  const conflicting = new Set(['pool-name', 'endpoint-selector']);

  it.each(Object.entries(eppFlags).filter(([name]) => !conflicting.has(name)))(
    'takes --%s with one dash and two, with = and without',
    (name, flag) => {
      const value = valueOf(name, flag.default);
      const spellings = [[`--${name}=${value}`], [`-${name}=${value}`]];
      if (typeof flag.default !== 'boolean') spellings.push([`--${name}`, value], [`-${name}`, value]);
      for (const argv of spellings) {
        const { flags, given } = readEppFlags(['--pool-name', 'p', ...argv]);
        expect(given).toContain(name);
        expect(flags[name as keyof typeof flags]).toEqual(flag.parse(value));
      }
    },
  );

  it.each([
    [['--pool-name', 'p', '--nonsense'], /unknown flag --nonsense/],
    [['--pool-name', 'p', 'stray'], /unexpected argument "stray"/],
    [['--pool-name', 'p', '--grpc-port', 'x'], /--grpc-port: a whole number/],
    [['--pool-name', 'p', '--secure-serving=maybe'], /--secure-serving: true or false/],
    [['--pool-name', 'p', '--refresh-metrics-interval', 'often'], /--refresh-metrics-interval: a duration/],
    [['--pool-name', 'p', '--config-file', 'a', '--config-text', 'b'], /exclude each other/],
    [[], /exactly one of the flags --pool-name and --endpoint-selector/],
    [['--pool-name', 'p', '--endpoint-selector', 'a=b'], /exactly one/],
    [['--endpoint-selector', 'a=b'], /needs --endpoint-target-ports/],
    [['--pool-name', 'p', '--pool-group', 'example.com'], /--pool-group: one of inference\.networking\.k8s\.io/],
    [['--pool-name', 'p', '--endpoint-target-ports', '1,2,3,4,5,6,7,8,9'], /at most 8/],
  ])('refuses %j', (argv, message) => {
    expect(() => readEppFlags(argv)).toThrow(message);
  });
});
