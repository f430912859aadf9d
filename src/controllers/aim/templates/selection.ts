import { normaliseGpuModel } from './gpus.ts';

/** Which template a service without one gets: filters, then ranks, and why each other was not taken (aim.md 5.4, 11.5). */

export interface Candidate {
  readonly name: string;
  readonly scope: 'Namespace' | 'Cluster';
  /** Overall status of the template; undefined before it has one. */
  readonly status: string | undefined;
  /** What its condition Ready says. */
  readonly why?: string | undefined;
  /** What the profile is for; undefined: the template has no profile. */
  readonly profileType: string | undefined;
  readonly gpuModel: string | undefined;
  readonly gpuCount: number | undefined;
  readonly metric: string | undefined;
  readonly precision: string | undefined;
  /** Made from another template with the overrides of a service. */
  readonly derived: boolean;
}

export interface Wish {
  readonly allowUnoptimized: boolean;
  readonly metric?: string | undefined;
  readonly precision?: string | undefined;
  readonly gpuModel?: string | undefined;
  readonly gpuCount?: number | undefined;
  /** GPU models of the cluster's nodes. */
  readonly gpusInCluster: readonly string[];
}

/** What the two generations do differently. */
export interface SelectionRules {
  /** Best first; what is not listed ranks after all that is. */
  readonly ranks: readonly { readonly of: RankedField; readonly order: readonly string[] }[];
  /** Whether only optimized profiles are taken, unless the service allows others. */
  readonly optimizedOnly: boolean;
  /** Whether the service's overrides exclude templates. */
  readonly overridesExclude: boolean;
  readonly derivedCount: boolean;
}

type RankedField = 'profileType' | 'gpuModel' | 'metric' | 'precision';

const metricOrder = ['LATENCY', 'THROUGHPUT'];

export const currentSelection: SelectionRules = {
  ranks: [
    { of: 'profileType', order: ['OPTIMIZED', 'PREVIEW', 'UNOPTIMIZED'] },
    { of: 'gpuModel', order: ['MI325X', 'MI300X', 'MI250X', 'MI210'] },
    { of: 'metric', order: metricOrder },
    { of: 'precision', order: ['FP4', 'INT4', 'FP8', 'INT8', 'FP16', 'BF16', 'FP32'] },
  ],
  optimizedOnly: true,
  overridesExclude: true,
  derivedCount: true,
};

export const legacySelection: SelectionRules = {
  ranks: [
    { of: 'gpuModel', order: ['MI325X', 'MI300X', 'MI250X', 'MI210', 'A100', 'H100'] },
    { of: 'metric', order: metricOrder },
    { of: 'precision', order: ['FP8', 'FP16', 'BF16', 'FP32'] },
  ],
  optimizedOnly: false,
  overridesExclude: false,
  derivedCount: false,
};

export type RejectionReason =
  | 'LowerPreferenceRank'
  | 'TemplatePending'
  | 'TemplateProgressing'
  | 'TemplateNotAvailable'
  | 'TemplateDegraded'
  | 'TemplateFailed'
  | 'TemplateNotReady'
  | 'UnoptimizedTemplateFiltered'
  | 'ServiceOverridesNotMatched'
  | 'RequiredGPUNotInCluster'
  | 'TemplateSelectionAmbiguous';

export interface Rejection {
  readonly name: string;
  readonly scope: Candidate['scope'];
  readonly reason: RejectionReason;
  /** For people: what about the template, or what to do. */
  readonly detail: string;
}

export type Selection =
  | { readonly outcome: 'Selected'; readonly chosen: Candidate; readonly rejected: readonly Rejection[] }
  | {
      /** NoCandidates: the model has no template; NoneReady: it will have; NoMatch: none of the ready ones fits. */
      readonly outcome: 'NoCandidates' | 'NoneReady' | 'NoMatch' | 'Ambiguous';
      readonly rejected: readonly Rejection[];
    };

export function selectTemplate(all: readonly Candidate[], wish: Wish, rules: SelectionRules): Selection {
  const rejected: Rejection[] = [];
  const keep = (candidates: readonly Candidate[], verdict: (candidate: Candidate) => Verdict): Candidate[] =>
    candidates.filter((candidate) => {
      const no = verdict(candidate);
      if (no !== undefined) rejected.push({ name: candidate.name, scope: candidate.scope, ...no });
      return no === undefined;
    });

  const candidates = all.filter(({ derived }) => rules.derivedCount || !derived);
  if (candidates.length === 0) return { outcome: 'NoCandidates', rejected };
  const ready = keep(candidates, whyNotReady);
  if (ready.length === 0) return { outcome: 'NoneReady', rejected };
  const optimized = keep(ready, (candidate) => whyNotOptimized(candidate, wish, rules));
  const wanted = keep(optimized, (candidate) => whyNotWanted(candidate, wish, rules));
  const possible = keep(wanted, (candidate) => whyNotPossible(candidate, wish));
  const own = possible.some(({ scope }) => scope === 'Namespace');
  const inScope = keep(possible, ({ scope }) =>
    own && scope === 'Cluster' ? lower('templates of the namespace go before those of the cluster') : undefined,
  );
  if (inScope.length === 0) return { outcome: 'NoMatch', rejected };
  return best(inScope, rules, rejected);
}

type Verdict = Pick<Rejection, 'reason' | 'detail'> | undefined;

const lower = (detail: string): Verdict => ({ reason: 'LowerPreferenceRank', detail });

