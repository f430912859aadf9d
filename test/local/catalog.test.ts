import { expect, test } from 'vitest';
import { createCatalog, imageNotInCatalog, isAimDiscovery, parseCatalog } from '../../src/local/catalog.ts';

test.each([
  ['ghcr.io/llm-d/llm-d-inference-sim:v0.3.0', 'simulator'],
  ['vllm/vllm-openai:latest', 'simulator'],
  ['docker.io/vllm/vllm-openai:v0.9.1', 'simulator'],
  ['public.ecr.aws/q9t5s3a7/vllm-cpu-release-repo:v0.10.2', 'simulator'],
  ['docker.io/envoyproxy/ai-gateway-testupstream:latest', 'testupstream'],
  ['envoyproxy/ai-gateway-testupstream', 'testupstream'],
  ['registry.k8s.io/gateway-api-inference-extension/epp:v1.0.1', 'epp'],
  ['us-central1-docker.pkg.dev/k8s-staging-images/gateway-api-inference-extension/epp:main', 'epp'],
  ['ghcr.io/llm-d/llm-d-inference-scheduler@sha256:0123', 'epp'],
  ['registry.k8s.io/gateway-api-inference-extension/epp-other:v1', undefined],
  ['example.com/vllm/vllm-openai:v1', undefined],
  ['nginx', undefined],
  ['amdenterpriseai/aim-qwen-qwen3-32b:0.8.5', 'aim'],
  ['ghcr.io/silogen/aim-meta-llama-llama-3-1-8b-instruct@sha256:0123', 'aim'],
  ['localhost:5000/aim-base', 'aim'],
  ['ghcr.io/aim-team/server:1', undefined],
  ['ghcr.io/silogen/aim-artifact-downloader:0.2.0', 'aimdownload'],
  ['kserve/storage-initializer:v0.16.0-rc0', 'storageinitializer'],
])('%s runs as %s', (image, program) => {
  expect(createCatalog().find(image)).toBe(program);
});

test("the user's entries come first, and a tag is compared only where the pattern has one", () => {
  const catalog = createCatalog(
    parseCatalog(
      `catalog:
  - images: ["vllm/vllm-openai:v1*", "localhost:5000/mine"]
    program:
      command: [node, server.js]
      args: ignore
      env: { MODE: test }
      ready: { path: /health }
`,
      'catalog.yaml',
    ),
  );
  const mine = {
    command: ['node', 'server.js'],
    args: 'ignore',
    env: { MODE: 'test' },
    ready: { path: '/health', port: 0 },
  };
  expect(catalog.find('docker.io/vllm/vllm-openai:v1.2')).toEqual(mine);
  expect(catalog.find('vllm/vllm-openai:v2')).toBe('simulator');
  expect(catalog.find('localhost:5000/mine:7')).toEqual(mine);
});

test.each([
  ['catalog: [', 'c.yaml:1:'],
  ['images: []', 'c.yaml:1:1: the file has no field "images"; it has catalog'],
  ['catalog: 1', 'c.yaml:1:10: catalog must be a list of entries with images and program'],
  ['catalog:\n  - images: [a]\n', 'c.yaml:2:5: catalog[0].program is missing'],
  [
    'catalog:\n  - images: []\n    program: epp\n',
    'c.yaml:2:13: catalog[0].images must be a list of at least one string',
  ],
  [
    'catalog:\n  - images: [a]\n    program: nginx\n',
    'c.yaml:3:14: catalog[0].program (or a map with command, url or gguf) must be one of simulator, testupstream, epp, aim, aimdownload, storageinitializer',
  ],
  [
    'catalog:\n  - images: [a]\n    program: { command: [a, 1] }\n',
    'c.yaml:3:29: catalog[0].program.command[1] must be a string',
  ],
  [
    'catalog:\n  - images: [a]\n    program: { command: [a], args: both }\n',
    'catalog[0].program.args must be one of append, ignore',
  ],
  [
    'catalog:\n  - images: [a]\n    program: { command: [a], env: { A: 1 } }\n',
    'catalog[0].program.env.A must be a string',
  ],
  [
    'catalog:\n  - images: [a]\n    program: { command: [a], ready: { path: /, port: http } }\n',
    'catalog[0].program.ready.port must be a port number',
  ],
  [
    'catalog:\n  - images: [a]\n    program: { command: [a], user: root }\n',
    'c.yaml:3:30: catalog[0].program has no field "user"',
  ],
])('a mistake is refused with its place: %j', (text, message) => {
  expect(() => parseCatalog(text, 'c.yaml')).toThrow(message);
});

