import fc from 'fast-check';

/** Requests to the API that are partly right: random ones, and valid ones with one thing or more about them changed. */
export interface FuzzRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}

const names = ['a', 'b', 'c', 'default', 'kubernetes'];
const name = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...names) },
  { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
);

const samples: Record<string, Record<string, unknown>> = {
  '/api/v1/namespaces/default/configmaps': {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', labels: { app: 'x' } },
    data: { key: 'value' },
  },
  '/api/v1/namespaces/default/services': {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'b' },
    spec: { selector: { app: 'x' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  },
  '/api/v1/namespaces/default/pods': {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', finalizers: ['example.com/hold'] },
    spec: { containers: [{ name: 'main', image: 'image:1', env: [{ name: 'A', value: '1' }] }] },
  },
  '/apis/apps/v1/namespaces/default/deployments': {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'c' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'x' } },
      template: {
        metadata: { labels: { app: 'x' } },
        spec: { containers: [{ name: 'main', image: 'image:1', ports: [{ containerPort: 80 }] }] },
      },
    },
  },
  '/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes': {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'a' },
    spec: {
      parentRefs: [{ name: 'gateway' }],
      hostnames: ['example.com'],
      rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/v1' } }], backendRefs: [{ name: 'b', port: 80 }] }],
    },
  },
  '/apis/aigateway.envoyproxy.io/v1alpha1/namespaces/default/aigatewayroutes': {
    apiVersion: 'aigateway.envoyproxy.io/v1alpha1',
    kind: 'AIGatewayRoute',
    metadata: { name: 'a' },
    spec: {
      schema: { name: 'OpenAI' },
      parentRefs: [{ name: 'gateway', kind: 'Gateway', group: 'gateway.networking.k8s.io' }],
      rules: [
        {
          matches: [{ headers: [{ type: 'Exact', name: 'x-ai-eg-model', value: 'llama' }] }],
          backendRefs: [{ name: 'b', weight: 1 }],
        },
      ],
    },
  },
  '/apis/inference.networking.k8s.io/v1/namespaces/default/inferencepools': {
    apiVersion: 'inference.networking.k8s.io/v1',
    kind: 'InferencePool',
    metadata: { name: 'a' },
    spec: {
      selector: { matchLabels: { app: 'x' } },
      targetPorts: [{ number: 8000 }],
      endpointPickerRef: { name: 'epp', port: { number: 9002 } },
    },
  },
  '/api/v1/namespaces': { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'c' } },
};

const collection = fc.constantFrom(...Object.keys(samples));

const anyJson = fc.jsonValue({ maxDepth: 3 });
/** What numbers, names and structures go wrong with. */
const nastyValue = fc.oneof(
  anyJson,
  fc.constantFrom<unknown>(
    null,
    '',
    0,
    -1,
    1e308,
    2 ** 53,
    true,
    [],
    {},
    [null],
    { '': null },
    '\u0000',
    '\ud800',
    '__proto__',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ minLength: 260, maxLength: 400 }),
);

type Path = (string | number)[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...entries.flatMap(([key, child]: [string | number, unknown]) => pathsOf(child, [...path, key]))];
}

function withValueAt(value: unknown, [first, ...rest]: Path, next: unknown): unknown {
  if (first === undefined) return next;
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (index === first ? withValueAt(item, rest, next) : item));
  const entries = Object.entries(value ?? {});
  return Object.fromEntries(entries.map(([key, item]) => [key, key === first ? withValueAt(item, rest, next) : item]));
}

const extraFields = ['status', 'spec', 'metadata', 'unknown', 'constructor', 'finalizers', 'resourceVersion'];

/** A valid object with up to three values replaced and sometimes a field too many. */
const mutated = (sample: unknown) =>
  fc
    .tuple(
      fc.array(fc.tuple(fc.constantFrom(...pathsOf(sample)), nastyValue), { maxLength: 3 }),
      fc.option(fc.tuple(fc.constantFrom(...extraFields), nastyValue), { freq: 4 }),
    )
    .map(([changes, extra]) => {
      const changed = changes.reduce<unknown>((value, [path, next]) => withValueAt(value, path, next), sample);
      if (extra === null || typeof changed !== 'object' || Array.isArray(changed)) return changed;
      return { ...changed, [extra[0]]: extra[1] };
    });

const deep = fc.integer({ min: 10, max: 20_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth));
const encodedBody = (sample: unknown) =>
  fc.oneof(
    { weight: 10, arbitrary: mutated(sample).map((value) => JSON.stringify(value) ?? '') },
    { weight: 3, arbitrary: fc.constant(JSON.stringify(sample)) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
    {
      weight: 1,
      arbitrary: fc.tuple(fc.constant(JSON.stringify(sample)), fc.nat(80)).map(([text, cut]) => text.slice(0, -cut)),
    },
    { weight: 1, arbitrary: deep },
  );

const operation = fc.record(
  {
    op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'nonsense'),
    path: fc.constantFrom(
      '',
      '/',
      '/metadata',
      '/metadata/labels/app',
      '/spec/ports/0',
      '/spec/ports/-',
      '/a/b',
      '/data',
      '/__proto__/x',
    ),
    from: fc.constantFrom('', '/metadata', '/spec', '/data/key'),
    value: nastyValue,
  },
  { requiredKeys: ['op'] },
);

const patchTypes = ['json-patch', 'merge-patch', 'strategic-merge-patch', 'apply-patch'] as const;

