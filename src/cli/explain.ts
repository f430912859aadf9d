import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { adminUrlFile } from '../app/datadir.ts';
import type { BackendExplanation, ListenerExplanation, RequestExplanation } from '../app/explain.ts';
import type { PickExplanation, ProfileTrace } from '../picker/trace.ts';
import { table } from './table.ts';

export interface ExplainFlags {
  model: string;
  prompt: string;
  dataDir: string;
  admin?: string;
  output?: 'json';
}

const timeoutMs = 10_000;

/** Asks a running `headgate up` where a request would go, and prints why. */
export async function explain(flags: ExplainFlags): Promise<void> {
  const base = flags.admin ?? (await adminUrl(flags.dataDir));
  const response = await ask(new URL('/debug/explain', base), { model: flags.model, prompt: flags.prompt });
  const text = await response.text();
  if (!response.ok) throw new Error(`${base} answered ${response.status}: ${text.trim()}`);
  // Our own server, of our own version: its answer is what explainRequest returns.
  const explanation = JSON.parse(text) as RequestExplanation;
  console.log(flags.output === 'json' ? JSON.stringify(explanation, undefined, 2) : describe(explanation));
}

async function adminUrl(dataDir: string): Promise<string> {
  const file = path.join(path.resolve(dataDir), adminUrlFile);
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    throw new Error(
      `no \`headgate up\` runs with the data directory ${path.resolve(dataDir)}; name another with --data-dir, or its address with --admin`,
    );
  }
}

async function ask(url: URL, asked: { model: string; prompt: string }): Promise<Response> {
  try {
    return await fetch(url, { method: 'POST', body: JSON.stringify(asked), signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new Error(`cannot ask ${url.origin}: ${cause}; is \`headgate up\` running?`, { cause: error });
  }
}

function describe({ model, path: requestPath, listeners }: RequestExplanation): string {
  if (listeners.length === 0) return 'No Gateway is served: nothing takes requests.';
  return [`POST ${requestPath} for model ${model}`, ...listeners.map(describeListener)].join('\n\n');
}

function describeListener({ gateway, listener, port, host, rule, tried, backends }: ListenerExplanation): string {
  const matched = tried.at(-1);
  const lines = [
    `Gateway ${gateway}, listener ${listener} (port ${port}, host ${host})`,
    rule === undefined ? 'No route takes it: 404' : `Route ${rule}: ${matched?.conditions ?? ''}`,
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
