import { startLegacyServiceController } from '../../../../../src/controllers/aim/service/legacy/controller.ts';
import { LegacyAIMService } from '../../../../../src/kinds/aim/legacy/aimservice.ts';
import type { Kind } from '../../../../../src/kinds/kind.ts';
import type { Condition } from '../../../../../src/kinds/object.ts';
import { startServiceCluster, type ServiceCluster } from '../servicecluster.ts';

/** An embedded API with the controller of AIMServices of aim.silogen.ai alone: the test plays everybody else. */
export function startLegacyCluster(options: { without?: readonly Kind[] } = {}): Promise<ServiceCluster> {
  return startServiceCluster({ ...options, start: startLegacyServiceController });
}

export const inTeam = (name: string) => ({ namespace: 'ml-team', name });

/** The service once its status is this, and conditions have these reasons: `Type: 'Reason'`. */
export async function serviceIs(
  cluster: ServiceCluster,
  name: string,
  status: string,
  reasons: Readonly<Record<string, string>> = {},
): Promise<LegacyAIMService> {
  const found = await cluster.eventually(
    LegacyAIMService,
    inTeam(name),
    (service) =>
      service?.status?.status === status &&
      Object.entries(reasons).every(([type, reason]) => conditionOf(service, type)?.reason === reason),
  );
  if (found === undefined) throw new Error('eventually resolves with what it found');
  return found;
}

export function conditionOf(service: LegacyAIMService, type: string): Condition | undefined {
  return service.status?.conditions?.find((condition) => condition.type === type);
}

export const model = (name: string, status = 'Ready', image = `registry.test/${name}:1`) => `
apiVersion: aim.silogen.ai/v1alpha1
kind: AIMModel
metadata: { name: ${name} }
spec: { image: '${image}' }
status: { status: ${status} }
`;

export const template = (name: string, modelName: string, more = '', spec = '', kind = 'AIMServiceTemplate') => `
apiVersion: aim.silogen.ai/v1alpha1
kind: ${kind}
metadata: { name: ${name} }
spec: { modelName: ${modelName} ${spec} }
status:
  status: Ready
  modelSources: [{ name: org/${modelName}, sourceUri: hf://org/${modelName}, size: 9094593249 }]
  ${more}
`;

export const service = (name: string, spec: string, metadata = '') => `
apiVersion: aim.silogen.ai/v1alpha1
kind: AIMService
metadata: { name: ${name} ${metadata} }
spec: { ${spec} }
`;

/** A model and its template, both ready, and a service of the model. */
export const serving = (name: string, spec = '', metadata = '') =>
  [model(name), template(`${name}-t`, name), service(name, `model: { ref: ${name} } ${spec}`, metadata)].join('---');

export const readyServing = { conditions: [{ type: 'Ready', status: 'True' }] };

export const acceptedRoute = (status = 'True', reason = 'Accepted') => ({
  parents: [
    {
      parentRef: { name: 'g' },
      controllerName: 'test.example/gateway',
      conditions: [
        {
          type: 'Accepted',
          status,
          reason,
          message: 'told by the Gateway',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
    },
  ],
});
