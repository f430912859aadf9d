/**
 * `npm run bench:api [-- --objects N --watchers N --only headgate --node-option=O --profile DIR]`: the embedded API, bundled as it is
 * published and with the memory settings of `headgate up`, beside etcd and kube-apiserver, one after the other in the same run, with the same load over the same client: TLS, JSON,
 * HTTP/1.1, every write synced to disk.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { build, stop as stopEsbuild } from 'esbuild';
import { Agent } from 'undici';
import { hasRealApiServer, skipMessage, startRealApiServer, type ApiTarget } from '../conformance/apiserver.ts';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '10000' },
    watchers: { type: 'string', default: '1000' },
    only: { type: 'string' },
    'node-option': { type: 'string', multiple: true, default: [] },
    profile: { type: 'string' },
  },
});
const objects = Number(values.objects);
const watchers = Number(values.watchers);
/** After the load, with all watchers connected, until memory is measured again: both collect garbage when they have time. */
const restSeconds = 30;
const inFlight = 32;
const listRounds = 7;
const watchedWrites = 200;
const collection = '/api/v1/namespaces/default/configmaps';

interface Result {
  name: string;
  value: string;
}

console.log(`machine   ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, node ${process.version}`);
console.log(`load      ${objects} ConfigMaps of 1 KB, ${inFlight} requests in flight, ${watchers} watchers\n`);
const columns: [string, Result[]][] = [];
if (values.only !== 'kube-apiserver') columns.push(['headgate', await benchHeadgate()]);
if (values.only !== 'headgate') {
  if (hasRealApiServer) columns.push(['etcd + kube-apiserver', await benchReal()]);
  else console.log(skipMessage);
}
console.log(`${''.padEnd(44)}${columns.map(([name]) => name.padStart(24)).join('')}`);
for (const [index, { name }] of (columns[0]?.[1] ?? []).entries()) {
  console.log(`${name.padEnd(44)}${columns.map(([, results]) => (results[index]?.value ?? '').padStart(24)).join('')}`);
}
console.log('* resident memory of all processes of the server; the rest beside own and store are the mapped programs');

async function benchHeadgate(): Promise<Result[]> {
  const directory = mkdtempSync(join(tmpdir(), 'headgate-bench-api-'));
  const profiling = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
  const program = await bundle();
  const { nodeOptions, environment } = memorySettings();
  const options = [...nodeOptions, ...values['node-option'], ...profiling, join(program, 'apiprocess.js'), directory];
  const env = { ...environment, ...process.env };
  const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'inherit'], env });
  try {
    for await (const line of createInterface({ input: child.stdout })) return await bench(parseTarget(line));
    throw new Error('the API did not start');
  } finally {
    await stop(child);
    for (const made of [directory, program]) rmSync(made, { recursive: true, force: true });
  }
}

/** What bin/headgate.js starts `headgate up` with. */
function memorySettings(): { nodeOptions: string[]; environment: Record<string, string> } {
  const file = fileURLToPath(new URL('../../bin/memory.json', import.meta.url));
  return JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof memorySettings>;
}

/** As `npm run bundle` does; where the packages it imports are found. */
async function bundle(): Promise<string> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const cache = join(root, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const outdir = mkdtempSync(join(cache, 'bench-api-'));
  await build({
    entryPoints: [join(root, 'test/bench/apiprocess.ts')],
    outdir,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node22.18',
    packages: 'external',
  });
  // Its process would be counted among ours.
  await stopEsbuild();
  for (const file of globSync('src/apiserver/*/*.json', { cwd: root })) {
    copyFileSync(join(root, file), join(outdir, basename(file)));
  }
  return outdir;
}

