import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { stringify } from 'yaml';
import type { BackendExplanation, ListenerExplanation } from '../admin/explanations.ts';
import type {
  AskedRequest,
  ObjectExplanationResource,
  Question,
  RequestExplanationResource,
} from '../admin/resources.ts';
import type { PickExplanation, ProfileTrace } from '../picker/trace.ts';
import { askAdmin, type AdminFlags } from './admin.ts';
import { table } from './table.ts';

export interface ExplainFlags extends AdminFlags {
  model?: string;
  prompt?: string;
  method?: string;
  url?: string;
  header: string[];
  /** A file, or `-` for standard input. */
  body?: string;
  namespace: string;
  output?: 'json' | 'yaml';
}

/** Asks a running `headgate up` about a request or an object, and prints why. Exits with 1 when nothing would answer the request. */
export async function explain(object: string | undefined, flags: ExplainFlags): Promise<void> {
  if (object !== undefined) {
    const question: Question = { object: { ...objectOf(object), namespace: flags.namespace } };
    // Our own server, of our own version.
    const explanation = (await askAdmin(flags, 'explain', question)) as ObjectExplanationResource;
    print(flags, explanation, describeObject);
    return;
  }
  const question: Question = { request: await requestOf(flags) };
  const explanation = (await askAdmin(flags, 'explain', question)) as RequestExplanationResource;
  print(flags, explanation, describe);
  if (!explanation.listeners.some(({ answered }) => answered)) process.exitCode = 1;
}

function objectOf(text: string): { resource: string; name: string } {
  const { resource = '', name = '' } = /^(?<resource>[^/]+)\/(?<name>[^/]+)$/.exec(text)?.groups ?? {};
  if (name === '') throw new Error(`cannot explain "${text}": expected RESOURCE/NAME, such as aimservice/qwen-chat`);
  return { resource, name };
}

/** A chat completion of `--model` and `--prompt`, or what `--url` and the rest say. */
async function requestOf(flags: ExplainFlags): Promise<AskedRequest> {
  const { model, prompt, url, header } = flags;
  const headers = header.map((line): [string, string] => {
    const { name, value = '' } = /^(?<name>[^:\s]+):\s*(?<value>.*)$/.exec(line)?.groups ?? {};
    if (name === undefined) throw new Error(`--header "${line}": expected "name: value"`);
    return [name, value];
  });
  const given = flags.body === undefined ? undefined : await bodyOf(flags.body);
  if (url === undefined && (model === undefined || prompt === undefined)) {
    throw new Error('say what to explain: RESOURCE/NAME, a request with --url, or a chat with --model and --prompt');
  }
  const chat = { model, messages: [{ role: 'user', content: prompt ?? '' }] };
  const body = given ?? (model === undefined ? '' : JSON.stringify(chat));
  return { method: flags.method ?? (body === '' ? 'GET' : 'POST'), url: url ?? '/v1/chat/completions', headers, body };
}

async function bodyOf(file: string): Promise<string> {
  if (file === '-') return readAll(process.stdin);
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new Error(`--body: ${error instanceof Error ? error.message : String(error)}`);
  });
}

function print<T>(flags: ExplainFlags, explanation: T, inWords: (explanation: T) => string): void {
  if (flags.output === 'json') console.log(JSON.stringify(explanation, undefined, 2));
  else if (flags.output === 'yaml') process.stdout.write(stringify(explanation, { lineWidth: 0 }));
  else console.log(inWords(explanation));
}

function describeObject({ object, state, message, parts, rejected }: ObjectExplanationResource): string {
  const sections = [`${object} is ${state}${message === '' ? '' : `: ${message}`}`];
  if (parts.length > 0) {
    const rows = parts.map((part) => [part.name, part.object, part.state, part.detail]);
    sections.push(table(['PART', 'OBJECT', 'STATE', 'WHY'], rows));
  }
  if (rejected.length > 0) {
    const others = rejected.map(({ name, scope, reason, detail }) => [name, scope, reason, detail]);
    sections.push(`Templates that are not used\n${table(['TEMPLATE', 'SCOPE', 'REASON', 'WHY'], others)}`);
  }
  return sections.join('\n\n');
}

