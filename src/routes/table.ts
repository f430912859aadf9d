import type { Credential } from '../credentials/credential.ts';
import type { SecretName, UpstreamTls } from '../credentials/tls.ts';
import type { AccessLog } from './accesslog.ts';

/**
 * The compiled form of all routes: what a data plane reads and nothing else. Plain JSON values: a table can be printed, compared,
 * sent to a worker and read back, and is the same table. Immutable: a change of any resource makes a new table that shares the
 * unchanged parts (design rule 2). It knows neither Kubernetes objects nor sockets.
 *
 * `index.ts` makes it fast to match, `visit.ts` walks it, `check.ts` says what is wrong with one, `read.ts` takes one from outside.
 */
export interface RouteTable {
  /** Counts tables of one compiler; shown in the debug header and in logs. */
  readonly generation: number;
  readonly gateways: readonly GatewayTable[];
  readonly routes: readonly Route[];
  /** Where the backends of rules lead, by key: what changes when a Pod becomes ready, while the routes stay as they are. */
  readonly endpointSets: readonly EndpointSet[];
  readonly pools: readonly Pool[];
}

/** Before anything is compiled. */
export const noRoutes: RouteTable = { generation: 0, gateways: [], routes: [], endpointSets: [], pools: [] };

/** What the parts of a table have in common: a part of the same key and identity says the same in every table and process. */
export interface Part {
  readonly key: string;
  /** A digest of all else that the part says. */
  readonly identity: string;
}

/** `key`: `namespace/name` of the Gateway. */
export interface GatewayTable extends Part {
  /** Largest request body that is read, in bytes (ClientTrafficPolicy connection.bufferLimit); beyond it 413. */
  readonly bodyLimitBytes: number;
  readonly listeners: readonly ListenerTable[];
  /** Written for every request of a route. */
  readonly accessLogs?: readonly AccessLog[];
  /** A Secret with the certificate that is shown to backends over TLS that want no other one. */
  readonly clientCertificate?: SecretName;
}

export interface ListenerTable {
  readonly name: string;
  /** The declared port, by which the data plane finds the socket. */
  readonly port: number;
  readonly protocol: 'HTTP' | 'HTTPS';
  /** Absent: every host. `*.example.com` or an exact lower-case name. */
  readonly hostname?: string;
}

/** One route and where it is reached. `key`: `namespace/name` of the HTTPRoute. */
export interface Route extends Part {
  /** creationTimestamp: of two routes that match alike the older wins (gatewayapi.md 7). */
  readonly created: string;
  readonly attachments: readonly Attachment[];
  readonly rules: readonly RouteRule[];
  /** Lower-case hosts that the route declares; none: its models are listed for every host. */
  readonly hostnames: readonly string[];
  /** What it adds to `GET /v1/models` (aigateway.md 3.7). */
  readonly models: readonly ModelEntry[];
}

/** A listener through which a route is reached. */
export interface Attachment {
  /** Key of the Gateway. */
  readonly gateway: string;
  readonly listener: string;
  /** After intersection with the listener's hostname: exact lower-case names and `*.` wildcards; none: every host. */
  readonly hosts: readonly string[];
}

export interface ModelEntry {
  readonly id: string;
  readonly ownedBy: string;
  /** Unix seconds. */
  readonly created: number;
}

/** All conditions of a match must be met. */
export interface RouteMatch {
  /** Absent: every path. */
  readonly path?: PathMatch;
  readonly method?: string;
  readonly headers: readonly ValueMatch[];
  readonly query: readonly ValueMatch[];
}

export interface PathMatch {
  readonly type: 'Exact' | 'PathPrefix' | 'RegularExpression';
  /** The text, or the source of the expression (pattern.ts). */
  readonly value: string;
}

/** A header (name lower-case) or query parameter and the value it must have. */
export interface ValueMatch {
  readonly name: string;
  readonly value: string;
  /** Absent: the value itself. */
  readonly type?: 'RegularExpression';
}

/**
 * How requests of a rule are treated. `http`: forwarded as they are. `llm`: made from an AIGatewayRoute; only LLM endpoints are
 * answered (others: 404 `unsupported path: <path>`), requests go through the router and upstream phases of aigateway.md 3.2 and 3.3.
 */
export type RouteKind = 'http' | 'llm';

export interface RouteRule {
  /** `httproute/<ns>/<name>/rule/<i>`: the id in logs, metrics and explanations. */
  readonly id: string;
  readonly route: { readonly namespace: string; readonly name: string };
  readonly ruleIndex: number;
  readonly ruleName?: string;
  readonly kind: RouteKind;
  /** The rule takes a request that one of them fits. */
  readonly matches: readonly RouteMatch[];
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
  /** How requests are authorized there; absent: they go as they are. It names Secrets and holds none. */
  readonly credential?: Credential;
}

/** A set of endpoints or a pool of the table, or why there is none. */
export type BackendTarget = { readonly type: 'endpoints' | 'pool'; readonly key: string } | InvalidTarget;

/** What a backend leads to at the moment. */
export type ResolvedTarget = EndpointSet | Pool | InvalidTarget;

/**
 * Fixed addresses: a Service's ready endpoints, or those a Backend declares. Empty endpoints: 503. `key`: `service/default/foo:80`
 * or `backend/default/foo`.
 */
export interface EndpointSet extends Part {
  readonly type: 'endpoints';
  /** What a `Backend` host rewrite puts into the Host header (port only when not 80); absent: the client's Host stays. */
  readonly host?: string;
  /** `https` exactly where `tls` says how. */
  readonly protocol: 'http' | 'https' | 'h2c';
  readonly tls?: UpstreamTls;
  readonly endpoints: readonly Endpoint[];
  /** Why there are no endpoints, where it is not that none is ready: TLS that is not set up right. For users. */
  readonly problem?: string;
}

/**
 * An InferencePool: a picker chooses the endpoint for each request. Empty endpoints: 503. `key`: `namespace/name` of the
 * InferencePool; of one of before v1 followed by its group.
 */
export interface Pool extends Part {
  readonly type: 'pool';
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

/**
 * Request headers that carry the model. The data plane sets them from the body on every LLM request, overwriting what the
 * client sent: `x-ai-eg-model` for AIGatewayRoutes (aigateway.md 3.2), `x-gateway-model-name` for HTTPRoutes written for
 * the Inference Extension's body-based router (epp.md 8).
 */
export const modelHeaders = ['x-ai-eg-model', 'x-gateway-model-name'] as const;
