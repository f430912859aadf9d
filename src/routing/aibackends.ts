import type { AIGatewayRoute, AIGatewayRouteBackendRef } from '../kinds/aigateway/aigatewayroute.ts';
import type { AIServiceBackend } from '../kinds/aigateway/aiservicebackend.ts';
import { keyOf, type ObjectRef } from '../kinds/object.ts';
import type { Credential } from '../credentials/credential.ts';
import { invalid, poolGroup, resolveBackend } from './backends.ts';
import { credentialFor } from './credentials.ts';
import { isPermitted } from './grants.ts';
import { fitsHeader, headerText } from '../routes/headertext.ts';
import { spokenSchemas } from '../llm/schemas/index.ts';
import type { Lookup } from './resources.ts';
import type { BackendTarget, BodyMutation, HeaderMutation, InvalidTarget, LlmBackend } from '../routes/table.ts';

/** The backends of AIGatewayRoutes: AIServiceBackends and InferencePools (aigateway.md 1.2, 2.3, 2.5, 2.7). */

export const aiGroup = 'aigateway.envoyproxy.io';

export interface AIBackend {
  readonly target: BackendTarget;
  readonly llm?: LlmBackend;
  readonly credential?: Credential;
}

export function isPoolRef(ref: AIGatewayRouteBackendRef): boolean {
  return ref.group === poolGroup && ref.kind === 'InferencePool';
}

/** The AIServiceBackend or InferencePool that a ref names, and why it may not be used. */
export interface CheckedRef {
  readonly kind: 'AIServiceBackend' | 'InferencePool';
  readonly ref: ObjectRef;
  readonly backend?: AIServiceBackend;
  readonly problem?: InvalidTarget;
}

/** What an AIGatewayRoute can be told about a ref before its addresses are known. */
export function checkRef(lookup: Lookup, route: AIGatewayRoute, declared: AIGatewayRouteBackendRef): CheckedRef {
  const namespace = route.metadata.namespace ?? '';
  const ref = { namespace: declared.namespace ?? namespace, name: declared.name };
  const kind = isPoolRef(declared) ? 'InferencePool' : 'AIServiceBackend';
  const group = kind === 'InferencePool' ? poolGroup : aiGroup;
  const from = { group: aiGroup, kind: 'AIGatewayRoute', namespace };
  if (!isPermitted(lookup.grants(), from, { group, kind, ...ref })) {
    return { kind, ref, problem: invalid('RefNotPermitted', refusalText(namespace, kind, ref)) };
  }
  const backend = kind === 'AIServiceBackend' ? lookup.aiBackend(ref) : undefined;
  if (kind === 'AIServiceBackend' && backend === undefined) {
    return { kind, ref, problem: invalid('BackendNotFound', missingBackendText(ref)) };
  }
  const found = { kind, ref, ...(backend === undefined ? {} : { backend }) } as const;
  const unsupported =
    (backend && schemaProblem(backend)) ??
    headerProblem(declared.headerMutation, backend?.spec.headerMutation) ??
    credentialsProblem(lookup, kind, ref);
  return unsupported === undefined ? found : { ...found, problem: invalid('UnsupportedProtocol', unsupported) };
}

export function resolveAIBackend(lookup: Lookup, route: AIGatewayRoute, declared: AIGatewayRouteBackendRef): AIBackend {
  const { ref, backend, problem } = checkRef(lookup, route, declared);
  if (problem !== undefined) return { target: problem };
  const from = { group: aiGroup, kind: 'AIServiceBackend', namespace: ref.namespace ?? '' };
  if (backend !== undefined) {
    const target = resolveBackend(lookup, from, backend.spec.backendRef);
    return { target, llm: llmOf(declared, backend), ...authorized(lookup, 'AIServiceBackend', ref, target) };
  }
  // Overrides, mutations and priority do not apply to pools (aigateway.md 2.7). checkRef has seen the permission.
  const pool = { group: poolGroup, kind: 'InferencePool', name: ref.name };
  const target = resolveBackend(lookup, from, pool);
  const llm = { schema: { name: 'OpenAI', prefix: 'v1' } };
  return { target, llm, ...authorized(lookup, 'InferencePool', ref, target) };
}

