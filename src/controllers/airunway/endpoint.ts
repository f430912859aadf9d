import { keyIn, type AirunwayDialect } from '../../kinds/airunway/dialect.ts';
import type { EngineCapability } from '../../kinds/airunway/inferenceproviderconfig.ts';
import type { ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import { Pod } from '../../kinds/core/pod.ts';
import type { Service } from '../../kinds/core/service.ts';
import { keyOf } from '../../kinds/object.ts';
import type { Informer } from '../../kube/informer.ts';
import { matchesLabels } from '../../kinds/labels.ts';
import type { Reader } from '../../reconcile/pass.ts';
import { probePortOf } from './gatewayobjects.ts';
import { needsProbe } from './gatewayplan.ts';
import type { ModelProbe } from './modelprobe.ts';

/** The Service and the pods that a deployment's status leads to, and the model that they say they serve. */

/** Deployments whose endpoint the Service is: their ports may have changed. */
export function deploymentsBehind(
  deployments: Informer<ModelDeployment>,
  { metadata: { namespace, name } }: Service,
): string[] {
  return deployments
    .list(namespace)
    .filter(({ status }) => status?.endpoint?.service === name)
    .map(({ metadata }) => keyOf(metadata));
}

/** Deployments that a new pod serves without having the label by which their pool finds it. */
export function servedUnlabelled(
  deployments: Informer<ModelDeployment>,
  services: Informer<Service>,
  { metadata: { namespace, labels } }: Pod,
  dialect: AirunwayDialect,
): string[] {
  if (labels?.[keyIn(dialect, 'model-deployment')] !== undefined) return [];
  return deployments
    .list(namespace)
    .filter(({ status }) => {
      const service = services.get({ namespace, name: status?.endpoint?.service ?? '' });
      return service !== undefined && selects(service, labels);
    })
    .map(({ metadata }) => keyOf(metadata));
}

/** Pods behind a Service. */
export function podsOf(service: Service | undefined, read: Reader): readonly Pod[] {
  if (service === undefined) return [];
  return read.list(Pod, service.metadata.namespace).filter(({ metadata }) => selects(service, metadata.labels));
}

function selects({ spec: { selector = {} } }: Service, labels: Pod['metadata']['labels']): boolean {
  return Object.keys(selector).length > 0 && matchesLabels({ matchLabels: selector }, labels);
}

/** What the server of a running deployment says its model is, where the user has not said it. */
export function probedModel(
  deployment: ModelDeployment,
  capability: EngineCapability | undefined,
  service: Service | undefined,
  probe: ModelProbe,
  wake: (key: string) => void,
): string | undefined {
  const key = probeKey(deployment);
  const { phase, endpoint } = deployment.status ?? {};
  const { namespace = '', generation = 0 } = deployment.metadata;
  const name = endpoint?.service ?? '';
  if (phase !== 'Running' || name === '' || !needsProbe(deployment, capability)) {
    probe.forget(key);
    return undefined;
  }
  // The Service by its address, which needs no cluster DNS.
  const address = service?.spec.clusterIP;
  const host = address === undefined || address === '' || address === 'None' ? `${name}.${namespace}.svc` : address;
  const url = `http://${host}:${String(probePortOf(deployment, service))}/v1/models`;
  return probe.modelOf(key, { url, generation }, () => {
    wake(keyOf(deployment.metadata));
  });
}

/** The groups share a probe. */
export const probeKey = ({ apiVersion, metadata }: ModelDeployment): string => `${apiVersion} ${keyOf(metadata)}`;
