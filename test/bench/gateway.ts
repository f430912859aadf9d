/**
 * `npm run bench:gateway [-- --seconds N --rounds N --profile DIR --against COMMIT]`: what the gateway costs beside a plain reverse proxy.
 * One upstream (nginx, a fixed 440-byte JSON answer), one load generator (wrk, 32 connections, a 1 KB chat request, as fast as answers
 * come), three ways between them - direct, nginx as a proxy, Headgate with a picker and all its work - in alternating rounds of the
 * same run, so that whatever else the machine does hits all of them. With `--routes 1,30,300` it is Headgate alone that is measured, with so many
 * models each: finding the route must not cost more with more of them. With `--against COMMIT` the gateway of that commit runs beside this one, in the same rounds (9 of
 * them unless told otherwise), and the ratio of the two is printed with its spread. With `--credential` the same is done with a gateway that
 * puts an API key on every request.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string' },
    against: { type: 'string' },
    credential: { type: 'boolean', default: false },
    profile: { type: 'string' },
    routes: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const compares = values.against !== undefined || values.credential;
const rounds = Number(values.rounds ?? (compares ? 9 : 3));
/** A name for the other version that fits the table. */
const other = values.against?.slice(0, 9);
const withKey = 'with key';
const repository = fileURLToPath(new URL('../..', import.meta.url));
const connections = 32;
const warmupSeconds = 3;

for (const tool of ['nginx', 'wrk']) {
  if (versionOf(tool, '-v') === undefined) {
    console.error(`${tool} is not installed. On Debian or Ubuntu: apt-get install nginx-light wrk`);
    process.exit(1);
  }
}

const directory = mkdtempSync(join(tmpdir(), 'headgate-bench-'));
const children: ChildProcess[] = [];
try {
  await run();
} finally {
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(children.map(exited));
  if (values.against !== undefined) git('worktree', 'remove', '--force', join(directory, 'against'));
  rmSync(directory, { recursive: true });
}

async function run(): Promise<void> {
  const [first, second, third, proxy, gateway] = await freePorts(5);
  if (first === undefined || proxy === undefined || gateway === undefined) throw new Error('no free ports');
  const endpoints = [first, second ?? first, third ?? first];
  const pins = versionOf('taskset', '-V') !== undefined && cpus().length > 1;
  // The upstream and the generator share one core; what is measured has the other to itself.
  const [outer, measured] = pins
    ? [
        ['taskset', '-c', '0'],
        ['taskset', '-c', '1'],
      ]
    : [[], []];
  start([...outer, 'nginx', '-c', nginxConfig('upstream', upstreamConfig(endpoints))]);
  start([...measured, 'nginx', '-c', nginxConfig('proxy', proxyConfig(proxy, endpoints))]);
  const profiling = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
  const script = fileURLToPath(new URL('gatewayprocess.ts', import.meta.url));
  const startGateway = (port: number, env: Readonly<Record<string, string>> = {}): ChildProcess => {
    return start([...measured, process.execPath, ...profiling, script, String(port), ...endpoints.map(String)], env);
  };
  const counts = values.routes?.split(',') ?? [];
  const ports = await freePorts(counts.length);
  const ways: Way[] = [
    { name: 'direct', port: first },
    { name: 'nginx', port: proxy },
  ];
  if (counts.length === 0) ways.push({ name: 'headgate', port: gateway, process: startGateway(gateway) });
  if (values.credential) {
    const [port = 0] = await freePorts(1);
    ways.push({ name: withKey, port, process: startGateway(port, { BENCH_CREDENTIAL: 'yes' }) });
  }
  if (values.against !== undefined && other !== undefined) {
    const [port = 0] = await freePorts(1);
    const script = checkedOut(values.against);
    const gatewayBefore = start([...measured, process.execPath, script, String(port), ...endpoints.map(String)]);
    ways.push({ name: other, port, process: gatewayBefore });
  }
  for (const [i, routes] of counts.entries()) {
    const port = ports[i] ?? 0;
    ways.push({ name: `${routes} routes`, port, process: startGateway(port, { BENCH_ROUTES: routes }) });
  }
  const load = loadScript();
  for (const { port } of ways) {
    await answering(port);
    await wrk(outer, load, port, warmupSeconds);
  }
  const results = new Map<string, Result[]>(ways.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, port, process: measuredProcess } of ways) {
      const before = cpuMicroseconds(measuredProcess);
      const result = await wrk(outer, load, port, seconds);
      const cpu = (cpuMicroseconds(measuredProcess) - before) / (result.requestsPerSecond * seconds);
      results.get(name)?.push({ ...result, cpu });
    }
  }
  report(results, pins);
  const ours = results.get('headgate') ?? [];
  if (other !== undefined) compare(ours, results.get(other) ?? [], other);
  if (values.credential) compare(results.get(withKey) ?? [], ours, 'headgate without a key');
}

