import { absent, containing, present, type Behaviour, type Expected } from '../behaviour.ts';
import {
  configMap,
  configMaps,
  deployment,
  deployments,
  get,
  namespace,
  pod,
  pods,
  post,
  refused,
  secrets,
  service,
  services,
  typed,
} from './requests.ts';

const cause = (reason: string, field: string, message?: string | RegExp): Expected => ({
  reason,
  field,
  ...(message === undefined ? {} : { message }),
});
const invalid = (message: string | RegExp, ...causes: Expected[]) =>
  refused(422, 'Invalid', message, causes.length === 0 ? {} : { details: { causes: containing(...causes) } });

const job = (spec: Record<string, unknown>) =>
  typed('batch/v1', 'Job', {
    metadata: { name: 'job' },
    spec: { template: { spec: { containers: [{ name: 'a', image: 'x:1' }], ...spec } } },
  });

export const create: readonly Behaviour[] = [
  {
    name: 'create answers 201 with the server-written metadata',
    steps: [
      post(configMaps, configMap('one', { a: '1' }), {
        expect: {
          kind: 'ConfigMap',
          apiVersion: 'v1',
          metadata: {
            name: 'one',
            namespace: '{ns}',
            uid: /^[0-9a-f]{8}-[0-9a-f]{4}-4/,
            resourceVersion: /^\d+$/,
            creationTimestamp: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
          },
          data: { a: '1' },
        },
      }),
    ],
  },
  {
    name: 'a body without apiVersion and kind is taken as what the path is for',
    steps: [
      post(
        configMaps,
        { metadata: { name: 'bare' } },
        { expect: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'bare' } } },
      ),
    ],
  },
  {
    name: 'the same name twice is AlreadyExists',
    steps: [
      post(configMaps, configMap('twice')),
      post(
        configMaps,
        configMap('twice'),
        refused(409, 'AlreadyExists', 'configmaps "twice" already exists', {
          details: { name: 'twice', kind: 'configmaps' },
        }),
      ),
    ],
  },
  {
    name: 'generateName gets five characters appended',
    steps: [
      post(configMaps, typed('v1', 'ConfigMap', { metadata: { generateName: 'made-' } }), {
        expect: { metadata: { name: /^made-[a-z0-9]{5}$/, generateName: 'made-' } },
      }),
    ],
  },
  {
    name: 'an object without a name is refused',
    steps: [
      post(
        configMaps,
        { apiVersion: 'v1', kind: 'ConfigMap' },
        invalid(/name or generateName is required/, cause('FieldValueRequired', 'metadata.name')),
      ),
    ],
  },
  {
    name: 'a name that is no DNS subdomain is refused',
    steps: [
      post(
        configMaps,
        configMap('Not_Valid'),
        invalid(
          /^ConfigMap "Not_Valid" is invalid: metadata\.name: Invalid value: "Not_Valid": a lowercase RFC 1123 subdomain must consist of/,
          cause('FieldValueInvalid', 'metadata.name'),
        ),
      ),
    ],
  },
  {
    name: 'a Service name must be a DNS-1035 label',
    steps: [
      post(
        services,
        service('1abc'),
        invalid(/a DNS-1035 label must consist of lower case/, cause('FieldValueInvalid', 'metadata.name')),
      ),
    ],
  },
  {
    name: 'a namespace in the body that is not the one of the path is refused',
    steps: [
      post(
        configMaps,
        configMap('elsewhere', {}, { namespace: 'other' }),
        refused(
          400,
          'BadRequest',
          'the namespace of the provided object does not match the namespace sent on the request',
        ),
      ),
    ],
  },
  {
    name: 'creating in a namespace that does not exist is refused',
    steps: [
      post(
        '/api/v1/namespaces/nowhere/configmaps',
        configMap('one'),
        refused(404, 'NotFound', 'namespaces "nowhere" not found'),
      ),
    ],
  },
  {
    name: 'another kind than the path is for is refused',
    steps: [
      post(
        configMaps,
        { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'one' } },
        refused(400, 'BadRequest', /Secret.*ConfigMap/),
      ),
    ],
  },
  {
    name: 'another apiVersion than the path is for is refused',
    steps: [
      post(
        configMaps,
        { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'one' } },
        refused(400, 'BadRequest', /v2/),
      ),
    ],
  },
  {
    name: 'a resourceVersion on create is refused',
    steps: [
      post(configMaps, configMap('one', {}, { resourceVersion: '5' }), {
        status: [400, 500],
        expect: { message: /resourceVersion should not be set on objects to be created/ },
      }),
    ],
  },
  {
    name: 'uid, creationTimestamp and generation of the client are not taken',
    steps: [
      post(
        deployments,
        {
          ...deployment('own'),
          metadata: { name: 'own', generation: 7, uid: 'mine', creationTimestamp: '2001-01-01T00:00:00Z' },
        },
        {
          expect: { metadata: { generation: 1, uid: /-/, creationTimestamp: /^20[2-9]/ } },
        },
      ),
    ],
  },
  {
    name: 'a wrong type in the body is refused with the place',
    steps: [
      post(
        deployments,
        deployment('typed', { replicas: 'three' }),
        refused(400, 'BadRequest', /cannot be handled as a Deployment: .*spec\.replicas/),
      ),
    ],
  },
  {
    name: 'a Pod gets its defaults',
    steps: [
      post(pods, pod('defaults'), {
        expect: {
          spec: {
            restartPolicy: 'Always',
            dnsPolicy: 'ClusterFirst',
            terminationGracePeriodSeconds: 30,
            schedulerName: 'default-scheduler',
            serviceAccountName: 'default',
            enableServiceLinks: true,
            containers: [
              {
                imagePullPolicy: 'IfNotPresent',
                terminationMessagePath: '/dev/termination-log',
                terminationMessagePolicy: 'File',
              },
            ],
          },
          status: { phase: 'Pending', qosClass: 'BestEffort' },
        },
      }),
    ],
  },
  {
    name: 'an image without a tag, or with latest, is always pulled',
    steps: [
      post(
        pods,
        pod('latest', {
          containers: [
            { name: 'a', image: 'x' },
            { name: 'b', image: 'x:latest' },
            { name: 'c', image: 'x:1' },
          ],
        }),
        {
          expect: {
            spec: {
              containers: [
                { imagePullPolicy: 'Always' },
                { imagePullPolicy: 'Always' },
                { imagePullPolicy: 'IfNotPresent' },
              ],
            },
          },
        },
      ),
    ],
  },
  {
    name: 'limits become requests, and the Pod Guaranteed',
    steps: [
      post(
        pods,
        pod('limits', {
          containers: [{ name: 'a', image: 'x:1', resources: { limits: { cpu: '500m', memory: '1Gi' } } }],
        }),
        {
          expect: {
            spec: { containers: [{ resources: { requests: { cpu: '500m', memory: '1Gi' } } }] },
            status: { qosClass: 'Guaranteed' },
          },
        },
      ),
    ],
  },
  {
    name: 'probes get their default timings',
    steps: [
      post(
        pods,
        pod('probes', { containers: [{ name: 'a', image: 'x:1', readinessProbe: { httpGet: { port: 80 } } }] }),
        {
          expect: {
            spec: {
              containers: [
                {
                  readinessProbe: {
                    timeoutSeconds: 1,
                    periodSeconds: 10,
                    successThreshold: 1,
                    failureThreshold: 3,
                    httpGet: { path: '/', scheme: 'HTTP' },
                  },
                },
              ],
            },
          },
        },
      ),
    ],
  },
  {
    name: 'a Secret turns stringData into data',
    steps: [
      post(secrets, typed('v1', 'Secret', { metadata: { name: 's' }, stringData: { password: 'hunter2' } }), {
        expect: { type: 'Opaque', data: { password: 'aHVudGVyMg==' }, stringData: absent },
      }),
      get(`${secrets}/s`, { expect: { data: { password: 'aHVudGVyMg==' }, stringData: absent } }),
    ],
  },
  {
    name: 'a Service gets a cluster IP and its defaults',
    steps: [
      post(services, service('web'), {
        expect: {
          spec: {
            type: 'ClusterIP',
            clusterIP: /^\d+\.\d+\.\d+\.\d+$/,
            clusterIPs: [present],
            sessionAffinity: 'None',
            internalTrafficPolicy: 'Cluster',
            ipFamilies: ['IPv4'],
            ipFamilyPolicy: 'SingleStack',
            ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }],
          },
          status: { loadBalancer: {} },
        },
      }),
    ],
  },
  {
    name: 'a headless Service keeps None',
    steps: [
      post(services, service('headless', { clusterIP: 'None' }), {
        expect: { spec: { clusterIP: 'None', clusterIPs: ['None'] } },
      }),
    ],
  },
  {
    name: 'a Deployment gets its defaults',
    steps: [
      post(deployments, deployment('web'), {
        expect: {
          metadata: { generation: 1 },
          spec: {
            replicas: 1,
            revisionHistoryLimit: 10,
            progressDeadlineSeconds: 600,
            strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
            template: { spec: { restartPolicy: 'Always' } },
          },
        },
      }),
    ],
  },
  {
    name: 'a Job gets its defaults',
    steps: [
      post('/apis/batch/v1/namespaces/{ns}/jobs', job({ restartPolicy: 'Never' }), {
        expect: {
          spec: {
            parallelism: 1,
            completions: 1,
            backoffLimit: 6,
            completionMode: 'NonIndexed',
            suspend: false,
            selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': present } },
          },
        },
      }),
    ],
  },
  {
    name: 'a namespace carries its name as a label and the kubernetes finalizer',
    steps: [
      get(namespace, {
        expect: {
          metadata: { labels: { 'kubernetes.io/metadata.name': '{ns}' } },
          spec: { finalizers: ['kubernetes'] },
          status: { phase: 'Active' },
        },
      }),
    ],
  },
  {
    name: 'the default namespaces and the kubernetes Service are there',
    steps: [
      get('/api/v1/namespaces/default', { expect: { status: { phase: 'Active' } } }),
      get('/api/v1/namespaces/kube-system', { expect: { status: { phase: 'Active' } } }),
      get('/api/v1/namespaces/default/services/kubernetes', {
        eventually: true,
        expect: { spec: { ports: [{ name: 'https', port: 443 }] } },
      }),
    ],
  },
];