function describe({ method, path, model, listeners }: RequestExplanationResource): string {
  const request = `${method} ${path}${model === undefined ? '' : ` for model ${model === '' ? '(none)' : model}`}`;
  if (listeners.length === 0) return `${request}\n\nNo Gateway is served there: nothing takes the request.`;
  return [request, ...listeners.map(describeListener)].join('\n\n');
}

function describeListener(explained: ListenerExplanation): string {
  const { gateway, listener, port, host, rule, answer, tried, backends } = explained;
  const matched = tried.at(-1);
  const lines = [
    `Gateway ${gateway}, listener ${listener} (port ${port}, host ${host})`,
    ...(rule === undefined ? [] : [`Route ${rule}: ${matched?.conditions ?? ''}`]),
    ...(answer === undefined ? [] : [`${rule === undefined ? 'It answers' : 'The route answers itself'}: ${answer}`]),
    ...tried
      .filter(({ outcome }) => outcome !== 'matched')
      .map((other) => `  passed over ${other.rule} (${other.conditions}): ${other.outcome}`),
  ];
  return [lines.join('\n'), ...backends.map(describeBackend)].join('\n\n');
}

function describeBackend({ target, priority, share, endpoints, note, pick }: BackendExplanation): string {
  const head = `${target}  (priority ${priority}, ${Math.round(share * 100)}% of its requests)`;
  const podOf = (key: string): string => endpoints.find((endpoint) => endpoint.key === key)?.pod ?? '';
  if (pick !== undefined) return [head, ...describePick(pick, podOf)].join('\n');
  const notes = note === undefined ? [] : [note];
  return [head, ...notes, ...endpoints.map(({ key }) => `  ${key} ${podOf(key)}`.trimEnd())].join('\n');
}

function describePick(pick: PickExplanation, podOf: (key: string) => string): string[] {
  const { targetModel, priority, saturation, obstacle, endpoints, profiles } = pick;
  const known = table(
    ['ENDPOINT', 'POD', 'WAITING', 'RUNNING', 'KV-CACHE', 'IN-FLIGHT', 'METRICS'],
    endpoints.map(({ key, waiting, running, kvUsage, inFlight, fresh }) => [
      key,
      podOf(key),
      waiting,
      running,
      `${(kvUsage * 100).toFixed(1)}%`,
      inFlight,
      fresh ? 'fresh' : 'stale',
    ]),
  );
  return [
    `model sent ${targetModel}, priority ${priority}, saturation ${saturation.toFixed(2)}`,
    ...(obstacle === undefined ? [] : [`It would not be sent now: ${obstacle}`]),
    known,
    ...profiles.map(describeProfile),
  ];
}

/** A row for each candidate, the picked ones first; score × weight for each scorer. */
function describeProfile({ profile, filters, candidates, scorers, totals, picked }: ProfileTrace): string {
  const left = filters.map(({ name, left: count }) => `${name} left ${count}`);
  const rankOf = (key: string): number => (picked.includes(key) ? picked.indexOf(key) : picked.length);
  const rows = candidates
    .map((key, at) => {
      const parts = scorers.map(({ weight, scores }) => {
        const score = scores[at] ?? 0;
        return `${score.toFixed(3)} × ${weight} = ${(score * weight).toFixed(3)}`;
      });
      const rank = rankOf(key);
      const place = rank === 0 ? 'picked' : rank < picked.length ? `${rank + 1}.` : '';
      return { rank, total: totals[at] ?? 0, cells: [key, ...parts, (totals[at] ?? 0).toFixed(3), place] };
    })
    .sort((one, other) => one.rank - other.rank || other.total - one.total)
    .map(({ cells }) => cells);
  const headings = ['ENDPOINT', ...scorers.map(({ name }) => name.toUpperCase()), 'TOTAL', 'PICK'];
  return [`Profile ${profile}${left.length === 0 ? '' : ` (${left.join(', ')})`}`, table(headings, rows)].join('\n');
}