function best(candidates: readonly Candidate[], rules: SelectionRules, rejected: Rejection[]): Selection {
  const [first, ...others] = candidates.toSorted((one, other) => compareRanks(one, other, rules));
  if (first === undefined) return { outcome: 'NoMatch', rejected };
  const tied = others.filter((other) => compareRanks(first, other, rules) === 0);
  const behind = others.filter((other) => !tied.includes(other));
  rejected.push(
    ...behind.map(({ name, scope, ...rest }): Rejection => {
      const detail = `${describe({ name, scope, ...rest })} ranks behind ${describe(first)} of ${first.name}`;
      return { name, scope, reason: 'LowerPreferenceRank', detail };
    }),
  );
  if (tied.length === 0) return { outcome: 'Selected', chosen: first, rejected };
  for (const { name, scope } of [first, ...tied]) {
    const detail = 'it ranks the same as others: name one in template.name, or tell them apart with overrides';
    rejected.push({ name, scope, reason: 'TemplateSelectionAmbiguous', detail });
  }
  return { outcome: 'Ambiguous', rejected };
}

function describe({ profileType, gpuModel, metric, precision }: Candidate): string {
  const known = [profileType, gpuModel, metric, precision].filter((text) => text !== undefined && text !== '');
  return known.length === 0 ? 'unknown profile' : known.join('/');
}

const notReady: Readonly<Record<string, RejectionReason>> = {
  Pending: 'TemplatePending',
  Progressing: 'TemplateProgressing',
  NotAvailable: 'TemplateNotAvailable',
  Degraded: 'TemplateDegraded',
  Failed: 'TemplateFailed',
};

function whyNotReady({ status, why = '' }: Candidate): Verdict {
  if (status === 'Ready') return undefined;
  const detail = `its status is ${status ?? 'not known yet'}${why === '' ? '' : `: ${why}`}`;
  return { reason: notReady[status ?? ''] ?? 'TemplateNotReady', detail };
}

function whyNotOptimized({ profileType }: Candidate, wish: Wish, rules: SelectionRules): Verdict {
  if (!rules.optimizedOnly || wish.allowUnoptimized || profileType === 'optimized') return undefined;
  const detail = `its profile is ${profileType ?? 'unoptimized'}: set template.allowUnoptimized to take it`;
  return { reason: 'UnoptimizedTemplateFiltered', detail };
}

/** Whether a template that was taken once still is what the service wants. */
export function meetsOverrides(candidate: Candidate, wish: Wish, rules: SelectionRules): boolean {
  return whyNotWanted(candidate, wish, rules) === undefined;
}

function whyNotWanted(candidate: Candidate, wish: Wish, rules: SelectionRules): Verdict {
  if (!rules.overridesExclude) return undefined;
  const unlike = (what: string, wanted: string | number, is: string | number | undefined): Verdict => ({
    reason: 'ServiceOverridesNotMatched',
    detail: `overrides want ${what} ${wanted}, it has ${is === undefined || is === '' ? 'none' : is}`,
  });
  const { metric, precision, gpuModel, gpuCount } = candidate;
  if (wish.metric !== undefined && !sameText(wish.metric, metric)) return unlike('metric', wish.metric, metric);
  if (wish.precision !== undefined && !sameText(wish.precision, precision)) {
    return unlike('precision', wish.precision, precision);
  }
  if (wish.gpuModel && gpuModel && normaliseGpuModel(wish.gpuModel) !== normaliseGpuModel(gpuModel)) {
    return unlike('GPU', wish.gpuModel, gpuModel);
  }
  if (wish.gpuCount && gpuCount && wish.gpuCount !== gpuCount) return unlike('GPU count', wish.gpuCount, gpuCount);
  return undefined;
}

const sameText = (one: string, other: string | undefined): boolean => one.toLowerCase() === other?.toLowerCase();

function whyNotPossible({ gpuModel }: Candidate, { gpusInCluster }: Wish): Verdict {
  if (!gpuModel) return undefined;
  const model = normaliseGpuModel(gpuModel);
  if (gpusInCluster.some((present) => normaliseGpuModel(present) === model)) return undefined;
  const have = gpusInCluster.length === 0 ? 'no node has GPU labels' : `the nodes have ${gpusInCluster.join(', ')}`;
  return { reason: 'RequiredGPUNotInCluster', detail: `it needs ${model}, ${have}` };
}

function compareRanks(one: Candidate, other: Candidate, { ranks }: SelectionRules): number {
  for (const { of, order } of ranks) {
    const difference = rankOf(one[of], order) - rankOf(other[of], order);
    if (difference !== 0) return difference;
  }
  // A template made for one service's overrides must not tie with the one it was made from.
  return Number(one.derived) - Number(other.derived);
}

/** Everything that is not listed ranks the same, behind all that is. */
function rankOf(text: string | undefined, order: readonly string[]): number {
  const rank = order.indexOf((text ?? '').toUpperCase());
  return rank < 0 ? order.length : rank;
}

const mostDescribed = 8;

/** The rejected in one line each way, for a condition's message. */
export function describeRejections(rejected: readonly Rejection[]): string {
  const told = rejected
    .slice(0, mostDescribed)
    .map(({ name, scope, reason, detail }) => `${name} (${scope}): ${reason}, ${detail}`);
  const more = rejected.length > told.length ? [`and ${rejected.length - told.length} more`] : [];
  return [...told, ...more].join('; ');
}