function parseTarget(line: string): ApiTarget {
  return JSON.parse(line) as ApiTarget;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

async function benchReal(): Promise<Result[]> {
  const server = await startRealApiServer();
  try {
    return await bench(server);
  } finally {
    await server.close();
  }
}

async function bench(target: ApiTarget): Promise<Result[]> {
  const agent = new Agent({ connect: { ca: target.caCertificate }, connections: null, bodyTimeout: 0 });
  const api = { agent, target };
  try {
    const atStart = memory();
    await write(api, 'POST', 'warm', 200);
    const create = await write(api, 'POST', 'object', objects);
    const update = await write(api, 'PUT', 'object', objects);
    const get = await timed(objects, (index) => send(api, 'GET', `${collection}/object-${index}`));
    const list = await median(() => send(api, 'GET', collection));
    const table = await median(() =>
      send(api, 'GET', collection, undefined, 'application/json;as=Table;v=v1;g=meta.k8s.io'),
    );
    const pages = await median(() => listPages(api));
    const withObjects = memory();
    const watching = await watch(api);
    return [
      { name: 'create, objects/s', value: create.toFixed(0) },
      { name: 'update, objects/s', value: update.toFixed(0) },
      { name: 'get, objects/s', value: get.toFixed(0) },
      { name: `list ${objects}, ms (median of ${listRounds})`, value: list.toFixed(0) },
      { name: `list ${objects} in pages of 500, ms`, value: pages.toFixed(0) },
      { name: `table of ${objects}, ms`, value: table.toFixed(0) },
      ...watching.speed,
      { name: 'memory at start, MB *', value: atStart },
      { name: `memory with ${objects} objects, MB`, value: withObjects },
      ...watching.memory,
    ];
  } finally {
    await agent.destroy();
  }
}

interface Api {
  agent: Agent;
  target: ApiTarget;
}

async function send(
  { agent, target }: Api,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  body?: unknown,
  accept = 'application/json',
): Promise<string> {
  const response = await agent.request({
    origin: target.url,
    method,
    path,
    headers: { authorization: `Bearer ${target.token}`, accept, 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.body.text();
  if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 300)}`);
  return text;
}

function configMap(name: string, version: string): unknown {
  const data = { version, text: 'All water to the fields. '.repeat(32) };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { app: 'bench' } }, data };
}

function write(api: Api, method: 'POST' | 'PUT', prefix: string, count: number): Promise<number> {
  return timed(count, (index) => {
    const name = `${prefix}-${index}`;
    return send(api, method, method === 'POST' ? collection : `${collection}/${name}`, configMap(name, method));
  });
}

/** Calls per second, with `inFlight` under way at any time. */
async function timed(count: number, call: (index: number) => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  return (count / (performance.now() - start)) * 1000;
}

async function median(call: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < listRounds; round += 1) {
    const start = performance.now();
    await call();
    times.push(performance.now() - start);
  }
  return times.toSorted((a, b) => a - b)[listRounds >> 1] ?? Number.NaN;
}

async function listPages(api: Api): Promise<void> {
  let next = '';
  do {
    const page = JSON.parse(await send(api, 'GET', `${collection}?limit=500&continue=${next}`)) as ListBody;
    next = page.metadata.continue ?? '';
  } while (next !== '');
}

interface ListBody {
  metadata: { resourceVersion: string; continue?: string };
}

/** All watchers see all writes; how fast, and how long after a write is acknowledged the last of them has seen it. */
async function watch(api: Api): Promise<{ speed: Result[]; memory: Result[] }> {
  const { metadata } = JSON.parse(await send(api, 'GET', `${collection}?limit=1`)) as ListBody;
  let delivered = 0;
  let expected = Infinity;
  let arrived: () => void = () => undefined;
  const streams = Array.from({ length: watchers }, async () => {
    const response = await api.agent.request({
      origin: api.target.url,
      method: 'GET',
      path: `${collection}?watch=true&resourceVersion=${metadata.resourceVersion}`,
      headers: { authorization: `Bearer ${api.target.token}`, accept: 'application/json' },
    });
    if (response.statusCode !== 200) throw new Error(`watch: ${response.statusCode}`);
    response.body.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) delivered += 1;
      if (delivered >= expected) arrived();
    });
    response.body.on('error', () => undefined);
    return response.body;
  });
  const bodies = await Promise.all(streams);
  const all = async (count: number): Promise<void> => {
    expected = count;
    if (delivered < count) await new Promise<void>((resolve) => (arrived = resolve));
  };
  const latencies: number[] = [];
  for (let round = 1; round <= 20; round += 1) {
    await send(api, 'PUT', `${collection}/object-${round}`, configMap(`object-${round}`, `latency-${round}`));
    const acknowledged = performance.now();
    await all(round * watchers);
    latencies.push(performance.now() - acknowledged);
  }
  const start = performance.now();
  const writing = timed(watchedWrites, (index) =>
    send(api, 'PUT', `${collection}/object-${index}`, configMap(`object-${index}`, 'watched')),
  );
  await Promise.all([writing, all((20 + watchedWrites) * watchers)]);
  const rate = (watchedWrites * watchers * 1000) / (performance.now() - start);
  const afterLoad = memory();
  await setTimeout(restSeconds * 1000);
  const afterRest = memory();
  for (const body of bodies) body.destroy();
  const latency = latencies.toSorted((a, b) => a - b)[10] ?? Number.NaN;
  return {
    speed: [
      { name: `events/s delivered to ${watchers} watchers`, value: rate.toFixed(0) },
      { name: 'last watcher after acknowledgement, ms', value: latency.toFixed(0) },
    ],
    memory: [
      { name: `memory with ${watchers} watchers, MB`, value: afterLoad },
      { name: `the same after ${restSeconds} s of rest, MB`, value: afterRest },
    ],
  };
}

/**
 * All resident memory of the processes measured, in MB, and its parts: `own` is theirs alone (RssAnon); the rest are mapped files, the
 * store's and the programs', whose pages the system takes back when it needs them.
 */
function memory(): string {
  let resident = 0;
  let own = 0;
  let store = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      if (/^PPid:\s+(\d+)$/m.exec(status)?.[1] !== String(process.pid)) continue;
      const maps = readFileSync(`/proc/${pid}/smaps`, 'utf8');
      resident += Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
      own += Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
      // data.mdb is ours, `db` etcd's.
      for (const [, size] of maps.matchAll(/\/(?:data\.mdb|db)\nSize:.*\n(?:\w+:.*\n)*?Rss:\s+(\d+) kB$/gm))
        store += Number(size);
    } catch {
      // It ended meanwhile.
    }
  }
  const mb = (kilobytes: number): string => (kilobytes / 1024).toFixed(0);
  return `${mb(resident)} (${mb(own)} own, ${mb(store)} store)`;
}