/** The credential goes to where the target leads, and nowhere else. */
function authorized(
  lookup: Lookup,
  kind: CheckedRef['kind'],
  ref: ObjectRef,
  target: BackendTarget,
): Pick<AIBackend, 'credential'> {
  const found = target.type === 'invalid' ? undefined : credentialsOf(lookup, kind, ref);
  if (found === undefined || 'problem' in found || target.type === 'invalid') return {};
  return { credential: { ...found.credential, audience: target.key } };
}

/** aigateway.md 2.3 */
export function refusalText(routeNamespace: string, kind: string, target: ObjectRef): string {
  return `cross-namespace reference from AIGatewayRoute in namespace ${routeNamespace} to ${kind} ${target.name} in namespace ${target.namespace ?? ''} is not permitted: no valid ReferenceGrant found`;
}

/** aigateway.md 2.1 step 5 */
export function missingBackendText({ name, namespace = '' }: ObjectRef): string {
  return `failed to get AIServiceBackend ${name}.${namespace}: AIServiceBackend ${name}.${namespace} not found`;
}

/** Why requests cannot be sent in this backend's API. */
export function schemaProblem(backend: AIServiceBackend): string | undefined {
  const { name } = backend.spec.schema;
  if (spokenSchemas.includes(name)) return undefined;
  return `AIServiceBackend ${keyOf(backend.metadata)}: schema ${name} is not supported yet; these are: ${spokenSchemas.join(', ')}`;
}

/** How requests to an AIServiceBackend or InferencePool are authorized; undefined: no policy targets it. */
export function credentialsOf(lookup: Lookup, kind: CheckedRef['kind'], { namespace = '', name }: ObjectRef) {
  const group = kind === 'InferencePool' ? poolGroup : aiGroup;
  return credentialFor(lookup, { group, kind, namespace, name });
}

/** A backend that wants credentials gets no request without them. */
export function credentialsProblem(lookup: Lookup, kind: CheckedRef['kind'], target: ObjectRef): string | undefined {
  const found = credentialsOf(lookup, kind, target);
  return found !== undefined && 'problem' in found ? found.problem : undefined;
}

function llmOf(ref: AIGatewayRouteBackendRef, backend: AIServiceBackend): LlmBackend {
  const { name, version } = backend.spec.schema;
  const prefix = backend.spec.schema.prefix ?? (name === 'Cohere' ? 'v2' : 'v1');
  const headers = mergeHeaders(ref.headerMutation, backend.spec.headerMutation);
  const body = mergeBody(ref.bodyMutation, backend.spec.bodyMutation);
  return {
    schema: { name, prefix, ...(version !== undefined && { version }) },
    ...(ref.modelNameOverride === undefined ? {} : { modelNameOverride: ref.modelNameOverride }),
    ...(headers === undefined ? {} : { headerMutation: headers }),
    ...(body === undefined ? {} : { bodyMutation: body }),
  };
}

type DeclaredHeaders = AIServiceBackend['spec']['headerMutation'];
type DeclaredBody = AIServiceBackend['spec']['bodyMutation'];

function headerProblem(...mutations: DeclaredHeaders[]): string | undefined {
  const header = mutations.flatMap((mutation) => mutation?.set ?? []).find(({ value }) => !fitsHeader(value));
  return header === undefined ? undefined : `headerMutation: a control character in the value of header ${header.name}`;
}

/** The route's entries win over the backend's of the same name; what either removes is removed (aigateway.md 2.5). */
function mergeHeaders(route: DeclaredHeaders, backend: DeclaredHeaders): HeaderMutation | undefined {
  if (route === undefined && backend === undefined) return undefined;
  const set = new Map(
    [...(backend?.set ?? []), ...(route?.set ?? [])].map(({ name, value }) => [name.toLowerCase(), headerText(value)]),
  );
  const remove = [...(backend?.remove ?? []), ...(route?.remove ?? [])].map((name) => name.toLowerCase());
  return { set: [...set].map(([name, value]) => ({ name, value })), remove: [...new Set(remove)] };
}

function mergeBody(route: DeclaredBody, backend: DeclaredBody): BodyMutation | undefined {
  if (route === undefined && backend === undefined) return undefined;
  const set = new Map([...(backend?.set ?? []), ...(route?.set ?? [])].map(({ path, value }) => [path, value]));
  return {
    set: [...set].map(([path, value]) => ({ path, value })),
    remove: [...new Set([...(backend?.remove ?? []), ...(route?.remove ?? [])])],
  };
}
