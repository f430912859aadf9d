/** What a picker is shown of a request to an InferencePool, and what it chooses. */
import type { Usage } from '../llm/usage.ts';
import type { Endpoint, Pool } from '../routes/table.ts';
import type { HeaderModifier } from './headers.ts';

/** What is sent to somebody else's picker. */
export interface RequestView {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  /** With the query. */
  readonly path: string;
  /** Flat, lower-case, without those of a single hop. */
  readonly headers: readonly string[];
  /** Empty: the request has none. */
  readonly body: Buffer;
}

/** What a picker changes of the request, besides where it goes. */
export interface PickChanges {
  readonly headers: HeaderModifier;
  /** The model to ask for instead of the client's. */
  readonly model?: string;
  readonly body?: Buffer;
}

export interface Refusal {
  readonly status: number;
  /** Flat. */
  readonly headers: string[];
  readonly text: string;
  /** The picker has written the whole answer: it is sent as it is. */
  readonly verbatim?: true;
}

export type PoolChoice = { readonly endpoints: readonly Endpoint[]; readonly changes?: PickChanges } | Refusal;

export function isRefusal(choice: PoolChoice): choice is Refusal {
  return 'status' in choice;
}

/** A request in the care of a picker. After `end` there is nothing to tell it, and `settle` is not called any more. */
export interface PoolPick {
  /** Response headers to set; `served` is the endpoint that answered. */
  responseHead(status: number, headers: readonly string[], served: string): readonly (readonly [string, string])[];
  /** So many bytes of the answer's body came. */
  responseChunk(bytes: number): void;
  /** Somebody wants to know what the request has used. */
  readonly wantsUsage: boolean;
  /** What the model server said that it has used. */
  usage(usage: Usage): void;
  /** The exchange is over, or nobody waits for the choice any more. */
  end(): void;
}

/** `order` puts endpoints in the order to try where no picker says so. */
export type Order = (endpoints: readonly Endpoint[]) => readonly Endpoint[];

/** The pool's failureMode: any endpoint, or none (epp.md 2.4). */
export function withoutPicker(target: Pool, problem: string, order: Order): PoolChoice {
  if (target.failureMode === 'FailOpen') return { endpoints: order(target.endpoints) };
  return { status: 503, headers: [], text: `InferencePool ${target.key} ${problem}` };
}
