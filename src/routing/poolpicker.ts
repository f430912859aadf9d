/** Who picks for an InferencePool: from its endpointPickerRef over the Service to the pods behind it (epp.md 1.1, 2; aigateway.md 2.7). */
import type { Pod } from '../kinds/core/pod.ts';
import type { InferencePool } from '../kinds/inference/inferencepool.ts';
import { serviceEndpoints } from './endpoints.ts';
import { podConfig } from './podconfig.ts';
import { groupOf, type DeclaredPool } from './pools.ts';
import type { Lookup } from './resources.ts';
import { no, yes, type Finding } from './statuses.ts';
import type { PoolPicker } from '../routes/table.ts';

const defaultPort = 9002;
const bodyModeAnnotation = 'aigateway.envoyproxy.io/processing-body-mode';

/** The picker of a pool. */
export function poolPicker(lookup: Lookup, declared: DeclaredPool): PoolPicker {
  return lookup.remember(`picker of pool ${declared.key}`, (at) => {
    const current = at.pool(groupOf(declared), declared.pool.metadata);
    return findPicker(at, (current ?? declared).pool);
  });
}

const none = (cause: Extract<PoolPicker, { type: 'none' }>['cause'], reason: string): PoolPicker => ({
  type: 'none',
  cause,
  reason,
});

function findPicker(lookup: Lookup, { metadata, spec }: InferencePool): PoolPicker {
  const reference = spec.endpointPickerRef;
  if (reference === undefined) return { type: 'inProcess', config: '', ready: true };
  const { group = '', kind = 'Service', name } = reference;
  if (group !== '' || kind !== 'Service') return none('Reference', `a picker of kind ${kind} is not supported`);
  const { namespace = '' } = metadata;
  const service = lookup.service({ namespace, name });
  if (service === undefined) {
    if (hasStandIn(lookup, name)) return { type: 'inProcess', config: '', ready: true };
    return none('Reference', `there is no Service ${name}`);
  }
  const number = reference.port?.number ?? defaultPort;
  const port = service.spec.ports?.find((candidate) => candidate.port === number);
  if (port === undefined) return none('Reference', `Service ${name} has no port ${number}`);
  const endpoints = serviceEndpoints(lookup, service, port);
  if (endpoints.length === 0) return none('NotReady', `Service ${name} has no ready endpoint`);
  const pods = endpoints.flatMap(({ pod }) => (pod === undefined ? [] : (lookup.pod({ namespace, name: pod }) ?? [])));
  const duplex = metadata.annotations?.[bodyModeAnnotation] !== 'buffered';
  const remote: PoolPicker = {
    type: 'extProc',
    endpoints,
    tls: port.appProtocol !== 'kubernetes.io/h2c',
    bodyMode: duplex ? 'duplex' : 'buffered',
  };
  return ownPicker(lookup, pods) ?? remote;
}

/** The gateway's own picker takes the place of this Service, while there is none. */
export const hasStandIn = ({ pickers }: Lookup, service: string): boolean => pickers.standIns?.has(service) === true;

/** The newest of our own pickers decides, so that a rollout takes effect as soon as its first pod is ready. */
function ownPicker(lookup: Lookup, pods: readonly Pod[]): PoolPicker | undefined {
  const { pickers } = lookup;
  const [newest] = pods
    .flatMap((pod) => {
      const container = pod.spec.containers.find(({ image = '' }) => pickers.isOwn(image));
      return container === undefined ? [] : [{ pod, container }];
    })
    .sort((a, b) => compareText(ageOf(b.pod), ageOf(a.pod)));
  if (newest === undefined) return undefined;
  const { namespace = '', name } = newest.pod.metadata;
  const config = podConfig(newest.pod, newest.container, (map) => lookup.configMap({ namespace, name: map }));
  if (config.type === 'unknown') return undefined;
  if (config.type === 'missing') return none('Configuration', `Pod ${name}: ${config.message}`);
  const wrong = config.text === '' ? undefined : pickers.problem(config.text);
  if (wrong !== undefined) return none('Configuration', `Pod ${name}: ${wrong}`);
  return { type: 'inProcess', config: config.text, ready: true };
}

const ageOf = ({ metadata }: Pod): string => `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What users read of a pool's picker in its status; undefined for a pool that names none. */
export function pickerReadyFinding(lookup: Lookup, declared: DeclaredPool): Finding | undefined {
  const reference = declared.pool.spec.endpointPickerRef;
  if (reference === undefined) return undefined;
  const picker = poolPicker(lookup, declared);
  if (picker.type === 'inProcess') {
    const { namespace } = declared.pool.metadata;
    const message =
      lookup.service({ namespace, name: reference.name }) === undefined
        ? `there is no Service ${reference.name}: the gateway picks in process in its place`
        : `the gateway picks in process as the pods of Service ${reference.name} are configured`;
    return yes('PickerReady', 'InProcess', message);
  }
  if (picker.type === 'extProc') {
    return yes('PickerReady', 'ExtProc', `the gateway asks the pods of Service ${reference.name} over ext_proc`);
  }
  const reasons = {
    Reference: 'InvalidExtensionRef',
    NotReady: 'NoReadyEndpoint',
    Configuration: 'InvalidConfiguration',
  };
  return no('PickerReady', reasons[picker.cause], picker.reason);
}
