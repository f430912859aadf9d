import { EnvoyProxy } from '../kinds/envoygateway/envoyproxy.ts';
import type { Gateway } from '../kinds/gateway/gateway.ts';
import type { GatewayClass } from '../kinds/gateway/gatewayclass.ts';
import { keyOf } from '../kinds/object.ts';
import type { SecretName } from '../credentials/tls.ts';
import type { AccessLog } from '../routes/accesslog.ts';
import { accessLogsOf } from './accesslog.ts';
import type { Lookup } from './resources.ts';

/** What `parametersRef` of a Gateway or GatewayClass leads to (gatewayapi.md 2 and 3.1, aigateway.md 13). */
export interface Parameters {
  /** `namespace/name` of the EnvoyProxy. */
  readonly key: string;
  /** Fields that are set and that nothing here looks at. */
  readonly withoutEffect: readonly string[];
  readonly accessLogs: readonly AccessLog[];
  /** A Secret with the certificate that is shown to backends. */
  readonly clientCertificate?: SecretName;
}

interface ParametersRef {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
}

/** The settings, or why there are none. */
export function parametersAt(
  lookup: Lookup,
  field: string,
  { group, kind, name }: ParametersRef,
  namespace: string | undefined,
): Parameters | { readonly problem: string } {
  if (group !== EnvoyProxy.group || kind !== EnvoyProxy.kind) {
    return { problem: `${field}: kind ${group}/${kind} is not supported: use ${EnvoyProxy.group}/${EnvoyProxy.kind}` };
  }
  if (namespace === undefined) return { problem: `${field}: the namespace of EnvoyProxy ${name} is missing` };
  const proxy = lookup.envoyProxy({ namespace, name });
  return proxy === undefined ? { problem: `${field}: EnvoyProxy ${namespace}/${name} not found` } : parametersOf(proxy);
}

function parametersOf(proxy: EnvoyProxy): Parameters {
  const { namespace = '' } = proxy.metadata;
  const certificate = proxy.spec?.backendTLS?.clientCertificateRef;
  const { logs, withoutEffect } = accessLogsOf(proxy.spec?.telemetry?.accessLog ?? {});
  return {
    key: keyOf(proxy.metadata),
    withoutEffect: [...fieldsWithoutEffect(proxy.spec ?? {}), ...withoutEffect.map((field) => `spec.${field}`)],
    accessLogs: logs,
    ...(certificate === undefined ? {} : { clientCertificate: { namespace, name: certificate.name } }),
  };
}

type Spec = NonNullable<EnvoyProxy['spec']>;

/** Everything that shapes Envoy's Pods or its inner life. What is asked for and is so anyway counts as done. */
function fieldsWithoutEffect({ provider, logging, telemetry, backendTLS, ...others }: Spec): string[] {
  const level = JSON.stringify(logging?.level ?? { default: 'warn' });
  return [
    ...fieldsOf('provider.kubernetes', provider?.kubernetes),
    ...fieldsOf('provider.host', provider?.host),
    // What the API makes of an EnvoyProxy that says nothing of it.
    ...(level === '{"default":"warn"}' ? [] : ['logging.level']),
    ...(telemetry?.tracing === undefined ? [] : ['telemetry.tracing']),
    ...metricsWithoutEffect(telemetry?.metrics),
    ...(telemetry?.requestID === undefined ? [] : ['telemetry.requestID']),
    ...fieldsOf('backendTLS', backendTLS).filter((field) => field !== 'backendTLS.clientCertificateRef'),
    ...Object.keys(others),
  ].map((field) => `spec.${field}`);
}

const fieldsOf = (path: string, value: object | undefined): string[] =>
  Object.keys(value ?? {}).map((name) => `${path}.${name}`);

/** Metrics are always there for Prometheus. */
function metricsWithoutEffect(metrics: Readonly<Record<string, unknown>> | undefined): string[] {
  const path = 'telemetry.metrics';
  const { prometheus, ...others } = metrics ?? {};
  const wanted = Object.entries(typeof prometheus === 'object' && prometheus !== null ? prometheus : {});
  const set = wanted.filter(([name, value]) => !(name === 'disable' && value === false)).map(([name]) => name);
  return [...set.map((name) => `${path}.prometheus.${name}`), ...fieldsOf(path, others)];
}

/** For the conditions of who refers to it; undefined: all of it has effect. */
export function effectText({ key, withoutEffect }: Parameters): string | undefined {
  if (withoutEffect.length === 0) return undefined;
  return `EnvoyProxy ${key}: without effect here: ${withoutEffect.join(', ')}`;
}

/** Undefined: the class refers to none. */
export function classParameters(
  lookup: Lookup,
  { spec: { parametersRef } }: GatewayClass,
): Parameters | { readonly problem: string } | undefined {
  return parametersRef && parametersAt(lookup, 'spec.parametersRef', parametersRef, parametersRef.namespace);
}

/** Those of a Gateway take the place of those of its class. */
export function gatewayParameters(
  lookup: Lookup,
  { metadata, spec }: Gateway,
): Parameters | { readonly problem: string } | undefined {
  const ref = spec.infrastructure?.parametersRef;
  return ref && parametersAt(lookup, 'spec.infrastructure.parametersRef', ref, metadata.namespace ?? '');
}
