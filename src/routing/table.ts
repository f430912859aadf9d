/**
 * The compiled form of all routes: what the data plane reads and nothing else. Immutable: a change of any resource makes a
 * new table that shares the unchanged parts, and requests in flight finish on the one they began with (design rule 2).
 * It knows neither Kubernetes objects nor sockets.
 */

export interface RouteTable {
  /** Counts tables of this process; shown in the debug header and in logs. */
  readonly generation: number;
  /** By `namespace/name` of the Gateway. */
  readonly gateways: ReadonlyMap<string, GatewayTable>;
  /** Where the backends of rules lead, by key: what changes when a Pod becomes ready, while the rules stay as they are. */
  readonly endpointSets: ReadonlyMap<string, EndpointSet>;
  readonly pools: ReadonlyMap<string, Pool>;
}

/** Before anything is compiled. */
export const noRoutes: RouteTable = { generation: 0, gateways: new Map(), endpointSets: new Map(), pools: new Map() };

export interface GatewayTable {
  /** `namespace/name` */
  readonly key: string;
  /** Largest request body that is read, in bytes (ClientTrafficPolicy connection.bufferLimit); beyond it 413. */
  readonly bodyLimitBytes: number;
  readonly listeners: readonly ListenerTable[];
  readonly models: ModelCatalog;
}

export interface ListenerTable {
  readonly name: string;
  /** The declared port, by which the data plane finds the socket. */
  readonly port: number;
  readonly protocol: 'HTTP' | 'HTTPS';
  /** Absent: every host. `*.example.com` or an exact lower-case name. */
  readonly hostname?: string;
  /**
   * Some route here matches on the model: the data plane must read it from the body of LLM requests before it matches.
   * It goes into the request headers named by `modelHeaders` below.
   */
  readonly readsModel: boolean;
  readonly index: RouteIndex;
}

/** Rules of one listener, arranged so that a match costs the same for ten routes and for ten thousand. Built by `precedence.ts`, read by `match.ts`. */
export interface RouteIndex {
  readonly exactHosts: ReadonlyMap<string, HostIndex>;
  /** Longest suffix first: `.example.com`. */
  readonly wildcardHosts: readonly { readonly suffix: string; readonly index: HostIndex }[];
  readonly anyHost?: HostIndex;
}

/** Every match is in exactly one of the four: the first that fits. Each list is in order of rank. */
export interface HostIndex {
  /** Matches that name one exact model, by that model. */
  readonly byModel: ReadonlyMap<string, readonly RankedMatch[]>;
  readonly byExactPath: ReadonlyMap<string, readonly RankedMatch[]>;
  /** By prefix without its trailing slash; '' for `/` and for matches that say nothing about the path. */
  readonly byPrefix: ReadonlyMap<string, readonly RankedMatch[]>;
  /** The lengths of the prefixes of `byPrefix`, longest first. */
  readonly prefixLengths: readonly number[];
  /** Regular expression paths. */
  readonly byRegex: readonly RankedMatch[];
  /** All of them in order of rank, for explanations. */
  readonly ordered: readonly RankedMatch[];
}

/** One match of one rule with its place in the precedence order of its host (gatewayapi.md 7); a lower rank wins. */
export interface RankedMatch {
  readonly rank: number;
  readonly path?: PathMatch;
  readonly method?: string;
  readonly headers: readonly ValueMatch[];
  readonly query: readonly ValueMatch[];
  readonly rule: RouteRule;
}

export interface PathMatch {
  readonly type: 'Exact' | 'PathPrefix' | 'RegularExpression';
  readonly value: string;
  readonly regex?: TextPattern;
}

/** A regular expression that is safe to run on what clients send (regex.ts). */
export interface TextPattern {
  test(text: string): boolean;
}

/** A header (name lower-case) or query parameter and the value it must have. */
export interface ValueMatch {
  readonly name: string;
  readonly value: string;
  readonly regex?: TextPattern;
}

export interface RouteRule {
  /** `httproute/<ns>/<name>/rule/<i>`: the id in logs, metrics and explanations. */
  readonly id: string;
  readonly route: { readonly namespace: string; readonly name: string };
  readonly ruleIndex: number;
  readonly ruleName?: string;
  /**
   * Made from an AIGatewayRoute: only LLM endpoints are answered (others: 404 `unsupported path: <path>`), requests go
   * through the router and upstream phases of aigateway.md 3.2 and 3.3.
   */
  readonly ai: boolean;
  readonly filters: readonly RouteFilter[];
  /** Milliseconds; absent: no limit. */
  readonly requestTimeoutMs?: number;
  readonly backendRequestTimeoutMs?: number;
  /** Longest silence between upstream bytes, per attempt. */
  readonly streamIdleTimeoutMs?: number;
  /** Ascending priority: the first is used, later ones when it fails to connect (aigateway.md 2.2). */
  readonly tiers: readonly Tier[];
}

export interface Tier {
  readonly priority: number;
  /** Sum of the weights; 0: nothing here can be chosen, the answer is 500 (gatewayapi.md 9). */
  readonly totalWeight: number;
  readonly backends: readonly WeightedBackend[];
}

export interface WeightedBackend {
  /** aigateway.md 0: `<routeNs>/<backendName>/route/<routeName>/rule/<i>/ref/<j>`; for plain HTTPRoutes the same shape. */
  readonly id: string;
  readonly weight: number;
  readonly filters: readonly RouteFilter[];
  readonly target: BackendTarget;
  /** The model API the backend speaks; absent for plain HTTP backends. */
  readonly llm?: LlmBackend;
}

/** A set of endpoints or a pool of the table, or why there is none. */
export type BackendTarget = { readonly type: 'endpoints' | 'pool'; readonly key: string } | InvalidTarget;

