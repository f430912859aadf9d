import { expect, test } from 'vitest';
import { containerEnvironment, expand, type PodSources } from '../../src/local/environment.ts';
import { launchOf } from '../../src/local/launch.ts';
import { rewritePath } from '../../src/local/volumes.ts';
import { container, pod } from './objects.ts';

const addresses = { podIP: '127.10.0.5', hostIP: '127.10.0.1' };
const sources: PodSources = {
  configMap: (name) =>
    name === 'settings'
      ? { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { MODE: 'fast', LEVEL: '3' } }
      : undefined,
  secret: (name) =>
    name === 'keys'
      ? {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name },
          data: { token: Buffer.from('s3cret').toString('base64') },
        }
      : undefined,
  claimDirectory: () => undefined,
};
const owner = pod('web-1', {
  metadata: { labels: { app: 'web' }, annotations: { note: 'hi' } },
  spec: { nodeName: 'headgate', serviceAccountName: 'runner' },
});

test.each([
  ['$(A)-$(B)', '1-$(B)'],
  ['$$(A)', '$(A)'],
  ['$(A', '$(A'],
  ['cost: $5', 'cost: $5'],
  ['$(A)$(A)', '11'],
])('%j expands to %j', (text, expected) => {
  expect(expand(text, { A: '1' })).toBe(expected);
});

test('literals, references to earlier variables and every source', () => {
  const env = containerEnvironment(
    container({
      envFrom: [{ configMapRef: { name: 'settings' }, prefix: 'CFG_' }],
      env: [
        { name: 'A', value: 'x' },
        { name: 'B', value: '$(A)-$(CFG_MODE)-$(LATER)' },
        { name: 'LATER', value: 'z' },
        { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'HOST', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } },
        { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
        { name: 'ACCOUNT', valueFrom: { fieldRef: { fieldPath: 'spec.serviceAccountName' } } },
        { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: 'NOTE', valueFrom: { fieldRef: { fieldPath: "metadata.annotations['note']" } } },
        { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'keys', key: 'token' } } },
        { name: 'CPUS', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'requests.memory' } } },
        { name: 'NOPE', valueFrom: { secretKeyRef: { name: 'gone', key: 'token', optional: true } } },
      ],
      resources: { limits: { cpu: '1500m', memory: '2Ki' } },
    }),
    owner,
    addresses,
    sources,
  );
  expect(env).toEqual({
    CFG_MODE: 'fast',
    CFG_LEVEL: '3',
    A: 'x',
    B: 'x-fast-$(LATER)',
    LATER: 'z',
    NAME: 'web-1',
    IP: '127.10.0.5',
    HOST: '127.10.0.1',
    NODE: 'headgate',
    ACCOUNT: 'runner',
    APP: 'web',
    NOTE: 'hi',
    TOKEN: 's3cret',
    CPUS: '2',
    MEMORY: '2048',
  });
});

test.each([
  [{ configMapKeyRef: { name: 'gone', key: 'a' } }, 'configmap "gone" not found'],
  [{ configMapKeyRef: { name: 'settings', key: 'a' } }, "couldn't find key a in ConfigMap default/settings"],
  [{ secretKeyRef: { name: 'gone', key: 'a' } }, 'secret "gone" not found'],
  [{ fieldRef: { fieldPath: 'status.nope' } }, 'unsupported fieldPath: status.nope'],
  [{ resourceFieldRef: { resource: 'limits.cpu' } }, 'does not set limits.cpu'],
])('a source that is missing is a configuration error: %j', (valueFrom, message) => {
  const env = [{ name: 'A', valueFrom }];
  expect(() => containerEnvironment(container({ env }), owner, addresses, sources)).toThrow(message);
});

const mounts = [
  { mountPath: '/config/extra', source: '/data/extra' },
  { mountPath: '/config', source: '/data/config' },
];

test.each([
  ['/config/plugins.yaml', '/data/config/plugins.yaml'],
  ['/config', '/data/config'],
  ['--config-file=/config/plugins.yaml', '--config-file=/data/config/plugins.yaml'],
  ['/config/extra/a', '/data/extra/a'],
  ['/configuration', '/configuration'],
  ['say /config', 'say /config'],
  ['a=b', 'a=b'],
  ['', ''],
])('the word %j becomes %j where paths are mounted', (word, expected) => {
  expect(rewritePath(word, mounts)).toBe(expected);
});

const context = {
  entry: { execPath: '/usr/bin/node', args: ['cli.js'] },
  addresses,
  podName: 'web-1',
  baseEnv: { PATH: '/bin' },
  declaredEnv: { MODEL: 'm', FILE: '/config/a' },
  mounts,
};

