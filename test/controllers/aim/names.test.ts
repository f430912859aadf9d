import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseImageReference, type ImageReference } from '../../../src/controllers/aim/registry/imagereference.ts';
import {
  legacyDerivedTemplateName,
  legacyImageModelName,
  legacyInferenceServiceName,
  legacyName,
} from '../../../src/controllers/aim/legacynames.ts';
import {
  artifactChildName,
  artifactName,
  automaticTemplateName,
  customModelName,
  customTemplateName,
  dedicatedCacheName,
  derivedName,
  derivedTemplateName,
  discoveredTemplateName,
  discoveryJobName,
  httpRouteName,
  imageModelName,
  inferenceServiceName,
  sharedCacheName,
  sourceModelName,
} from '../../../src/controllers/aim/names.ts';
import { goJson } from '../../../src/controllers/aim/gojson.ts';

const uid = '11111111-2222-3333-4444-555555555555';
const image = (text: string): ImageReference => {
  const parsed = parseImageReference(text);
  if (parsed === undefined) throw new Error(`${text} is not an image`);
  return parsed;
};

describe('derived names of aim.eai.amd.com (aim.md 16.1)', () => {
  it.each([
    [inferenceServiceName('llama-chat', 'ml-team'), 'llama-chat-a04542d9'],
    [httpRouteName('llama-chat', 'ml-team'), 'llama-chat-a04542d9'],
    [inferenceServiceName('qwen-chat', 'ml-team'), 'qwen-chat-a04542d9'],
    [
      inferenceServiceName('a-very-long-service-name-that-exceeds-limits-for-sure', 'team-with-long-namespace'),
      'a-very-long-service-fd22a2ff',
    ],
    [sharedCacheName('llama-3-8b-latency', 'ml-team'), 'llama-3-8b-latency-a04542d9'],
    [dedicatedCacheName('llama-3-8b-latency', 'llama-chat', uid), 'llama-3-8b-latency-llama-chat-16b81fda'],
    [
      imageModelName(image('ghcr.io/silogen/aim-meta-llama-llama-3-1-8b-instruct:0.7.0')),
      'aim-meta-llama-llama-3-1-8b-instruct-0-7-0-d7b76664',
    ],
    [imageModelName(image('amdenterpriseai/aim-qwen-qwen3-32b:0.8.5')), 'aim-qwen-qwen3-32b-0-8-5-cdc1fb22'],
    [imageModelName(image('nginx')), 'nginx-latest-723886a6'],
    [imageModelName(image('localhost:5000/my-image:dev')), 'my-image-dev-3015bf28'],
    [imageModelName(image('ghcr.io/org/img@sha256:abcdef0123456789')), 'img-abcdef-34032ede'],
    [
      customModelName('ghcr.io/silogen/aim-dummy:0.1.10', [
        { modelId: 'inline/test-model', sourceUri: 'hf://sshleifer/tiny-gpt2' },
      ]),
      'inline-test-model-2cfa2a00',
    ],
    [
      derivedTemplateName('my-template', { gpu: 'MI300X', count: 4, precision: 'fp8', metric: 'throughput' }),
      'my-template-ovr-mi300x-4gpu-fp8-throughput-b295',
    ],
    [
      discoveredTemplateName('m1', 'ghcr.io/silogen/aim-dummy:0.1.10', {
        gpu: 'MI300X',
        count: 1,
        metric: 'latency',
        precision: 'fp16',
      }),
      'ghcr-io-silogen-aim-dummy-0-1-10-1x-mi300x-lat-fp16-6382',
    ],
    [
      discoveredTemplateName('aim-qwen-qwen3-32b-0-8-5-x', 'amdenterpriseai/aim-qwen-qwen3-32b:0.8.5', {
        gpu: 'MI325X',
        count: 8,
        metric: 'throughput',
        precision: 'fp8',
      }),
      'amdenterpriseai-aim-qwen-qwen3-32b-0-8-5-8x-mi325x-thr-fp8-e4ed',
    ],
    [discoveredTemplateName('m1', 'repo/img:1', {}), 'repo-img-1-part-8afb'],
    [automaticTemplateName('auto-gen-template-test'), 'auto-gen-template-test-custom-60ba3f14'],
    [
      customTemplateName({
        model: 'custom-model-test',
        index: 3,
        name: 'latency-optimized',
        profile: { metric: 'latency', precision: 'fp16' },
      }),
      'custom-model-test-custom-latency-optimized-fp16-480af67c',
    ],
    [
      customTemplateName({
        model: 'custom-model-test',
        index: 1,
        name: 'multi-gpu',
        gpu: { requests: 2, model: 'MI300X' },
      }),
      'custom-model-test-custom-multi-gpu-mi300x-e999d587',
    ],
    [
      artifactName({ sourceUri: 'hf://sshleifer/tiny-gpt2', env: [{ name: 'HF_TOKEN', value: 'my-token' }] }),
      'hf---sshleifer-tiny-gpt2-8b6a4bfd16',
    ],
    [
      artifactName({ sourceUri: 'hf://HuggingFaceTB/SmolLM-135M', env: [] }),
      'hf---huggingfacetb-smollm-135m-ae40e1f56a',
    ],
    [
      artifactName({
        sourceUri: 'hf://HuggingFaceTB/SmolLM-135M',
        env: [],
        storageClassName: 'fast',
        dedicatedTo: 'my-cache',
      }),
      'hf---huggingfacetb-smollm-135m-21b1040146',
    ],
    [artifactChildName('basic-lifecycle-hf', 'cache', uid), 'basic-lifecycle-hf-cache-16b81fda'],
    [artifactChildName('basic-lifecycle-hf', 'download', uid), 'basic-lifecycle-hf-download-16b81fda'],
    [artifactChildName('basic-lifecycle-hf', 'check-size', uid), 'basic-lifecycle-hf-check-size-16b81fda'],
    [sourceModelName('ghcr.io', 'silogen/llama-3-8b', 'v1.2.0'), 'silogen-llama-3-8b-v1-2-0-ed2f74'],
    [
      discoveryJobName({
        template: 'test-template-discovery-namespace',
        model: 'test-model-discovery-namespace',
        image: 'ghcr.io/silogen/aim-dummy:0.1.8',
        gpu: { model: 'MI300X', requests: 1 },
      }),
      'discover-test-template-discovery-namespace-ee237b0c',
    ],
  ])('%s', (name, expected) => {
    expect(name).toBe(expected);
  });

  it('has no InferenceService for a namespace of more than 42 characters', () => {
    expect(inferenceServiceName('a', 'n'.repeat(42))).toHaveLength(10);
    expect(inferenceServiceName('a', 'n'.repeat(43))).toBeUndefined();
  });

  it('is always a DNS label', () => {
    const part = fc.string({ minLength: 0, maxLength: 90 });
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), part, (parts, input) => {
        expect(derivedName(parts, { hash: [input] })).toMatch(/^(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
      }),
    );
  });
});