/** What a backend leads to at the moment. */
export type ResolvedTarget = EndpointSet | Pool | InvalidTarget;

/** The target of a backend as this table has it. */
export function resolveTarget(
  table: Pick<RouteTable, 'endpointSets' | 'pools'>,
  target: BackendTarget,
): ResolvedTarget {
  if (target.type === 'invalid') return target;
  const found = target.type === 'pool' ? table.pools.get(target.key) : table.endpointSets.get(target.key);
  return found ?? { type: 'invalid', reason: 'BackendNotFound', message: `${target.key} is not in the route table` };
}

/** Fixed addresses: a Service's ready endpoints, or those a Backend declares. Empty endpoints: 503. */
export interface EndpointSet {
  readonly type: 'endpoints';
  /** Names the target across tables, e.g. `service/default/foo:80` or `backend/default/foo`. */
  readonly key: string;
  /** What a `Backend` host rewrite puts into the Host header (port only when not 80); absent: the client's Host stays. */
  readonly host?: string;
  readonly protocol: 'http' | 'https' | 'h2c';
  readonly endpoints: readonly Endpoint[];
}

/** An InferencePool: a picker chooses the endpoint for each request. Empty endpoints: 503. */
export interface Pool {
  readonly type: 'pool';
  /** `namespace/name` of the InferencePool; of one of before v1 followed by its group. */
  readonly key: string;
  readonly failureMode: 'FailOpen' | 'FailClose';
  readonly protocol: 'http' | 'h2c';
  readonly endpoints: readonly Endpoint[];
  /** Who chooses; absent: in process, with the default configuration. */
  readonly picker?: PoolPicker;
}

/** Who chooses the endpoints of a pool. */
export type PoolPicker =
  /** The gateway itself; `config` is the text of an EndpointPickerConfig, '' the default. */
  | { readonly type: 'inProcess'; readonly config: string; readonly ready: true }
  /** Somebody else's endpoint picker, asked over ext_proc. */
  | {
      readonly type: 'extProc';
      readonly endpoints: readonly Endpoint[];
      readonly tls: boolean;
      readonly bodyMode: 'duplex' | 'buffered';
    }
  /** Nobody: the pool's failureMode decides. `reason` is for users. */
  | { readonly type: 'none'; readonly cause: 'Reference' | 'NotReady' | 'Configuration'; readonly reason: string };

/** A reference that cannot be used. It keeps its weight, and its share of requests is answered 500 (gatewayapi.md 9). */
export interface InvalidTarget {
  readonly type: 'invalid';
  readonly reason: string;
  readonly message: string;
}

export interface Endpoint {
  /** `address:port`, IPv6 in brackets. */
  readonly key: string;
  readonly address: string;
  readonly port: number;
  /** The pod behind it, where known. */
  readonly pod?: string;
  /** Labels of that pod, for pickers that look at them. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface LlmBackend {
  readonly schema: { readonly name: string; readonly version?: string; readonly prefix?: string };
  readonly modelNameOverride?: string;
  readonly headerMutation?: HeaderMutation;
  readonly bodyMutation?: BodyMutation;
}

/** Names lower-case. `remove` is applied first (aigateway.md 3.3 step 4). */
export interface HeaderMutation {
  readonly set: readonly { readonly name: string; readonly value: string }[];
  readonly remove: readonly string[];
}

export interface BodyMutation {
  readonly set: readonly { readonly path: string; readonly value: string }[];
  readonly remove: readonly string[];
}

export type RouteFilter =
  | {
      readonly type: 'RequestHeaderModifier' | 'ResponseHeaderModifier';
      readonly set: readonly { readonly name: string; readonly value: string }[];
      readonly add: readonly { readonly name: string; readonly value: string }[];
      readonly remove: readonly string[];
    }
  | {
      readonly type: 'RequestRedirect';
      readonly scheme?: 'http' | 'https';
      readonly hostname?: string;
      readonly port?: number;
      readonly path?: PathRewrite;
      readonly statusCode: number;
    }
  | { readonly type: 'URLRewrite'; readonly hostname?: string; readonly path?: PathRewrite }
  /** Envoy Gateway's HTTPRouteFilter urlRewrite.hostname.type Backend: Host = the chosen backend's host. */
  | { readonly type: 'BackendHostRewrite' }
  | {
      readonly type: 'DirectResponse';
      readonly statusCode: number;
      readonly contentType?: string;
      readonly body: string;
    }
  /** A filter that cannot be carried out: requests get 500, never a silent skip (gatewayapi.md 8). */
  | { readonly type: 'Invalid'; readonly message: string };

export type PathRewrite =
  | { readonly type: 'ReplaceFullPath'; readonly value: string }
  | { readonly type: 'ReplacePrefixMatch'; readonly value: string; readonly prefix: string };

/** What `GET /v1/models` lists, scoped by host (aigateway.md 3.7). */
export interface ModelCatalog {
  readonly all: readonly ModelEntry[];
  readonly byHost: ReadonlyMap<string, readonly ModelEntry[]>;
  readonly unscoped: readonly ModelEntry[];
}

export interface ModelEntry {
  readonly id: string;
  readonly ownedBy: string;
  /** Unix seconds. */
  readonly created: number;
}

/**
 * Request headers that carry the model. The data plane sets them from the body on every LLM request, overwriting what the
 * client sent: `x-ai-eg-model` for AIGatewayRoutes (aigateway.md 3.2), `x-gateway-model-name` for HTTPRoutes written for
 * the Inference Extension's body-based router (epp.md 8).
 */
export const modelHeaders = ['x-ai-eg-model', 'x-gateway-model-name'] as const;
