import { setTimeout as delay } from 'node:timers/promises';
import { Agent, type Dispatcher } from 'undici';
import type { ApiTarget } from './apiserver.ts';
import { isRecord, mismatches, type Behaviour, type Step, type WatchExpectation } from './behaviour.ts';

const patience = 15_000;

/** Performs behaviours against one API; each gets a namespace of its own. */
export interface Performer {
  /** Rejects with the request, what was expected and what was got when the API behaves differently. */
  perform(behaviour: Behaviour): Promise<void>;
  close(): Promise<void>;
}

/** @param prefix starts the names of the namespaces */
export function createPerformer(target: ApiTarget, prefix: string): Performer {
  const agent = new Agent({ connect: { ca: target.caCertificate } });
  let count = 0;
  return {
    async perform(behaviour) {
      const ns = `${prefix}-${(count += 1)}`;
      const run: Run = { target, agent, captured: new Map([['ns', ns]]) };
      if (JSON.stringify(behaviour.steps).includes('namespaces/{ns}')) await makeNamespace(run);
      for (const [index, step] of behaviour.steps.entries()) await performStep(run, step, `step ${index + 1}`);
    },
    close: () => agent.destroy(),
  };
}

interface Run {
  target: ApiTarget;
  agent: Agent;
  captured: Map<string, string>;
}

/** Makes the namespace, with what kube-controller-manager puts into each: Pods need the ServiceAccount. */
async function makeNamespace(run: Run): Promise<void> {
  const namespaces = '/api/v1/namespaces';
  const create = (path: string, kind: string, name: string): Step => ({
    method: 'POST',
    path,
    status: 201,
    body: { apiVersion: 'v1', kind, metadata: { name } },
  });
  await performStep(run, create(namespaces, 'Namespace', '{ns}'), 'its namespace');
  for (const [plural, kind, name] of [
    ['serviceaccounts', 'ServiceAccount', 'default'],
    ['configmaps', 'ConfigMap', 'kube-root-ca.crt'],
  ] as const) {
    const path = `${namespaces}/{ns}/${plural}`;
    const step: Step = run.target.runsControllers
      ? { path: `${path}/${name}`, eventually: true }
      : create(path, kind, name);
    await performStep(run, step, `the ${kind} ${name} of its namespace`);
  }
}

async function performStep(run: Run, step: Step, label: string): Promise<void> {
  const end = performance.now() + patience;
  for (;;) {
    const problems = await attempt(run, step);
    if (problems.length === 0) return;
    if (step.eventually !== true || performance.now() > end) {
      throw new Error([`${label}: ${describe(run, step)}`, ...problems].join('\n  '));
    }
    await delay(50);
  }
}

async function attempt(run: Run, step: Step): Promise<string[]> {
  const response = await send(run, step);
  const { statusCode, headers } = response;
  if (step.watch !== undefined && statusCode === 200) return readWatch(run, step.watch, response);
  const text = await response.body.text();
  const body = parseAnswer(text, String(headers['content-type']));
  const fill = filler(run);
  const wanted = [step.status ?? 200].flat();
  const problems = wanted.includes(statusCode) ? [] : [`expected ${wanted.join(' or ')}, got ${statusCode}`];
  for (const [name, expected] of Object.entries(step.expectHeaders ?? {})) {
    problems.push(...mismatches(headers[name], expected, fill, `header ${name}`));
  }
  if (step.expect !== undefined) problems.push(...mismatches(body, step.expect, fill));
  if (problems.length > 0) return [...problems, `answer: ${statusCode} ${text.slice(0, 3000)}`];
  for (const [name, path] of Object.entries(step.capture ?? {})) {
    const value = path.split('.').reduce<unknown>(fieldOf, body);
    if (value === undefined) return [`there is no ${path} in the answer: ${text.slice(0, 3000)}`];
    run.captured.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return [];
}

function fieldOf(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value[Number(name)];
  return isRecord(value) ? value[name] : undefined;
}

function parseAnswer(text: string, contentType: string): unknown {
  // Some JSON documents of kube-apiserver (OpenAPI's index) go out as text.
  if (!contentType.startsWith('application/json') && !text.startsWith('{')) return text;
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}

async function readWatch(run: Run, watch: WatchExpectation, { body }: Dispatcher.ResponseData): Promise<string[]> {
  const received: string[] = [];
  const cutOff = setTimeout(() => body.destroy(new Error('no further event')), patience);
  const problems: string[] = [];
  body.on('error', () => undefined);
  try {
    for (const [index, step] of (watch.during ?? []).entries()) {
      await performStep(run, step, `during the watch, step ${index + 1}`);
    }
    const events = eventsOf(body);
    for (const expected of watch.events) {
      const { value } = await events.next();
      if (typeof value !== 'string') {
        problems.push(`event ${received.length + 1}: expected ${JSON.stringify(expected)}, the watch ended`);
        break;
      }
      received.push(value);
      problems.push(...mismatches(JSON.parse(value), expected, filler(run), `event ${received.length}`));
    }
    if (watch.ends === true && problems.length === 0) {
      const { value } = await events.next();
      if (typeof value === 'string') problems.push(`expected the watch to end, got ${value}`);
    }
  } catch (error) {
    problems.push(`${error instanceof Error ? error.message : String(error)} within ${patience} ms`);
  } finally {
    clearTimeout(cutOff);
    body.destroy();
  }
  return problems.length === 0 ? [] : [...problems, `events: ${received.join('\n    ').slice(0, 4000)}`];
}

async function* eventsOf(body: AsyncIterable<Buffer>): AsyncGenerator<string, undefined> {
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line !== '');
  }
  return undefined;
}

async function send(run: Run, step: Step): Promise<Dispatcher.ResponseData> {
  const { target, agent } = run;
  const fill = filler(run);
  const token = step.token === undefined ? target.token : step.token;
  const headers: Record<string, string> = {};
  if (token !== null) headers['authorization'] = `Bearer ${fill(token)}`;
  if (step.body !== undefined) headers['content-type'] = step.type ?? 'application/json';
  for (const [name, value] of Object.entries(step.headers ?? {})) headers[name] = fill(value);
  // Not as a URL, in which the dots of a path would be resolved here.
  return agent.request({
    origin: target.url,
    path: fill(step.path),
    method: step.method ?? 'GET',
    headers,
    body: step.body === undefined ? null : fill(bodyText(step.body)),
    headersTimeout: 20_000,
  });
}

function bodyText(body: unknown): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}

function filler({ captured }: Run): (text: string) => string {
  return (text) => text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => captured.get(name) ?? whole);
}

function describe(run: Run, step: Step): string {
  const fill = filler(run);
  const lines = [`${step.method ?? 'GET'} ${fill(step.path)}`];
  for (const [name, value] of Object.entries(step.headers ?? {})) lines.push(`${name}: ${fill(value)}`);
  if (step.body !== undefined)
    lines.push(`${step.type ?? 'application/json'}: ${fill(bodyText(step.body)).slice(0, 2000)}`);
  return lines.join('\n  ');
}
