import { keyIn, type AirunwayDialect } from '../../kinds/airunway/dialect.ts';
import type { ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import type { Service } from '../../kinds/core/service.ts';
import { HTTPRoute } from '../../kinds/gateway/httproute.ts';
import { InferencePool } from '../../kinds/inference/inferencepool.ts';
import type { ObjectRef } from '../../kinds/object.ts';
import { child, type Child } from '../../reconcile/children.ts';
import type { AirunwaySettings } from './settings.ts';

/** The pool and the route by which a Gateway offers a deployment (airunway.md 4.1.4, 4.1.5, 4.3). */

const defaultPort = 8000;

/** The header that a body-based router, and Headgate's own gateway, set to the model of the request. */
export const modelHeader = 'X-Gateway-Model-Name';

/** Port of the containers: what the endpoint Service leads to, else what the deployment's status says. */
export function targetPortOf(deployment: ModelDeployment, service: Service | undefined): number {
  const port = servicePortOf(service);
  const target = port?.targetPort;
  if (typeof target === 'number' && target > 0) return target;
  // A port with a name is found in the pods, which are not asked: the Service's own number is the best guess then.
  return (port?.port ?? deployment.status?.endpoint?.port) || defaultPort;
}

/** Port at which the Service itself is asked. */
export function probePortOf(deployment: ModelDeployment, service: Service | undefined): number {
  return (servicePortOf(service)?.port ?? deployment.status?.endpoint?.port) || defaultPort;
}

function servicePortOf(service: Service | undefined) {
  const ports = service?.spec.ports ?? [];
  return ports.find(({ name, port }) => name === 'http' || port === 80 || port === 8080) ?? ports[0];
}

export function poolChild(
  deployment: ModelDeployment,
  dialect: AirunwayDialect,
  settings: AirunwaySettings,
  targetPort: number,
): Child {
  const { name, namespace = '' } = deployment.metadata;
  const { serviceName, servicePort, perDeployment } = settings.picker;
  return child(
    InferencePool,
    {
      metadata: { name, namespace },
      spec: {
        selector: { matchLabels: { [keyIn(dialect, 'model-deployment')]: name } },
        targetPorts: [{ number: targetPort }],
        endpointPickerRef: {
          name: perDeployment === undefined ? serviceName : pickerName(name),
          port: { number: servicePort },
        },
      },
    },
    { owned: true },
  );
}

export const pickerName = (deployment: string): string => `${deployment}-epp`;

/** A route that takes what is asked of the model, or everything where the user wants routes without matches. */
export function routeChild(
  deployment: ModelDeployment,
  gateway: { name: string; namespace: string },
  settings: Pick<AirunwaySettings, 'matchModel'>,
  modelName: string,
  pool: ObjectRef = deployment.metadata,
): Child {
  const { name, namespace = '' } = deployment.metadata;
  const elsewhere = pool.namespace !== undefined && pool.namespace !== namespace ? { namespace: pool.namespace } : {};
  const backendRefs = [{ group: InferencePool.group, kind: InferencePool.kind, name: pool.name, ...elsewhere }];
  const rule = settings.matchModel
    ? {
        matches: [
          {
            path: { type: 'PathPrefix' as const, value: '/' },
            headers: [{ type: 'Exact' as const, name: modelHeader, value: modelName }],
          },
        ],
        backendRefs,
      }
    : { backendRefs };
  return child(
    HTTPRoute,
    { metadata: { name, namespace }, spec: { parentRefs: [gateway], rules: [rule] } },
    { owned: true },
  );
}
