/** The JSON that `/admin/v1` answers with: what the CLI prints and the web console shows. Fields are only added within a version. */
import type { ObjectExplanation, RequestExplanation } from './explanations.ts';
import type { TrailEntry } from './decisions.ts';
import type { RouteTable } from '../routes/table.ts';
import type { FinishedRequest } from './requests.ts';

export const adminApiVersion = 'admin.headgate.dev/v1';

interface Resource<Kind extends string> {
  readonly apiVersion: typeof adminApiVersion;
  readonly kind: Kind;
}

interface List<Kind extends string, Item> extends Resource<Kind> {
  readonly items: readonly Item[];
}

export type ModelList = List<'ModelList', ServedModel>;
/** The latest first. */
export type DecisionList = List<'DecisionList', TrailEntry>;
/** The table that the gateway serves now, as data. */
export interface RouteTableResource extends Resource<'RouteTable'> {
  readonly table: RouteTable;
}
export type RequestExplanationResource = Resource<'RequestExplanation'> & RequestExplanation;
export type ObjectExplanationResource = Resource<'ObjectExplanation'> & ObjectExplanation;
/** The data of the event `request`. */
export type RequestEvent = FinishedRequest;

/** A model that a Gateway serves, and how a client asks for it. */
export interface ServedModel {
  /** What requests name; absent where nobody has said it yet. */
  readonly model?: string;
  /** What serves it: the controller of the route, else the route. */
  readonly source: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  };
  /** `namespace/name` of the route. */
  readonly route: string;
  /** The backends its requests are spread over, with their share where there are several. */
  readonly backend: string;
  /** Endpoints that could answer now. */
  readonly endpoints: number;
  /** `namespace/name` of the Gateway. */
  readonly gateway: string;
  /** The base URL for OpenAI clients, on the port that is really open; absent: the Gateway has no address. */
  readonly url?: string;
  /** Requests must have this Host header; `*.` for any name below. */
  readonly host?: string;
}

/** What is asked of `/admin/v1/explain`. */
export type Question =
  | { readonly request: AskedRequest }
  | { readonly object: { readonly resource: string; readonly namespace: string; readonly name: string } };

/** A request as a client would send it. */
export interface AskedRequest {
  readonly method: string;
  /** Absolute, or a path: then every listener is asked. */
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

export function resource<Kind extends string, Fields extends object>(
  kind: Kind,
  fields: Fields,
): Resource<Kind> & Fields {
  return { apiVersion: adminApiVersion, kind, ...fields };
}
