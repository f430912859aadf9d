/** Which model a request's servers are asked for, by the pool's InferenceModelRewrites (epp.md 1.4). */
import type { InferenceModelRewrite } from '../kinds/inference/inferencemodelrewrite.ts';
import type { Chance } from './ports.ts';

interface Rule {
  readonly rewriteName: string;
  readonly targets: readonly { readonly model: string; readonly weight: number }[];
  readonly totalWeight: number;
}

export interface Rewrites {
  /** The rewritten model and the object that says so; undefined when no rule matches. */
  rewrite(incomingModel: string, random: Chance): { readonly model: string; readonly rewriteName: string } | undefined;
}

/** An exact match beats a rule for all models; among equals the older object, then the order of its rules. */
export function compileRewrites(objects: readonly InferenceModelRewrite[]): Rewrites {
  const exact = new Map<string, Rule>();
  let general: Rule | undefined;
  const createdAt = ({ metadata }: InferenceModelRewrite): string => metadata.creationTimestamp ?? '';
  const byAge = objects.toSorted(
    (one, other) =>
      compare(createdAt(one), createdAt(other)) || compare(one.metadata.name ?? '', other.metadata.name ?? ''),
  );
  for (const { metadata, spec } of byAge) {
    for (const { matches = [], targets } of spec.rules) {
      const weighted = targets.map(({ modelRewrite, weight }) => ({ model: modelRewrite, weight: weight ?? 0 }));
      const totalWeight = weighted.reduce((sum, { weight }) => sum + weight, 0);
      const rule = { rewriteName: metadata.name ?? '', targets: weighted, totalWeight };
      const models = matches.map(({ model }) => model?.value);
      if (models.length === 0) general ??= rule;
      for (const model of models) {
        if (model === undefined) general ??= rule;
        else if (!exact.has(model)) exact.set(model, rule);
      }
    }
  }
  return {
    rewrite(incomingModel, random) {
      const rule = exact.get(incomingModel) ?? general;
      const target = rule === undefined ? undefined : chooseTarget(rule, random);
      return rule === undefined || target === undefined ? undefined : { model: target, rewriteName: rule.rewriteName };
    },
  };
}

function chooseTarget({ targets, totalWeight }: Rule, random: Chance): string | undefined {
  if (targets.length === 1) return targets[0]?.model;
  if (totalWeight === 0) return targets[Math.floor(random() * targets.length)]?.model;
  let point = random() * totalWeight;
  for (const { model, weight } of targets) {
    point -= weight;
    if (point < 0) return model;
  }
  return targets.at(-1)?.model;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
