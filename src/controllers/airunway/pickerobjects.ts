import type { AirunwayDialect } from '../../kinds/airunway/dialect.ts';
import type { EngineCapability } from '../../kinds/airunway/inferenceproviderconfig.ts';
import type { ModelDeployment } from '../../kinds/airunway/modeldeployment.ts';
import { Deployment } from '../../kinds/apps/deployment.ts';
import { ConfigMap } from '../../kinds/core/configmap.ts';
import { Service } from '../../kinds/core/service.ts';
import { ServiceAccount } from '../../kinds/core/serviceaccount.ts';
import type { Kind } from '../../kinds/kind.ts';
import { Role } from '../../kinds/rbac/role.ts';
import { RoleBinding } from '../../kinds/rbac/rolebinding.ts';
import type { Child } from '../../reconcile/children.ts';
import { pickerName } from './gatewayobjects.ts';

/** An endpoint picker for one deployment, with the rights it needs (airunway.md 4.4). */

export const pickerKinds: readonly Kind[] = [ConfigMap, Deployment, Role, RoleBinding, Service, ServiceAccount];

const healthPort = 9003;
const configFile = 'default-plugins.yaml';
const defaultConfig = `apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
`;

const rules = [
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'watch', 'list'] },
  { apiGroups: ['inference.networking.k8s.io'], resources: ['inferencepools'], verbs: ['get', 'watch', 'list'] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create', 'get', 'update'] },
  {
    apiGroups: ['inference.networking.x-k8s.io'],
    resources: ['inferenceobjectives', 'inferencemodelrewrites'],
    verbs: ['get', 'watch', 'list'],
  },
];

export function pickerChildren(
  { metadata }: ModelDeployment,
  dialect: AirunwayDialect,
  port: number,
  image: string,
  capability: EngineCapability | undefined,
): Child[] {
  const name = pickerName(metadata.name);
  const namespace = metadata.namespace ?? '';
  const own = capability?.gateway?.endpointPicker;
  const labels = {
    'app.kubernetes.io/name': name,
    'app.kubernetes.io/instance': metadata.name,
    'app.kubernetes.io/managed-by': dialect.name,
  };
  const made = (kind: Kind, body: Record<string, unknown>): Child => ({
    kind,
    owned: true,
    object: { ...body, metadata: { name, namespace, labels } },
  });
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
  return [
    made(ServiceAccount, {}),
    made(Role, { rules }),
    made(RoleBinding, { subjects, roleRef }),
    made(ConfigMap, { data: { [configFile]: own?.configData ?? defaultConfig } }),
    made(Deployment, { spec: deploymentSpec(metadata, name, labels, port, own?.image ?? image) }),
    made(Service, {
      spec: {
        type: 'ClusterIP',
        selector: labels,
        ports: [{ name: 'grpc-ext-proc', port, targetPort: port, protocol: 'TCP', appProtocol: 'kubernetes.io/h2c' }],
      },
    }),
  ];
}

function deploymentSpec(
  pool: ModelDeployment['metadata'],
  name: string,
  labels: Readonly<Record<string, string>>,
  port: number,
  image: string,
): object {
  const health = { grpc: { port: healthPort, service: 'inference-extension' } };
  const field = (fieldPath: string) => ({ fieldRef: { fieldPath } });
  const container = {
    name: 'epp',
    image,
    imagePullPolicy: 'IfNotPresent',
    args: [
      `--pool-name=${pool.name}`,
      `--pool-namespace=${pool.namespace ?? ''}`,
      '--zap-encoder=json',
      `--config-file=/config/${configFile}`,
      '--tracing=false',
      `--grpc-port=${String(port)}`,
      `--grpc-health-port=${String(healthPort)}`,
    ],
    ports: [
      { name: 'grpc', containerPort: port, protocol: 'TCP' },
      { name: 'grpc-health', containerPort: healthPort, protocol: 'TCP' },
    ],
    env: [
      { name: 'NAMESPACE', valueFrom: field('metadata.namespace') },
      { name: 'POD_NAME', valueFrom: field('metadata.name') },
    ],
    livenessProbe: { ...health, initialDelaySeconds: 30, periodSeconds: 10, failureThreshold: 5 },
    readinessProbe: { ...health, initialDelaySeconds: 10, periodSeconds: 5 },
    volumeMounts: [{ name: 'config', mountPath: '/config' }],
  };
  return {
    replicas: 1,
    strategy: { type: 'Recreate' },
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        serviceAccountName: name,
        terminationGracePeriodSeconds: 130,
        containers: [container],
        volumes: [{ name: 'config', configMap: { name } }],
      },
    },
  };
}
