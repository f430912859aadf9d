import type { Decision } from '../picker/decision.ts';
import type { DirectorObserver } from '../picker/observer.ts';
import type { InferenceRequest } from '../picker/request.ts';

/** One decision of the endpoint picker in the gateway. Holds nothing of the prompt, the headers or the client. */
export interface TrailEntry {
  /** RFC 3339. */
  readonly time: string;
  /** `namespace/name` of the InferencePool. */
  readonly pool: string;
  readonly model: string;
  readonly targetModel?: string;
  readonly priority?: number;
  /** The endpoints to try, best first; empty when the request was dropped. */
  readonly endpoints: readonly string[];
  readonly promptBytes: number | undefined;
  /** Why it was dropped. */
  readonly dropped?: string;
}

export interface DecisionTrail {
  readonly observer: DirectorObserver;
  /** The latest first. */
  latest(): TrailEntry[];
}

/** What is kept of a decision; the entry is made of it when somebody asks. */
interface Kept {
  readonly atMs: number;
  readonly pool: string;
  readonly model: string;
  readonly promptBytes: number | undefined;
  readonly decision: Decision;
}

/** Clients choose the names of models; longer ones are cut. */
const longestModel = 200;

/** Remembers the last `limit` decisions. */
export function createDecisionTrail(limit: number, now: () => number = Date.now): DecisionTrail {
  const ring: Kept[] = [];
  let next = 0;
  return {
    observer: {
      decided(request: InferenceRequest, decision: Decision, pool: string) {
        ring[next] = {
          atMs: now(),
          pool,
          model: brief(request.incomingModel),
          promptBytes: request.prompt?.promptBytes,
          decision,
        };
        next = (next + 1) % limit;
      },
    },
    latest: () => [...ring.slice(next), ...ring.slice(0, next)].reverse().map(entryOf),
  };
}

function brief(model: string): string {
  // Through bytes, so that the long text is not kept alive by its beginning.
  return model.length <= longestModel ? model : Buffer.from(`${model.slice(0, longestModel)}…`).toString();
}

function entryOf({ atMs, pool, model, promptBytes, decision }: Kept): TrailEntry {
  const facts = { time: new Date(atMs).toISOString(), pool, model, promptBytes };
  if (decision.type === 'drop') return { ...facts, endpoints: [], dropped: decision.message };
  const { targetModel, priority, targets } = decision;
  return { ...facts, targetModel: brief(targetModel), priority, endpoints: targets.map(({ key }) => key) };
}
