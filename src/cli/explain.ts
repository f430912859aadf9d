import type { BackendExplanation, ListenerExplanation, RequestExplanation } from '../app/explain.ts';
import type { ServiceExplanation } from '../controllers/aim/service/explain.ts';
import type { PickExplanation, ProfileTrace } from '../picker/trace.ts';
import { askAdmin, type AdminFlags } from './admin.ts';
import { table } from './table.ts';

export interface ExplainFlags extends AdminFlags {
  model?: string;
  prompt?: string;
  namespace: string;
  output?: 'json';
}

/** Asks a running `headgate up` about a request or an object, and prints why. */
export async function explain(object: string | undefined, flags: ExplainFlags): Promise<void> {
  if (object !== undefined) {
    await explainService(object, flags);
    return;
  }
  const { model, prompt } = flags;
  if (model === undefined || prompt === undefined) {
    throw new Error('say what to explain: service/NAME, or a request with --model and --prompt');
  }
  const body = JSON.stringify({ model, prompt });
  // Our own server, of our own version: its answer is what explainRequest returns.
  const explanation = (await askAdmin(flags, '/debug/explain', { method: 'POST', body })) as RequestExplanation;
  print(flags, explanation, describe);
}

async function explainService(object: string, flags: ExplainFlags): Promise<void> {
  const name = /^(?:service|aimservice|aimsvc)\/(?<name>[^/]+)$/.exec(object)?.groups?.['name'];
  if (name === undefined) throw new Error(`cannot explain "${object}": expected service/NAME`);
  const query = new URLSearchParams({ namespace: flags.namespace, name });
  // As above: what the controllers' explainService returns.
  const explanation = (await askAdmin(flags, `/debug/explain/service?${query.toString()}`)) as ServiceExplanation;
  print(flags, explanation, describeService);
}

function print<T>(flags: ExplainFlags, explanation: T, inWords: (explanation: T) => string): void {
  console.log(flags.output === 'json' ? JSON.stringify(explanation, undefined, 2) : inWords(explanation));
}

function describeService({ service, status, message, parts, rejected }: ServiceExplanation): string {
  const rows = parts.map(({ name, object, state, detail }) => [name, object, state, detail]);
  const sections = [`${service} is ${status}: ${message}`, table(['PART', 'OBJECT', 'STATE', 'WHY'], rows)];
  if (rejected.length > 0) {
    const others = rejected.map(({ name, scope, reason, detail }) => [name, scope, reason, detail]);
    sections.push(`Templates that are not used\n${table(['TEMPLATE', 'SCOPE', 'REASON', 'WHY'], others)}`);
  }
  return sections.join('\n\n');
}

function describe({ model, path: requestPath, listeners }: RequestExplanation): string {
  if (listeners.length === 0) return 'No Gateway is served: nothing takes requests.';
  return [`POST ${requestPath} for model ${model}`, ...listeners.map(describeListener)].join('\n\n');
}

function describeListener(explained: ListenerExplanation): string {
  const { gateway, listener, port, host, rule, answer, tried, backends } = explained;
  const matched = tried.at(-1);
  const lines = [
    `Gateway ${gateway}, listener ${listener} (port ${port}, host ${host})`,
    rule === undefined ? 'No route takes it: 404' : `Route ${rule}: ${matched?.conditions ?? ''}`,
    ...(answer === undefined ? [] : [`It answers itself: ${answer}`]),
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