describe('derived names of aim.silogen.ai (aim.md 16.2)', () => {
  it.each([
    [
      legacyImageModelName('ghcr.io/silogen/aim-meta-llama-llama-3-1-8b-instruct:0.7.0'),
      'aim-meta-llama-llama-3-1-8b-instruct-0-7-0-e2103ebd',
    ],
    [legacyImageModelName('docker.io/amd/llama-3-8b:latest'), 'llama-3-8b-latest-789ec35b'],
    [
      legacyImageModelName('gcr.io/my-project/models/llama-3-70b-instruct:v1.2.3'),
      'llama-3-70b-instruct-v1-2-3-8924e87d',
    ],
    [legacyImageModelName('docker.io/org/Model_Name-v2:tag'), 'model-name-v2-tag-80c44dff'],
    [legacyImageModelName('docker.io/amd/mistral'), 'mistral-latest-859158af'],
    [legacyImageModelName('ghcr.io/silogen/vllm@sha256:abcdef1234567890'), 'vllm-abcdef-c6bc0374'],
    [
      legacyImageModelName(
        'registry.example.com/very-long-organization-name/extremely-long-model-name-that-exceeds-limits:v2.0.1',
      ),
      'extremely-long-model-name-that-exceeds-limits-v2-0-1-53334e16',
    ],
    [
      legacyDerivedTemplateName('llama-3-8b-latency', {
        metric: 'throughput',
        precision: 'fp16',
        gpuSelector: { count: 2, model: 'MI300X' },
      }),
      'llama-3-8b-latency-ovr-fc673f2e',
    ],
    [legacyDerivedTemplateName('x', { metric: 'throughput', precision: 'fp8' }), 'x-ovr-5ab7d1be'],
    [legacyInferenceServiceName('llama-chat', 'ml-team'), 'llama-chat'],
    [
      legacyInferenceServiceName('a-very-long-service-name-that-needs-truncation-here-ok', 'team-with-long-namespace'),
      'a-very-long-service-5efa11e1',
    ],
    [legacyName('Qwen/Qwen3 32B..x--y_'), 'qwen-qwen3-32b-x-y'],
  ])('%s', (name, expected) => {
    expect(name).toBe(expected);
  });
});

describe('image references', () => {
  it.each([':::invalid', 'name:', '', 'a b', '/x', 'x@sha256:12', 'ghcr.io/'])('refuses %j', (text) => {
    expect(parseImageReference(text)).toBeUndefined();
  });
});

describe("Go's JSON", () => {
  it.each([
    ['a<b>&c', String.raw`"a\u003cb\u003e\u0026c"`],
    ['\u2028"\\\n', String.raw`"\u2028\"\\\n"`],
    [undefined, 'null'],
    [[{ name: 'A', value: undefined, n: 4 }], '[{"name":"A","n":4}]'],
  ])('%j', (value, expected) => {
    expect(goJson(value)).toBe(expected);
  });
});