test('an image can stand for a server that runs already', () => {
  const text =
    'catalog:\n  - images: [ghcr.io/silogen/aim-*]\n    program: { url: "http://127.0.0.1:11434/v1", ready: { path: /models } }\n';
  expect(createCatalog(parseCatalog(text, 'c.yaml')).find('ghcr.io/silogen/aim-qwen:1')).toEqual({
    url: 'http://127.0.0.1:11434/v1',
    ready: { path: '/models', port: 0 },
  });
  const parsed = (program: string) => () =>
    parseCatalog(`catalog:\n  - images: [a]\n    program: ${program}\n`, 'c.yaml');
  expect(parsed('{ url: 11434 }')).toThrow('catalog[0].program.url must be a string');
  expect(parsed('{ url: "localhost:11434" }')).toThrow('catalog[0].program.url must be a URL such as');
  expect(parsed('{ url: "http://a", command: [b] }')).toThrow('command, args and env have no place beside it');
});

test('an image can stand for a model file, for the models that the entry names', () => {
  const entry =
    'images: ["vllm/vllm-openai*"]\n    models: ["Smol/*"]\n    program: { gguf: m.gguf, runtime: /opt/llama }';
  const catalog = createCatalog(parseCatalog(`catalog:\n  - ${entry}\n`, 'c.yaml'));
  expect(catalog.find('vllm/vllm-openai:v1', 'Smol/135M')).toEqual({ gguf: 'm.gguf', runtime: '/opt/llama' });
  expect(catalog.find('vllm/vllm-openai:v1', 'Qwen/Qwen3-0.6B')).toBe('simulator');
  expect(catalog.find('vllm/vllm-openai:v1')).toBe('simulator');
  const parsed = (program: string) => () =>
    parseCatalog(`catalog:\n  - images: [a]\n    program: ${program}\n`, 'c.yaml');
  expect(parsed('{ gguf: m.gguf, args: append }')).toThrow('catalog[0].program has a gguf: only runtime has a place');
  expect(parsed('{ runtime: /opt, command: [a] }')).toThrow('catalog[0].program.runtime is for a gguf');
  expect(() => parseCatalog('catalog:\n  - images: [a]\n    models: []\n    program: epp\n', 'c.yaml')).toThrow(
    'catalog[0].models must be a list of at least one string',
  );
});

test('asking an AIM image for its profile is told from serving it', () => {
  const image = 'ghcr.io/silogen/aim-qwen-qwen3-32b:1';
  expect(isAimDiscovery({ image, args: ['dry-run', '--format=json'] })).toBe(true);
  expect(isAimDiscovery({ image })).toBe(false);
  expect(isAimDiscovery({ image: 'example.com/server', args: ['dry-run'] })).toBe(false);
});

test('the lines shown for an unknown image are a catalog that maps it', () => {
  const message = imageNotInCatalog('docker.io/acme/model-server:v3');
  expect(message).toContain('"docker.io/acme/model-server:v3"');
  const [, yaml = ''] = /(catalog:\n(?: {2}.*\n)+)or/.exec(message) ?? [];
  expect(createCatalog(parseCatalog(yaml, 'shown')).find('docker.io/acme/model-server:v3')).toBe('simulator');
});