const patch = (sample: unknown) =>
  fc
    .tuple(fc.constantFrom(...patchTypes), fc.array(operation, { maxLength: 4 }), encodedBody(sample))
    .map(([type, list, body]) => ({
      contentType: type === 'apply-patch' ? 'application/apply-patch+yaml' : `application/${type}+json`,
      body: type === 'json-patch' ? JSON.stringify(list) : body,
    }));

const selector = fc.oneof(
  fc.constantFrom(
    'app=x',
    'app!=x',
    'app in (x,y)',
    '!app',
    'metadata.name=a',
    'status.phase=Running',
    'app in (',
    '=',
    ',,',
    'a=b=c',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
const number = fc.oneof(
  fc.constantFrom('0', '1', '-1', '99999999999999999999', 'x', '1.5', ''),
  fc.nat(500).map(String),
);
const query = fc
  .record(
    {
      labelSelector: selector,
      fieldSelector: selector,
      limit: number,
      continue: fc.oneof(
        fc.constant('eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhIn0'),
        fc.string({ maxLength: 20 }),
      ),
      resourceVersion: number,
      resourceVersionMatch: fc.constantFrom('Exact', 'NotOlderThan', 'x'),
      dryRun: fc.constantFrom('All', 'x', ''),
      fieldValidation: fc.constantFrom('Strict', 'Warn', 'Ignore', 'x'),
      fieldManager: fc.string({ unit: 'binary', maxLength: 140 }),
      force: fc.constantFrom('true', 'x'),
      propagationPolicy: fc.constantFrom('Foreground', 'Background', 'Orphan', 'x'),
      gracePeriodSeconds: number,
      sendInitialEvents: fc.constantFrom('true', 'false'),
      pretty: fc.constantFrom('true', 'x'),
    },
    { requiredKeys: [] },
  )
  .map((parameters) => new URLSearchParams(toWellFormed(parameters)).toString());

function toWellFormed(parameters: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(parameters).map(([key, value]) => [key, (value ?? '').toWellFormed()]));
}

const accept = fc.constantFrom(
  '*/*',
  'application/json',
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
  'application/vnd.kubernetes.protobuf',
  'text/html',
);
const contentType = fc.oneof(
  { weight: 8, arbitrary: fc.constant('application/json') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('application/yaml', 'application/vnd.kubernetes.protobuf', 'text/plain', ''),
  },
);

const segment = (text: string): string => encodeURIComponent(text.toWellFormed());
const withQuery = (path: string, text: string): string => (text === '' ? path : `${path}?${text}`);
const few = <T>(arbitrary: fc.Arbitrary<T>, otherwise: T) =>
  fc.oneof({ weight: 1, arbitrary }, { weight: 2, arbitrary: fc.constant(otherwise) });

const subresource = few(fc.constantFrom('/status', '/scale', '/log', '/eviction', '/nope', '/status/x'), '');

const onKnownKinds: fc.Arbitrary<FuzzRequest> = collection.chain((path) => {
  const sample = samples[path];
  const own = ((sample ?? {})['metadata'] as { name: string }).name;
  return fc
    .record({
      method: fc.constantFrom(
        'GET',
        'LIST',
        'WATCH',
        'POST',
        'POST',
        'PUT',
        'PATCH',
        'DELETE',
        'DELETECOLLECTION',
        'HEAD',
        'OPTIONS',
      ),
      name: fc.oneof({ weight: 3, arbitrary: fc.constant(own) }, { weight: 1, arbitrary: name }),
      sub: subresource,
      query: few(query, ''),
      accept,
      contentType,
      body: encodedBody(sample),
      patch: patch(sample),
    })
    .map(({ method, name: target, sub, query: text, ...rest }): FuzzRequest => {
      const object = `${path}/${segment(target)}${sub}`;
      const headers = { accept: rest.accept };
      const withType = { ...headers, 'content-type': rest.contentType };
      switch (method) {
        case 'LIST':
          return { method: 'GET', path: withQuery(path, text), headers, body: undefined };
        case 'WATCH':
          return { method: 'GET', path: `${path}?watch=true&timeoutSeconds=1&${text}`, headers, body: undefined };
        case 'POST':
          return { method, path: withQuery(path, text), headers: withType, body: rest.body };
        case 'PUT':
          return { method, path: withQuery(object, text), headers: withType, body: rest.body };
        case 'PATCH':
          return {
            method,
            path: withQuery(object, text),
            headers: { ...headers, 'content-type': rest.patch.contentType },
            body: rest.patch.body,
          };
        case 'DELETECOLLECTION':
          return { method: 'DELETE', path: withQuery(path, text), headers: withType, body: undefined };
        default:
          return { method, path: withQuery(object, text), headers, body: undefined };
      }
    });
});

/** Paths of all kinds and of none. */
const anywhere: fc.Arbitrary<FuzzRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE'),
    parts: fc.array(
      fc.oneof(
        fc.constantFrom('api', 'apis', 'v1', 'apps', 'namespaces', 'pods', 'openapi', 'v2', 'v3', 'version', '..', ''),
        name,
      ),
      { maxLength: 7 },
    ),
    query: few(query, ''),
    accept,
    body: anyJson,
  })
  .map(({ method, parts, query: text, accept: type, body }) => ({
    method,
    path: withQuery(`/${parts.map(segment).join('/')}`, text),
    headers: { accept: type, 'content-type': 'application/json' },
    body: method === 'GET' ? undefined : JSON.stringify(body),
  }));

export const fuzzRequests: fc.Arbitrary<FuzzRequest> = fc.oneof(
  { weight: 9, arbitrary: onKnownKinds },
  { weight: 1, arbitrary: anywhere },
);