test('a built-in program gets the arguments of the container, and its address', () => {
  const launch = launchOf(
    container({ args: ['--model', '$(MODEL)', '--file=/config/x'], ports: [{ containerPort: 8000 }] }),
    'simulator',
    context,
  );
  expect(launch).toMatchObject({
    type: 'thread',
    program: 'simulator',
    args: ['--model', 'm', '--file=/data/config/x'],
    dropped: [],
  });
  expect(launch.env).toMatchObject({
    PATH: '/bin',
    PORT: '8000',
    POD_IP: '127.10.0.5',
    HEADGATE_LISTEN_ADDRESS: '127.10.0.5',
    HOSTNAME: 'web-1',
    FILE: '/data/config/a',
    HEADGATE_MOUNTS: '{"/config/extra":"/data/extra","/config":"/data/config"}',
  });
});

test.each([
  [['vllm', 'serve', 'Qwen/Qwen3'], ['Qwen/Qwen3']],
  [['python3', '-m', 'vllm.entrypoints.openai.api_server'], []],
  [['/app/llm-d-inference-sim'], []],
  [['/epp', '--v=4'], ['--v=4']],
])('the command %j of a vLLM image leaves the arguments %j', (command, args) => {
  expect(launchOf(container({ command }), 'simulator', context)).toMatchObject({ program: 'simulator', args });
});

test.each([
  ['aimdownload', ['/check-size.sh'], ['check-size', 'hf://a/b']],
  ['aimdownload', [], ['hf://a/b']],
  ['storageinitializer', ['/storage-initializer/scripts/initializer-entrypoint'], ['hf://a/b']],
] as const)('%s for the command %j is told %j', (program, command, words) => {
  const one = container({ command: [...command], args: ['hf://a/b'] });
  expect(launchOf(one, program, context)).toMatchObject({ program, args: words });
});

test('another script of the image is not taken for the download', () => {
  const one = container({ command: ['/entrypoint.sh'], args: ['hf://a/b'] });
  expect(() => launchOf(one, 'aimdownload', context)).toThrow('cannot run command ["/entrypoint.sh"]');
});

test('a server that runs already is reached by a program that passes requests on', () => {
  const launch = launchOf(container({ args: ['-x'] }), { url: 'http://127.0.0.1:11434' }, context);
  expect(launch).toMatchObject({
    type: 'thread',
    program: 'upstream',
    args: ['--url', 'http://127.0.0.1:11434'],
    env: { HEADGATE_IMAGE: 'example.com/app' },
  });
});

test('a command that a built-in program cannot stand in for is refused', () => {
  expect(() => launchOf(container({ command: ['/bin/sh', '-c', 'sleep 1'] }), 'simulator', context)).toThrow(
    'cannot run command ["/bin/sh","-c","sleep 1"]',
  );
});

test("a user's command replaces the container's, and its environment gives way to the container's", () => {
  const program = { command: ['node', 'server.js'], args: 'append', env: { MODEL: 'default', EXTRA: '1' } } as const;
  const launch = launchOf(container({ command: ['ignored'], args: ['-x'] }), program, context);
  expect(launch).toMatchObject({ type: 'process', command: ['node', 'server.js', '-x'], parentPipe: false });
  expect(launch.env).toMatchObject({ MODEL: 'm', EXTRA: '1' });
  expect(launchOf(container({ args: ['-x'] }), { ...program, args: 'ignore' }, context)).toMatchObject({
    command: ['node', 'server.js'],
  });
});

const loaderVariables = { LD_PRELOAD: '/tmp/evil.so', LD_LIBRARY_PATH: '/tmp', DYLD_INSERT_LIBRARIES: '/tmp/evil' };
const nodeVariables = {
  NODE_OPTIONS: '--import=/tmp/evil.mjs',
  NODE_EXTRA_CA_CERTS: '/tmp/ca',
  OPENSSL_CONF: '/tmp/c',
};

test.each([
  ['simulator', 'simulator' as const],
  ['a server that runs already', { url: 'http://127.0.0.1:11434' }],
  ['a model of the user', { gguf: 'model.gguf' }],
])('variables that change how a program is run do not reach a built-in program: %s', (_, program) => {
  const declaredEnv = { ...loaderVariables, ...nodeVariables, NODE_NAME: 'node-1', MODEL: 'm' };
  const { env, dropped } = launchOf(container({}), program, { ...context, declaredEnv });
  expect(dropped).toEqual(Object.keys({ ...loaderVariables, ...nodeVariables }));
  expect(Object.keys(env)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(LD_|DYLD_|NODE_O|OPENSSL_)/)]));
  expect(env).toMatchObject({ NODE_NAME: 'node-1', MODEL: 'm' });
});

test("of the variables of a user's program only the loader's are left out", () => {
  const program = { command: ['node', 'server.js'], args: 'append', env: {} } as const;
  const declaredEnv = { ...loaderVariables, ...nodeVariables };
  const { env, dropped } = launchOf(container({}), program, { ...context, declaredEnv });
  expect(dropped).toEqual(Object.keys(loaderVariables));
  expect(env).toMatchObject(nodeVariables);
});
