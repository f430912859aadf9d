import { describe, expect, it } from 'vitest';
import { ImageLabelError, metadataOfLabels } from '../../../../src/controllers/aim/models/imagemetadata.ts';

describe('metadata from the labels of an image (aim.md 6.2)', () => {
  it('reads all labels', () => {
    const labels = {
      'com.amd.aim.model.canonicalName': 'meta-llama/Llama-3.1-8B-Instruct',
      'com.amd.aim.model.source': 'hf://meta-llama/Llama-3.1-8B-Instruct',
      'com.amd.aim.model.tags': 'text-generation, chat,,',
      'com.amd.aim.model.versions': '1.0',
      'com.amd.aim.model.variants': 'a,b',
      'com.amd.aim.title': 'Llama',
      'com.amd.aim.description.full': 'A model',
      'com.amd.aim.release.notes': 'First',
      'com.amd.aim.hfToken.required': 'True',
      'com.amd.aim.model.recommendedDeployments':
        "{'gpuModel': 'MI300X', 'gpuCount': 1, 'precision': 'fp16', 'metric': 'latency', 'description': 'x', 'more': 1}",
      'org.opencontainers.image.title': 'image',
      'org.opencontainers.image.vendor': 'AMD',
    };
    expect(metadataOfLabels(labels)).toEqual({
      model: {
        canonicalName: 'meta-llama/Llama-3.1-8B-Instruct',
        source: 'hf://meta-llama/Llama-3.1-8B-Instruct',
        tags: ['text-generation', 'chat'],
        versions: ['1.0'],
        variants: ['a', 'b'],
        title: 'Llama',
        descriptionFull: 'A model',
        releaseNotes: 'First',
        hfTokenRequired: true,
        recommendedDeployments: [
          { gpuModel: 'MI300X', gpuCount: 1, precision: 'fp16', metric: 'latency', description: 'x' },
        ],
      },
      oci: { title: 'image', vendor: 'AMD' },
      originalLabels: labels,
    });
  });

  it('prefers the newer prefix, label by label', () => {
    const labels = {
      'org.amd.silogen.model.canonicalName': 'old/name',
      'com.amd.aim.model.canonicalName': 'new/name',
      'org.amd.silogen.title': 'old title',
    };
    expect(metadataOfLabels(labels).model).toEqual({ canonicalName: 'new/name', title: 'old title' });
  });

  it.each([
    ['1', true],
    ['t', true],
    ['FALSE', false],
    ['yes', undefined],
    ['', undefined],
  ])('hfToken.required=%s is %s', (text, value) => {
    expect(metadataOfLabels({ 'com.amd.aim.hfToken.required': text }).model?.hfTokenRequired).toBe(value);
  });

  it.each([
    ['[]', []],
    ['[{"gpuModel":"MI300X"},{"metric":"throughput"}]', [{ gpuModel: 'MI300X' }, { metric: 'throughput' }]],
    ["{'gpuModel':'A'},{'gpuModel':'B'}", [{ gpuModel: 'A' }, { gpuModel: 'B' }]],
  ])('recommended deployments %s', (text, deployments) => {
    const label = { 'org.amd.silogen.model.recommendedDeployments': text };
    expect(metadataOfLabels(label).model?.recommendedDeployments).toEqual(deployments);
  });

  it.each(['{', 'none', '[1]', '[{"gpuCount":"many"}]', '[{"gpuCount":-1}]'])('refuses deployments %s', (text) => {
    const label = { 'org.amd.silogen.model.recommendedDeployments': text };
    expect(() => metadataOfLabels(label)).toThrow(ImageLabelError);
    expect(() => metadataOfLabels(label)).toThrow(/recommendedDeployments/);
  });

  it('an image without labels says nothing', () => {
    expect(metadataOfLabels({})).toEqual({});
  });
});
