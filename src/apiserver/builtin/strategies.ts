import type { Kind } from '../../kinds/kind.ts';
import { listAt, objectAt } from '../json.ts';
import { customResourceDefinitions } from '../crd/strategy.ts';
import { resourceId } from '../resources.ts';
import { certificateRequests } from './certificaterequests.ts';
import { configMaps, secrets } from './data.ts';
import { coreEvents, newEvents } from './events.ts';
import { controllerRevisions, limitRanges, podDisruptionBudgets, priorityClasses, runtimeClasses } from './limits.ts';
import { ingressClasses, ingresses, networkPolicies } from './networking.ts';
import { pods } from './pods.ts';
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from './rbac.ts';
import { services } from './services.ts';
import { withDefaults, type Strategy } from './strategy.ts';
import { webhookConfigurations } from './webhookconfigurations.ts';
import { cronJobs, daemonSets, deployments, jobs, replicaSets, statefulSets } from './workloads.ts';

const namespaces: Strategy = {
  prepare(object, previous) {
    const { metadata } = object;
    const labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
    const labelled = { ...object, metadata: { ...metadata, labels } };
    return previous === undefined
      ? { ...labelled, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } }
      : { ...labelled, spec: withDefaults(objectAt(object, 'spec') ?? {}, objectAt(previous, 'spec') ?? {}) };
  },
};

const claims: Strategy = {
  prepare: (object, previous) => (previous === undefined ? { ...object, status: { phase: 'Pending' } } : object),
  validate: (object) =>
    listAt(object, 'spec', 'accessModes').length > 0
      ? []
      : [
          {
            reason: 'FieldValueRequired',
            field: 'spec.accessModes',
            message: 'Required value: at least 1 access mode is required',
          },
        ],
};

const rbac = 'rbac.authorization.k8s.io';

const strategies: Readonly<Record<string, Strategy>> = {
  '/namespaces': namespaces,
  '/pods': pods,
  '/services': services,
  '/events': coreEvents,
  'events.k8s.io/events': newEvents,
  '/configmaps': configMaps,
  '/secrets': secrets,
  '/persistentvolumeclaims': claims,
  'apps/deployments': deployments,
  'apps/replicasets': replicaSets,
  'apps/statefulsets': statefulSets,
  'apps/daemonsets': daemonSets,
  'apps/controllerrevisions': controllerRevisions,
  'batch/jobs': jobs,
  'batch/cronjobs': cronJobs,
  '/limitranges': limitRanges,
  'networking.k8s.io/ingresses': ingresses,
  'networking.k8s.io/ingressclasses': ingressClasses,
  'networking.k8s.io/networkpolicies': networkPolicies,
  'policy/poddisruptionbudgets': podDisruptionBudgets,
  'scheduling.k8s.io/priorityclasses': priorityClasses,
  'node.k8s.io/runtimeclasses': runtimeClasses,
  'certificates.k8s.io/certificatesigningrequests': certificateRequests,
  'apiextensions.k8s.io/customresourcedefinitions': customResourceDefinitions,
  [`${rbac}/roles`]: roles,
  [`${rbac}/clusterroles`]: clusterRoles,
  [`${rbac}/rolebindings`]: roleBindings,
  [`${rbac}/clusterrolebindings`]: clusterRoleBindings,
  'admissionregistration.k8s.io/validatingwebhookconfigurations': webhookConfigurations,
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': webhookConfigurations,
};

const none: Strategy = {};

export function strategyOf(kind: Kind): Strategy {
  return strategies[resourceId(kind)] ?? none;
}