function git(...args: string[]): void {
  execFileSync('git', ['-C', repository, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** The gateway of another commit, with the packages of this one. */
function checkedOut(commit: string): string {
  const tree = join(directory, 'against');
  git('worktree', 'add', '--detach', tree, commit);
  symlinkSync(join(repository, 'node_modules'), join(tree, 'node_modules'));
  return join(tree, 'test/bench/gatewayprocess.ts');
}

/** Both ran in each round, so that their ratio there is free of what the machine did meanwhile. */
function compare(ours: readonly Result[], theirs: readonly Result[], name: string): void {
  const spread = (what: string, of: (result: Result) => number): void => {
    const ratios = ours.flatMap((result, round) => {
      const beside = theirs[round];
      return beside === undefined ? [] : [of(result) / of(beside)];
    });
    const sorted = ratios.toSorted((a, b) => a - b);
    const at = (share: number): string => (sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN).toFixed(3);
    console.log(
      `${what.padEnd(12)} ${at(0.5)} of ${name} (median of ${ratios.length} rounds; quartiles ${at(0.25)} to ${at(0.75)}, all ${at(0)} to ${at(1)})`,
    );
  };
  console.log('');
  spread('requests/s', ({ requestsPerSecond }) => requestsPerSecond);
  spread('CPU/request', ({ cpu }) => cpu);
}

interface Way {
  readonly name: string;
  readonly port: number;
  readonly process?: ChildProcess;
}

/** User and system time of a process so far, where the system tells it (Linux). */
function cpuMicroseconds(child: ChildProcess | undefined): number {
  try {
    const fields = readFileSync(`/proc/${child?.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    // Ticks of 10 ms: fields 14 and 15 of proc(5), counted behind the name.
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return Number.NaN;
  }
}

interface Result {
  readonly requestsPerSecond: number;
  readonly p50: string;
  readonly p90: string;
  readonly p99: string;
  readonly errors: number;
  /** Microseconds of processor time per request. */
  readonly cpu: number;
}

function report(results: ReadonlyMap<string, readonly Result[]>, pins: boolean): void {
  const medians = new Map<string, Result>();
  for (const [name, runs] of results) {
    const sorted = runs.toSorted((a, b) => a.requestsPerSecond - b.requestsPerSecond);
    const median = sorted[Math.floor(sorted.length / 2)];
    if (median !== undefined) medians.set(name, median);
  }
  const rate = (name: string): number => medians.get(name)?.requestsPerSecond ?? Number.NaN;
  console.log(`machine   ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}`);
  console.log(`versions  node ${process.version}, ${versionOf('nginx', '-v')}, ${versionOf('wrk', '-v')}`);
  console.log(
    `load      wrk, ${connections} connections, no pacing (next request on each answer), 1 KB chat request, 440 B answer`,
  );
  console.log(
    `pinning   ${pins ? 'upstream and wrk on core 0, proxy on core 1' : 'none: one core, or taskset is missing'}`,
  );
  console.log(
    `rounds    ${rounds} x ${seconds} s, alternating, after ${warmupSeconds} s of warm-up each; the median round is shown\n`,
  );
  console.log('            requests/s      p50      p90      p99   of direct   of nginx   CPU us/request');
  for (const [name, result] of medians) {
    const cells = [
      name.padEnd(10),
      result.requestsPerSecond.toFixed(0).padStart(12),
      ...[result.p50, result.p90, result.p99].map((latency) => latency.padStart(9)),
      (result.requestsPerSecond / rate('direct')).toFixed(3).padStart(11),
      (result.requestsPerSecond / rate('nginx')).toFixed(3).padStart(10),
      (Number.isNaN(result.cpu) ? '' : result.cpu.toFixed(1)).padStart(17),
    ];
    console.log(cells.join(''));
    const errors = (results.get(name) ?? []).reduce((sum, { errors: count }) => sum + count, 0);
    if (errors > 0) {
      console.log(`  ${errors} errors: this result does not count`);
      process.exitCode = 1;
    }
  }
}

async function wrk(pin: readonly string[], script: string, port: number, duration: number): Promise<Result> {
  const args = [...pin, 'wrk', '-t1', `-c${connections}`, `-d${duration}s`, '--latency', '-s', script];
  const output = await outputOf([...args, `http://127.0.0.1:${port}/v1/chat/completions`]);
  const find = (pattern: RegExp): string => pattern.exec(output)?.[1] ?? '';
  const socketErrors = [...(/Socket errors:(.*)/.exec(output)?.[1] ?? '').matchAll(/\d+/g)];
  return {
    requestsPerSecond: Number(find(/Requests\/sec:\s+([\d.]+)/)),
    p50: find(/50%\s+(\S+)/),
    p90: find(/90%\s+(\S+)/),
    p99: find(/99%\s+(\S+)/),
    cpu: Number.NaN,
    errors:
      Number(find(/Non-2xx or 3xx responses: (\d+)/)) + socketErrors.reduce((sum, [count]) => sum + Number(count), 0),
  };
}

function loadScript(): string {
  const content = 'What would you like to know about the water in the upper canal today? '.repeat(13);
  const body = JSON.stringify({
    model: 'meta-llama/Llama-3.1-8B-Instruct',
    messages: [{ role: 'user', content }],
    max_tokens: 64,
  });
  const path = join(directory, 'post.lua');
  writeFileSync(
    path,
    `wrk.method = "POST"\nwrk.body = [[${body}]]\nwrk.headers["Content-Type"] = "application/json"\nwrk.headers["Authorization"] = "Bearer sk-bench"\n`,
  );
  return path;
}

function upstreamConfig(ports: readonly number[]): string {
  const answer = {
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'meta-llama/Llama-3.1-8B-Instruct',
    choices: [{ index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 210, completion_tokens: 24, total_tokens: 234 },
  };
  const choice = answer.choices[0];
  if (choice !== undefined) choice.message.content = 'x'.repeat(440 - JSON.stringify(answer).length);
  const metrics = 'vllm:num_requests_waiting 0\\nvllm:num_requests_running 1\\nvllm:kv_cache_usage_perc 0.1\\n';
  return `server {
    ${ports.map((port) => `listen 127.0.0.1:${port};`).join(' ')}
    keepalive_requests 1000000000;
    location / { default_type application/json; return 200 '${JSON.stringify(answer)}'; }
    location = /metrics { default_type text/plain; return 200 "${metrics}"; }
  }`;
}

function proxyConfig(port: number, endpoints: readonly number[]): string {
  return `upstream endpoints {
    ${endpoints.map((endpoint) => `server 127.0.0.1:${endpoint};`).join(' ')}
    keepalive 64;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 1000000000;
    location / { proxy_pass http://endpoints; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }`;
}

function nginxConfig(name: string, servers: string): string {
  const path = join(directory, `${name}.conf`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${join(directory, `${name}-${kind}`)};`)
    .join(' ');
  writeFileSync(
    path,
    `daemon off; worker_processes 1; pid ${join(directory, `${name}.pid`)}; error_log stderr crit;
events { worker_connections 1024; }
http { access_log off; ${temporary} ${servers} }
`,
  );
  return path;
}

function start(command: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...env } });
  child.on('error', (error) => {
    console.error(`cannot start ${command.join(' ')}: ${error.message}`);
  });
  children.push(child);
  return child;
}

function exited(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) resolve();
    else
      child.once('exit', () => {
        resolve();
      });
  });
}

function outputOf(command: readonly string[]): Promise<string> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', () => {
      resolve(output);
    });
  });
}

/** Waits until something answers POST requests on the port. */
async function answering(port: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
        method: 'POST',
        body: '{"model":"meta-llama/Llama-3.1-8B-Instruct"}',
      });
      await answer.text();
      if (answer.status !== 200) throw new Error(`status ${answer.status}`);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** The first line a tool says about its version, on either stream; undefined when it is not installed. */
function versionOf(tool: string, flag: string): string | undefined {
  try {
    const shell = execFileSync('sh', ['-c', `command -v ${tool} >/dev/null && ${tool} ${flag} 2>&1 || [ $? -eq 1 ]`]);
    const line = shell.toString().split('\n')[0]?.trim();
    return line === '' ? undefined : line;
  } catch {
    return undefined;
  }
}
