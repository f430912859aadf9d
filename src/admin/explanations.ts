/** Why things are as they are, as `/admin/v1/explain` tells it (design rule 9). */
import type { PickExplanation } from '../picker/trace.ts';
import type { ExplainedMatch } from '../routes/match.ts';

export interface RequestExplanation {
  readonly method: string;
  readonly path: string;
  /** In the body; absent: it names none, or nobody looks. */
  readonly model?: string;
  readonly listeners: readonly ListenerExplanation[];
}

export interface ListenerExplanation {
  /** `namespace/name` */
  readonly gateway: string;
  readonly listener: string;
  readonly port: number;
  readonly host: string;
  /** RouteRule.id; absent: no rule takes the request. */
  readonly rule?: string;
  /** What is answered without a backend: a status, and why. */
  readonly answer?: string;
  /** Something would answer, be it the gateway itself with what a route says. */
  readonly answered: boolean;
  /** Matches in order of precedence, up to the one that fits. */
  readonly tried: readonly ExplainedMatch[];
  readonly backends: readonly BackendExplanation[];
}

export interface BackendExplanation {
  readonly id: string;
  readonly target: string;
  readonly priority: number;
  /** Of the requests that reach this priority, 0..1. */
  readonly share: number;
  readonly endpoints: readonly { readonly key: string; readonly pod?: string }[];
  /** Has an endpoint that the request could go to now. */
  readonly usable: boolean;
  /** Why it cannot be used, or who decides. */
  readonly note?: string;
  readonly pick?: PickExplanation;
}

/** What an object is, what it is made of and why. */
export interface ObjectExplanation {
  /** `group/Kind namespace/name` */
  readonly object: string;
  readonly state: string;
  /** Why it is in this state. */
  readonly message: string;
  readonly parts: readonly ObjectPart[];
  /** What was passed over, and why; the templates of an AIMService's model. */
  readonly rejected: readonly RejectedPart[];
}

export interface ObjectPart {
  /** Runtime config, model, template, cache, runtime, route; a condition's type. */
  readonly name: string;
  readonly object: string;
  readonly state: string;
  readonly detail: string;
}

export interface RejectedPart {
  readonly name: string;
  readonly scope: string;
  readonly reason: string;
  readonly detail: string;
}
