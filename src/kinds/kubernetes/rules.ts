import type { CelRule } from '../schema.ts';

/**
 * What the generated models do not say about Kubernetes' own types: required fields, defaults, allowed values, limits and
 * how lists are merged. Only what users meet; a type that is not listed here is checked for field names and types alone.
 * Defaults that depend on other fields are in the API server (apiserver/builtin/).
 */
interface ModelRules {
  required?: readonly string[];
  /** Keywords added to a field's schema. */
  fields?: Readonly<Record<string, FieldRules>>;
  validations?: readonly CelRule[];
}

interface FieldRules {
  default?: unknown;
  enum?: readonly string[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
  minItems?: number;
  pattern?: string;
  format?: 'quantity';
  additionalProperties?: { type: 'string'; format: 'quantity' };
  'x-kubernetes-list-type'?: 'map' | 'set' | 'atomic';
  'x-kubernetes-list-map-keys'?: readonly string[];
  'x-kubernetes-patch-strategy'?: 'merge' | 'merge,retainKeys' | 'retainKeys' | 'replace';
  'x-kubernetes-patch-merge-key'?: string;
}

/** A list whose entries are identified by `keys`, and found by the first of them in strategic merge patches. */
function keyed(...keys: [string, ...string[]]): FieldRules {
  return { ...mergedBy(keys[0]), 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys };
}

/** A list merged by a key in strategic merge patches, whose keys need not be unique. */
function mergedBy(key: string): FieldRules {
  return { 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-patch-merge-key': key };
}

const mergedSet: FieldRules = { 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-list-type': 'set' };
const quantities: FieldRules = { additionalProperties: { type: 'string', format: 'quantity' } };
const quantity: FieldRules = { format: 'quantity' };
const port: FieldRules = { minimum: 1, maximum: 65535 };
const dnsLabel: FieldRules = { maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' };
const protocol: FieldRules = { default: 'TCP', enum: ['TCP', 'UDP', 'SCTP'] };
const fileMode: FieldRules = { default: 420, minimum: 0, maximum: 511 };
const conditions = keyed('type');
const condition: ModelRules = {
  required: ['type', 'status'],
  fields: { status: { enum: ['True', 'False', 'Unknown'] } },
};
const probeAction: ModelRules = { required: ['port'] };

const webhook = {
  required: ['name', 'clientConfig', 'sideEffects', 'admissionReviewVersions'],
  fields: {
    failurePolicy: { default: 'Fail', enum: ['Ignore', 'Fail'] },
    matchPolicy: { default: 'Equivalent', enum: ['Exact', 'Equivalent'] },
    sideEffects: { enum: ['None', 'NoneOnDryRun'] },
    timeoutSeconds: { default: 10, minimum: 1, maximum: 30 },
    namespaceSelector: { default: {} },
    objectSelector: { default: {} },
    matchConditions: keyed('name'),
  },
} satisfies ModelRules;

// Kinds whose objects always have a spec: leaving it out is reported by the fields it lacks.
const withSpec: ModelRules = { fields: { spec: { default: {} } } };

export const modelRules: Readonly<Record<string, ModelRules>> = {
  V1ObjectMeta: {
    fields: {
      ownerReferences: mergedBy('uid'),
      finalizers: { 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-list-type': 'set' },
    },
  },
  V1OwnerReference: { required: ['apiVersion', 'kind', 'name', 'uid'] },
  V1LabelSelectorRequirement: {
    required: ['key', 'operator'],
    fields: { operator: { enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] } },
  },
  V1Condition: { required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'] },

  V1Pod: withSpec,
  V1PodTemplateSpec: withSpec,
  V1Service: withSpec,
  V1PersistentVolumeClaim: withSpec,
  V1PersistentVolume: withSpec,
  V1Deployment: withSpec,
  V1ReplicaSet: withSpec,
  V1StatefulSet: withSpec,
  V1DaemonSet: withSpec,
  V1Job: withSpec,
  V1JobTemplateSpec: withSpec,
  V1CronJob: withSpec,
  V2HorizontalPodAutoscaler: withSpec,

  V1PodSpec: {
    required: ['containers'],
    fields: {
      containers: { ...keyed('name'), minItems: 1 },
      initContainers: keyed('name'),
      ephemeralContainers: keyed('name'),
      volumes: { ...keyed('name'), 'x-kubernetes-patch-strategy': 'merge,retainKeys' },
      imagePullSecrets: mergedBy('name'),
      hostAliases: mergedBy('ip'),
      topologySpreadConstraints: mergedBy('topologyKey'),
      schedulingGates: mergedBy('name'),
      restartPolicy: { default: 'Always', enum: ['Always', 'OnFailure', 'Never'] },
      terminationGracePeriodSeconds: { default: 30, minimum: 0 },
      activeDeadlineSeconds: { minimum: 1, maximum: 2147483647 },
      dnsPolicy: { default: 'ClusterFirst', enum: ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'] },
      schedulerName: { default: 'default-scheduler' },
      securityContext: { default: {} },
    },
  },
  V1Container: {
    required: ['name'],
    fields: {
      name: dnsLabel,
      ports: { ...mergedBy('containerPort') },
      env: mergedBy('name'),
      volumeMounts: mergedBy('mountPath'),
      volumeDevices: mergedBy('devicePath'),
      imagePullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
      terminationMessagePath: { default: '/dev/termination-log' },
      terminationMessagePolicy: { default: 'File', enum: ['File', 'FallbackToLogsOnError'] },
      resources: { default: {} },
    },
  },
  V1ContainerPort: {
    required: ['containerPort'],
    fields: { containerPort: port, hostPort: { minimum: 0, maximum: 65535 }, protocol, name: { maxLength: 15 } },
  },
  V1EnvVar: { required: ['name'] },
  V1ConfigMapKeySelector: { required: ['key'] },
  V1SecretKeySelector: { required: ['key'] },
  V1ObjectFieldSelector: { required: ['fieldPath'], fields: { apiVersion: { default: 'v1' } } },
  V1ResourceFieldSelector: { required: ['resource'], fields: { divisor: quantity } },
  V1VolumeMount: { required: ['name', 'mountPath'] },
  V1VolumeDevice: { required: ['name', 'devicePath'] },
  V1Probe: {
    fields: {
      timeoutSeconds: { default: 1, minimum: 1 },
      periodSeconds: { default: 10, minimum: 1 },
      successThreshold: { default: 1, minimum: 1 },
      failureThreshold: { default: 3, minimum: 1 },
      initialDelaySeconds: { minimum: 0 },
    },
  },
  V1HTTPGetAction: {
    ...probeAction,
    fields: { path: { default: '/' }, scheme: { default: 'HTTP', enum: ['HTTP', 'HTTPS'] } },
  },
  V1TCPSocketAction: probeAction,
  V1GRPCAction: { ...probeAction, fields: { service: { default: '' } } },
  V1HTTPHeader: { required: ['name', 'value'] },
  V1ResourceRequirements: { fields: { limits: quantities, requests: quantities } },
  V1VolumeResourceRequirements: { fields: { limits: quantities, requests: quantities } },
  V1Volume: { required: ['name'], fields: { name: dnsLabel } },
  V1EmptyDirVolumeSource: { fields: { sizeLimit: quantity } },
  V1ConfigMapVolumeSource: { fields: { defaultMode: fileMode } },
  V1SecretVolumeSource: { fields: { defaultMode: fileMode } },
  V1ProjectedVolumeSource: { fields: { defaultMode: fileMode } },
  V1DownwardAPIVolumeSource: { fields: { defaultMode: fileMode } },
  V1PersistentVolumeClaimVolumeSource: { required: ['claimName'] },
  V1HostPathVolumeSource: { required: ['path'], fields: { type: { default: '' } } },
  V1KeyToPath: { required: ['key', 'path'] },
  V1Toleration: {
    fields: {
      operator: { enum: ['Exists', 'Equal'] },
      effect: { enum: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] },
    },
  },
  V1TopologySpreadConstraint: { required: ['maxSkew', 'topologyKey', 'whenUnsatisfiable'] },
  V1HostAlias: { required: ['ip'] },
  V1PodReadinessGate: { required: ['conditionType'] },
  V1PodStatus: {
    fields: { conditions, podIPs: mergedBy('ip'), hostIPs: mergedBy('ip') },
  },
  V1PodCondition: condition,

  V1ServiceSpec: {
    fields: {
      ports: { ...keyed('port', 'protocol') },
      type: { default: 'ClusterIP', enum: ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'] },
      sessionAffinity: { default: 'None', enum: ['ClientIP', 'None'] },
      ipFamilyPolicy: { enum: ['SingleStack', 'PreferDualStack', 'RequireDualStack'] },
    },
  },
  V1ServicePort: { required: ['port'], fields: { port, protocol, nodePort: { minimum: 0, maximum: 65535 } } },
  V1ServiceStatus: { fields: { conditions } },
  CoreV1EndpointPort: { required: ['port'], fields: { protocol } },
  V1EndpointAddress: { required: ['ip'] },
  V1ServiceAccount: { fields: { secrets: mergedBy('name') } },
  V1NamespaceStatus: { fields: { conditions } },
  V1NamespaceCondition: condition,
  V1NodeSpec: { fields: { taints: { 'x-kubernetes-list-type': 'atomic' }, podCIDRs: mergedSet } },
  V1Taint: { required: ['key', 'effect'] },
  V1NodeStatus: {
    fields: { addresses: mergedBy('type'), conditions, capacity: quantities, allocatable: quantities },
  },
  V1NodeCondition: condition,
  V1NodeAddress: { required: ['type', 'address'] },
  CoreV1Event: { required: ['involvedObject'] },
  V1PersistentVolumeClaimSpec: {
    fields: { volumeMode: { default: 'Filesystem', enum: ['Filesystem', 'Block'] } },
  },
  V1PersistentVolumeClaimStatus: { fields: { conditions, capacity: quantities, allocatedResources: quantities } },
  V1PersistentVolumeClaimCondition: condition,
  V1PersistentVolumeSpec: {
    fields: {
      capacity: quantities,
      volumeMode: { default: 'Filesystem', enum: ['Filesystem', 'Block'] },
      persistentVolumeReclaimPolicy: { default: 'Retain', enum: ['Delete', 'Recycle', 'Retain'] },
    },
  },

  V1StorageClass: {
    required: ['provisioner'],
    fields: {
      reclaimPolicy: { default: 'Delete', enum: ['Delete', 'Recycle', 'Retain'] },
      volumeBindingMode: { default: 'Immediate', enum: ['Immediate', 'WaitForFirstConsumer'] },
    },
  },

  V1DeploymentSpec: {
    required: ['selector', 'template'],
    fields: {
      replicas: { default: 1, minimum: 0 },
      revisionHistoryLimit: { default: 10, minimum: 0 },
      progressDeadlineSeconds: { default: 600, minimum: 0 },
      minReadySeconds: { minimum: 0 },
      strategy: { default: {}, 'x-kubernetes-patch-strategy': 'retainKeys' },
    },
  },
  V1DeploymentStrategy: { fields: { type: { default: 'RollingUpdate', enum: ['Recreate', 'RollingUpdate'] } } },
  V1DeploymentStatus: { fields: { conditions } },
  V1DeploymentCondition: condition,
  V1ReplicaSetSpec: {
    required: ['selector'],
    fields: { replicas: { default: 1, minimum: 0 }, minReadySeconds: { minimum: 0 } },
  },
  V1ReplicaSetStatus: { fields: { conditions } },
  V1ReplicaSetCondition: condition,
  V1StatefulSetSpec: {
    required: ['selector', 'template'],
    fields: {
      replicas: { default: 1, minimum: 0 },
      revisionHistoryLimit: { default: 10 },
      podManagementPolicy: { default: 'OrderedReady', enum: ['OrderedReady', 'Parallel'] },
      updateStrategy: { default: {} },
    },
  },
  V1StatefulSetUpdateStrategy: { fields: { type: { default: 'RollingUpdate', enum: ['RollingUpdate', 'OnDelete'] } } },
  V1StatefulSetStatus: { fields: { conditions } },
  V1StatefulSetCondition: condition,
  V1DaemonSetSpec: {
    required: ['selector', 'template'],
    fields: { revisionHistoryLimit: { default: 10 }, updateStrategy: { default: {} } },
  },
  V1DaemonSetUpdateStrategy: { fields: { type: { default: 'RollingUpdate', enum: ['RollingUpdate', 'OnDelete'] } } },
  V1DaemonSetStatus: { fields: { conditions } },
  V1DaemonSetCondition: condition,

  V1JobSpec: {
    required: ['template'],
    fields: {
      backoffLimit: { default: 6, minimum: 0 },
      parallelism: { minimum: 0 },
      completions: { minimum: 0 },
      activeDeadlineSeconds: { minimum: 0 },
      ttlSecondsAfterFinished: { minimum: 0 },
      completionMode: { default: 'NonIndexed', enum: ['NonIndexed', 'Indexed'] },
      suspend: { default: false },
      podReplacementPolicy: { enum: ['TerminatingOrFailed', 'Failed'] },
    },
  },
  V1JobStatus: { fields: { conditions: { ...mergedBy('type') } } },
  V1JobCondition: condition,
  V1CronJobSpec: {
    required: ['schedule', 'jobTemplate'],
    fields: {
      schedule: { minLength: 1 },
      concurrencyPolicy: { default: 'Allow', enum: ['Allow', 'Forbid', 'Replace'] },
      suspend: { default: false },
      successfulJobsHistoryLimit: { default: 3, minimum: 0 },
      failedJobsHistoryLimit: { default: 1, minimum: 0 },
    },
  },

  V1ControllerRevision: { required: ['revision'] },

  V1Ingress: withSpec,
  V1IngressServiceBackend: { required: ['name'] },
  V1ServiceBackendPort: { fields: { number: port } },
  V1HTTPIngressPath: {
    required: ['pathType', 'backend'],
    fields: { pathType: { enum: ['Exact', 'ImplementationSpecific', 'Prefix'] } },
  },
  V1HTTPIngressRuleValue: { required: ['paths'], fields: { paths: { minItems: 1 } } },
  V1IngressClassParametersReference: {
    required: ['kind', 'name'],
    fields: { scope: { default: 'Cluster', enum: ['Cluster', 'Namespace'] } },
  },
  V1NetworkPolicy: withSpec,
  V1NetworkPolicySpec: { fields: { podSelector: { default: {} } } },
  V1NetworkPolicyPort: { fields: { protocol, endPort: port } },
  V1IPBlock: { required: ['cidr'] },

  V1PodDisruptionBudget: withSpec,
  V1PodDisruptionBudgetSpec: {
    fields: {
      selector: { 'x-kubernetes-patch-strategy': 'replace' },
      unhealthyPodEvictionPolicy: { enum: ['IfHealthyBudget', 'AlwaysAllow'] },
    },
  },
  V1PodDisruptionBudgetStatus: { fields: { conditions: { ...conditions } } },
  V1PriorityClass: {
    required: ['value'],
    fields: { preemptionPolicy: { default: 'PreemptLowerPriority', enum: ['PreemptLowerPriority', 'Never'] } },
  },
  V1ResourceQuota: withSpec,
  V1ResourceQuotaSpec: { fields: { hard: quantities } },
  V1ResourceQuotaStatus: { fields: { hard: quantities, used: quantities } },
  V1ScopedResourceSelectorRequirement: {
    required: ['operator', 'scopeName'],
    fields: { operator: { enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] } },
  },
  V1LimitRange: withSpec,
  V1LimitRangeSpec: { required: ['limits'] },
  V1LimitRangeItem: {
    required: ['type'],
    fields: {
      max: quantities,
      min: quantities,
      default: quantities,
      defaultRequest: quantities,
      maxLimitRequestRatio: quantities,
    },
  },
  V1RuntimeClass: { required: ['handler'], fields: { handler: dnsLabel } },
  V1Overhead: { fields: { podFixed: quantities } },
  V1CertificateSigningRequestSpec: {
    required: ['request', 'signerName'],
    fields: { expirationSeconds: { minimum: 600 } },
  },
  V1CertificateSigningRequestCondition: condition,

  V1EndpointSlice: {
    required: ['addressType', 'endpoints'],
    fields: { addressType: { enum: ['IPv4', 'IPv6', 'FQDN'] }, endpoints: { default: [], maxItems: 1000 } },
  },
  V1Endpoint: { required: ['addresses'] },
  DiscoveryV1EndpointPort: { fields: { name: { default: '' }, protocol: { default: 'TCP' } } },
  V1LeaseSpec: { fields: { leaseDurationSeconds: { minimum: 1 }, leaseTransitions: { minimum: 0 } } },

  V1PolicyRule: { required: ['verbs'] },
  V1RoleBinding: { required: ['roleRef'] },
  V1ClusterRoleBinding: { required: ['roleRef'] },
  V1RoleRef: { required: ['kind', 'name'], fields: { apiGroup: { default: 'rbac.authorization.k8s.io' } } },
  RbacV1Subject: { required: ['kind', 'name'] },

  V1TokenRequestSpec: { fields: { expirationSeconds: { default: 3600 } } },
  V1SubjectAccessReview: withSpec,
  V1SelfSubjectAccessReview: withSpec,
  V1SelfSubjectRulesReview: withSpec,
  V1LocalSubjectAccessReview: withSpec,
  V1TokenReview: withSpec,
  V1ServiceAccountTokenProjection: { required: ['path'], fields: { expirationSeconds: { default: 3600 } } },

  V1ValidatingWebhookConfiguration: { fields: { webhooks: keyed('name') } },
  V1MutatingWebhookConfiguration: { fields: { webhooks: keyed('name') } },
  V1ValidatingWebhook: webhook,
  V1MutatingWebhook: {
    ...webhook,
    fields: { ...webhook.fields, reinvocationPolicy: { default: 'Never', enum: ['Never', 'IfNeeded'] } },
  },
  V1ValidatingAdmissionPolicy: withSpec,
  V1ValidatingAdmissionPolicySpec: {
    fields: {
      failurePolicy: { default: 'Fail', enum: ['Ignore', 'Fail'] },
      matchConditions: keyed('name'),
      variables: keyed('name'),
    },
  },
  V1Validation: { required: ['expression'] },
  V1Variable: { required: ['name', 'expression'] },
  V1AuditAnnotation: { required: ['key', 'valueExpression'] },
  V1MatchResources: {
    fields: {
      matchPolicy: { default: 'Equivalent', enum: ['Exact', 'Equivalent'] },
      namespaceSelector: { default: {} },
      objectSelector: { default: {} },
    },
  },
  V1NamedRuleWithOperations: { fields: { scope: { default: '*', enum: ['Cluster', 'Namespaced', '*'] } } },
  V1ValidatingAdmissionPolicyBinding: withSpec,
  V1ValidatingAdmissionPolicyBindingSpec: { required: ['policyName', 'validationActions'] },

  V1RuleWithOperations: { fields: { scope: { default: '*', enum: ['Cluster', 'Namespaced', '*'] } } },
  V1MatchCondition: { required: ['name', 'expression'] },
  AdmissionregistrationV1ServiceReference: {
    required: ['name', 'namespace'],
    fields: { port: { ...port, default: 443 } },
  },

  V1CustomResourceDefinitionSpec: { required: ['group', 'names', 'scope', 'versions'] },
  V1CustomResourceDefinitionNames: { required: ['kind', 'plural'] },
  V1CustomResourceDefinitionVersion: { required: ['name', 'served', 'storage'] },
  V1CustomResourceColumnDefinition: { required: ['name', 'type', 'jsonPath'] },
  V1CustomResourceConversion: { required: ['strategy'] },
  V1CustomResourceDefinitionStatus: { fields: { conditions: keyed('type') } },
  V1CustomResourceDefinitionCondition: condition,

  V2HorizontalPodAutoscalerSpec: {
    required: ['scaleTargetRef', 'maxReplicas'],
    fields: { minReplicas: { default: 1, minimum: 0 }, maxReplicas: { minimum: 1 } },
  },
  V1HorizontalPodAutoscalerSpec: {
    required: ['scaleTargetRef', 'maxReplicas'],
    fields: {
      minReplicas: { default: 1, minimum: 0 },
      maxReplicas: { minimum: 1 },
      targetCPUUtilizationPercentage: { minimum: 1 },
    },
  },
  V1CrossVersionObjectReference: { required: ['kind', 'name'] },
  V2CrossVersionObjectReference: { required: ['kind', 'name'] },
  V2MetricTarget: { required: ['type'], fields: { averageValue: quantity, value: quantity } },
};
