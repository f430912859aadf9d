import type { ServiceExplanation } from '../controllers/aim/service/explain.ts';
import type { ObjectRef } from '../kinds/object.ts';
import type { Picker } from '../picker/picker.ts';
import type { RouteTable } from '../routing/table.ts';
import type { DecisionTrail } from './decisiontrail.ts';
import { explainRequest, type ExplainedRequest } from './explain.ts';
import type { ListedModel } from './modellist.ts';
import type { Page, PageReply } from './metricsserver.ts';

export interface DebugSources {
  readonly table: () => RouteTable;
  readonly picker: Pick<Picker, 'explain'>;
  readonly trail: DecisionTrail;
  /** undefined: there is no such AIMService. */
  readonly explainService: (ref: ObjectRef) => ServiceExplanation | undefined;
  readonly models: () => readonly ListedModel[];
}

/**
 * `/debug/explain?model=&prompt=`, or a POST of `{"model", "prompt"}` for prompts that are longer than a URL,
 * `/debug/explain/service?namespace=&name=`, `/debug/models` and `/debug/decisions`. For tools on this machine: what they show is nobody else's business.
 */
export function debugPages(sources: DebugSources): ReadonlyMap<string, Page> {
  const { table, picker, trail, explainService, models } = sources;
  const explain = (asked: ExplainedRequest | undefined): PageReply =>
    asked === undefined
      ? { status: 400, text: 'model and prompt expected, both texts\n' }
      : json(explainRequest(table(), picker, asked));
  return new Map<string, Page>([
    [
      '/debug/explain',
      {
        onlyLocal: true,
        get: (query) => explain(readAsked({ model: query.get('model'), prompt: query.get('prompt') ?? '' })),
        post: (body) => explain(readAsked(parse(body))),
      },
    ],
    ['/debug/explain/service', { onlyLocal: true, get: (query) => service(query, explainService) }],
    ['/debug/models', { onlyLocal: true, get: () => json({ models: models() }) }],
    ['/debug/decisions', { onlyLocal: true, get: () => json({ decisions: trail.latest() }) }],
  ]);
}

function service(query: URLSearchParams, explainService: DebugSources['explainService']): PageReply {
  const name = query.get('name') ?? '';
  const namespace = query.get('namespace') ?? '';
  if (name === '' || namespace === '') return { status: 400, text: 'namespace and name expected\n' };
  const explanation = explainService({ namespace, name });
  if (explanation === undefined) return { status: 404, text: `there is no AIMService ${namespace}/${name}\n` };
  return json(explanation);
}

function json(value: unknown): PageReply {
  return { status: 200, contentType: 'application/json', text: `${JSON.stringify(value)}\n` };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function readAsked(value: unknown): ExplainedRequest | undefined {
  if (typeof value !== 'object' || value === null || !('model' in value) || !('prompt' in value)) return undefined;
  const { model, prompt } = value;
  return typeof model === 'string' && model !== '' && typeof prompt === 'string' ? { model, prompt } : undefined;
}
