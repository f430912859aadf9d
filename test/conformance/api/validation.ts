import { containing, type Behaviour, type Expected } from '../behaviour.ts';
import {
  configMap,
  configMaps,
  deployment,
  deployments,
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

/** Which objects of the built-in kinds are refused, and how that is put. */
export const validation: readonly Behaviour[] = [
  {
    name: 'a Pod without containers is refused',
    steps: [
      post(
        pods,
        pod('empty', { containers: [] }),
        invalid(
          'Pod "empty" is invalid: spec.containers: Required value',
          cause('FieldValueRequired', 'spec.containers', 'Required value'),
        ),
      ),
    ],
  },
  {
    name: 'a container without a name is refused',
    steps: [
      post(
        pods,
        pod('unnamed', { containers: [{ image: 'x' }] }),
        invalid('Pod "unnamed" is invalid: spec.containers[0].name: Required value'),
      ),
    ],
  },
  {
    name: 'a container without an image is refused',
    steps: [
      post(
        pods,
        pod('imageless', { containers: [{ name: 'a' }] }),
        invalid('Pod "imageless" is invalid: spec.containers[0].image: Required value'),
      ),
    ],
  },
  {
    name: 'two containers of one name are refused',
    steps: [
      post(
        pods,
        pod('double', {
          containers: [
            { name: 'a', image: 'x' },
            { name: 'a', image: 'y' },
          ],
        }),
        invalid(
          'Pod "double" is invalid: spec.containers[1].name: Duplicate value: "a"',
          cause('FieldValueDuplicate', 'spec.containers[1].name'),
        ),
      ),
    ],
  },
  {
    name: 'an unknown restartPolicy is refused with the supported values',
    steps: [
      post(
        pods,
        pod('policy', { restartPolicy: 'Sometimes' }),
        invalid(
          'Pod "policy" is invalid: spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
          cause('FieldValueNotSupported', 'spec.restartPolicy'),
        ),
      ),
    ],
  },
  {
    name: 'a mount of a volume that the Pod does not have is refused',
    steps: [
      post(
        pods,
        pod('mount', { containers: [{ name: 'a', image: 'x', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] }),
        invalid('Pod "mount" is invalid: spec.containers[0].volumeMounts[0].name: Not found: "data"'),
      ),
    ],
  },
  {
    name: 'a port outside 1..65535 is refused',
    steps: [
      post(
        pods,
        pod('port', { containers: [{ name: 'a', image: 'x', ports: [{ containerPort: 70000 }] }] }),
        invalid(
          'Pod "port" is invalid: spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
        ),
      ),
    ],
  },
  {
    name: 'a request above its limit is refused',
    steps: [
      post(
        pods,
        pod('greedy', {
          containers: [{ name: 'a', image: 'x', resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }],
        }),
        invalid(
          'Pod "greedy" is invalid: spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
        ),
      ),
    ],
  },
  {
    name: 'a quantity that cannot be parsed is refused',
    steps: [
      post(
        pods,
        pod('quantity', { containers: [{ name: 'a', image: 'x', resources: { limits: { memory: 'lots' } } }] }),
        refused(400, 'BadRequest', /quantities must match the regular expression/),
      ),
    ],
  },
  {
    name: 'a label value that is too long is refused',
    steps: [
      post(
        configMaps,
        configMap('labels', {}, { labels: { a: 'x'.repeat(64) } }),
        invalid(/metadata\.labels: Invalid value: "x+": must be no more than 63 (characters|bytes)/),
      ),
    ],
  },
  {
    name: 'a label key with two slashes is refused',
    steps: [
      post(
        configMaps,
        configMap('labels', {}, { labels: { 'a/b/c': 'x' } }),
        invalid(/metadata\.labels: Invalid value: "a\/b\/c": a qualified name must consist of/),
      ),
    ],
  },
  {
    name: 'a ConfigMap key with a slash is refused',
    steps: [
      post(
        configMaps,
        configMap('keys', { 'a/b': '1' }),
        invalid(
          /^ConfigMap "keys" is invalid: data\[a\/b\]: Invalid value: "a\/b": a valid config key must consist of/,
        ),
      ),
    ],
  },
  {
    name: 'a TLS Secret needs its two keys',
    steps: [
      post(
        secrets,
        typed('v1', 'Secret', { metadata: { name: 't' }, type: 'kubernetes.io/tls', data: {} }),
        invalid(/data\[tls\.crt\]: Required value, data\[tls\.key\]: Required value/),
      ),
    ],
  },
  {
    name: 'Secret data that is not base64 is refused',
    steps: [
      post(
        secrets,
        typed('v1', 'Secret', { metadata: { name: 's' }, data: { a: 'not base64!' } }),
        refused(400, 'BadRequest', /illegal base64 data at input byte 3/),
      ),
    ],
  },
  {
    name: 'a Service without ports is refused',
    steps: [
      post(
        services,
        service('portless', { ports: [] }),
        invalid('Service "portless" is invalid: spec.ports: Required value'),
      ),
    ],
  },
  {
    name: 'two unnamed Service ports are refused',
    steps: [
      post(
        services,
        service('ports', { ports: [{ port: 80 }, { port: 81 }] }),
        invalid(/spec\.ports\[0\]\.name: Required value, spec\.ports\[1\]\.name: Required value/),
      ),
    ],
  },
  {
    name: 'a Deployment whose selector does not match its template is refused',
    steps: [
      post(
        deployments,
        deployment('odd', { selector: { matchLabels: { app: 'other' } } }),
        invalid(
          /^Deployment\.apps "odd" is invalid: spec\.template\.metadata\.labels: Invalid value: .*`selector` does not match template `labels`$/,
        ),
      ),
    ],
  },
  {
    name: 'a Deployment with negative replicas is refused',
    steps: [
      post(
        deployments,
        deployment('less', { replicas: -1 }),
        invalid(
          'Deployment.apps "less" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
        ),
      ),
    ],
  },
  {
    name: 'a Deployment without a selector is refused',
    steps: [
      post(
        deployments,
        typed('apps/v1', 'Deployment', {
          metadata: { name: 'none' },
          spec: { template: deployment('none').spec.template },
        }),
        invalid(/spec\.selector: Required value/),
      ),
    ],
  },
  {
    name: 'a Job whose Pods always restart is refused',
    steps: [
      post(
        '/apis/batch/v1/namespaces/{ns}/jobs',
        job({}),
        invalid(/spec\.template\.spec\.restartPolicy: Required value: valid values: "OnFailure", "Never"/),
      ),
    ],
  },
  {
    name: 'every problem of an object is reported at once',
    steps: [
      post(
        pods,
        pod('several', { restartPolicy: 'Sometimes', containers: [{ name: 'a' }] }),
        invalid(
          /^Pod "several" is invalid: \[.*, .*\]$/,
          cause('FieldValueRequired', 'spec.containers[0].image'),
          cause('FieldValueNotSupported', 'spec.restartPolicy'),
        ),
      ),
    ],
  },
];
