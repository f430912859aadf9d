/**
 * Which steps a request goes through, in their order. What a rule and its backends ask for is known before requests come: a step that has
 * nothing to do for them is not in their chains. Chains are made on a rule's first request and kept as long as the rule: tables share
 * the rules that did not change.
 */
import { overrideHeaders } from '../credentials/credential.ts';
import type { RouteFilter, RouteRule, WeightedBackend } from '../routes/table.ts';
import { backendsOf } from '../routes/visit.ts';
import type { HeaderModifier } from './headers.ts';
import { holdForPicker, holdOrStream } from './steps/client/body.ts';
import { filtersOf } from './steps/client/filters.ts';
import { findListener } from './steps/client/listener.ts';
import { findRule } from './steps/client/match.ts';
import { readModel } from './steps/client/model.ts';
import { prepareOutgoing } from './steps/client/outgoing.ts';
import type { ClientStep } from './steps/client/step.ts';
import type { Attempt, Send, UpstreamStep } from './steps/upstream/attempt.ts';
import { authorize, dropOverrides } from './steps/upstream/authorize.ts';
import { declareLength } from './steps/upstream/body.ts';
import { filterRequests, modifyResponses, useBackendHost } from './steps/upstream/filters.ts';
import { mutateBody, mutateHeaders, overrideModel } from './steps/upstream/llm.ts';
import { speakSchema } from './steps/upstream/translate.ts';
import { usePickedBody, usePickedHeaders } from './steps/upstream/pick.ts';
import { wrapErrors } from './steps/upstream/wraperrors.ts';
import { limitsAttempts, limitTime } from './steps/upstream/timeout.ts';

/** Until the rule is known. */
export const findingSteps: readonly ClientStep[] = [findListener, readModel, findRule];

export interface RuleChains {
  /** From the rule to the choice of a backend. */
  readonly client: readonly ClientStep[];
  /** From there to the endpoint, by backend. */
  readonly upstream: ReadonlyMap<WeightedBackend, Send>;
}

const known = new WeakMap<RouteRule, RuleChains>();

export function chainsOf(rule: RouteRule): RuleChains {
  let chains = known.get(rule);
  if (chains === undefined) {
    chains = { client: clientSteps(rule), upstream: upstreamChains(rule) };
    known.set(rule, chains);
  }
  return chains;
}

function clientSteps(rule: RouteRule): ClientStep[] {
  const picks = rule.tiers.some(({ backends }) => backends.some(({ target }) => target.type === 'pool'));
  return [
    prepareOutgoing,
    ...(rule.filters.length > 0 ? [filtersOf(rule.filters)] : []),
    picks ? holdForPicker : holdOrStream,
  ];
}

function upstreamChains(rule: RouteRule): Map<WeightedBackend, Send> {
  const dispatch: Send = (attempt: Attempt) => {
    attempt.dispatch();
  };
  const chains = new Map<WeightedBackend, Send>();
  for (const { backends } of rule.tiers) {
    for (const backend of backends) {
      const steps = upstreamSteps(rule, backend);
      chains.set(
        backend,
        steps.reduceRight((send, step) => step(send), dispatch),
      );
    }
  }
  return chains;
}

/** Outermost first: the first sees the request before the others and the answer after them. */
function upstreamSteps(rule: RouteRule, { filters, llm, target, credential }: WeightedBackend): UpstreamStep[] {
  const all = [...rule.filters, ...filters];
  const responses = all.filter(modifiesResponses);
  const steps: UpstreamStep[] = [];
  if (filters.length > 0) steps.push(filterRequests(filters));
  if (all.some(({ type }) => type === 'BackendHostRewrite')) steps.push(useBackendHost);
  if (target.type === 'pool') steps.push(usePickedHeaders);
  if (responses.length > 0) steps.push(modifyResponses(responses));
  if (llm?.modelNameOverride !== undefined) steps.push(overrideModel(llm.modelNameOverride));
  if (target.type === 'pool') steps.push(usePickedBody);
  if (llm === undefined) steps.push(declareLength);
  else {
    if (llm.schema.name.endsWith('OpenAI')) steps.push(wrapErrors);
    steps.push(speakSchema(llm));
    if (llm.headerMutation !== undefined) steps.push(mutateHeaders(llm.headerMutation));
    if (llm.bodyMutation !== undefined) steps.push(mutateBody(llm.bodyMutation));
  }
  const overrides = overridesIn(rule);
  if (overrides.length > 0) steps.push(dropOverrides(overrides));
  if (credential !== undefined) steps.push(authorize(credential));
  if (limitsAttempts(rule)) steps.push(limitTime(rule.backendRequestTimeoutMs ?? 0));
  return steps;
}

/** The headers in which clients may bring credentials for a backend of the rule. */
function overridesIn(rule: RouteRule): string[] {
  const credentials = [...backendsOf(rule)].flatMap(({ credential }) => credential ?? []);
  return [...new Set(credentials.flatMap(overrideHeaders))];
}

function modifiesResponses(filter: RouteFilter): filter is RouteFilter & HeaderModifier {
  return filter.type === 'ResponseHeaderModifier';
}
