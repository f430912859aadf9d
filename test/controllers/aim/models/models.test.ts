import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AIMClusterModel, AIMModel } from '../../../../src/kinds/aim/aimmodel.ts';
import { AIMClusterServiceTemplate, AIMServiceTemplate } from '../../../../src/kinds/aim/aimservicetemplate.ts';
import { LegacyAIMModel } from '../../../../src/kinds/aim/legacy/aimmodel.ts';
import { LegacyAIMServiceTemplate } from '../../../../src/kinds/aim/legacy/aimservicetemplate.ts';
import { Secret } from '../../../../src/kinds/core/secret.ts';
import { messageOf, operatorNamespace, says, startModelCluster, type ModelCluster } from '../modelcluster.ts';
import { pullSecret, startLocalRegistry, type LocalRegistry } from '../registry/localregistry.ts';

const builtinMetadata = {
  model: {
    canonicalName: 'built/in',
    recommendedDeployments: [{ gpuModel: 'MI300X', gpuCount: 1, precision: 'fp16', metric: 'latency' }],
  },
};

let cluster: ModelCluster;
let registry: LocalRegistry;
beforeAll(async () => {
  cluster = await startModelCluster({
    imageMetadata: (image) => (image.startsWith('example.com/builtin') ? builtinMetadata : undefined),
  });
}, 60_000);
afterAll(async () => {
  await cluster.stop();
});
beforeEach(async () => {
  registry = await startLocalRegistry();
});
afterEach(async () => {
  await registry.stop();
});

const inTeam = (name: string) => ({ namespace: 'team', name });
const labels = {
  'com.amd.aim.model.canonicalName': 'org/model',
  'com.amd.aim.model.recommendedDeployments':
    "{'gpuModel':'MI300X','gpuCount':1,'precision':'fp16','metric':'latency'},{'gpuModel':'MI325X','gpuCount':8,'precision':'fp8','metric':'throughput'}",
};
const model = (name: string, image: string, more = '') => `
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMModel
metadata: { name: ${name} }
spec:
  image: ${image}
${more}`;

describe('a model of an image in a registry', () => {
  it('reads the labels and makes a template for each recommended deployment', async () => {
    await cluster.apply(model('found', registry.push('org/model', '1.0', labels)));
    const found = await cluster.eventually(AIMModel, inTeam('found'), (object) =>
      says(object, 'ImageMetadataReady', 'True'),
    );
    expect(found.status).toMatchObject({
      sourceType: 'Image',
      imageMetadata: { model: { canonicalName: 'org/model' } },
      observedGeneration: 1,
    });
    const { items } = await cluster.client.list(AIMServiceTemplate, { namespace: 'team' });
    const own = items.filter(({ spec }) => spec?.modelName === 'found');
    expect(own.map(({ metadata }) => metadata.name).toSorted()).toEqual([
      expect.stringMatching(/-1-0-1x-mi300x-lat-fp16-[0-9a-f]{4}$/),
      expect.stringMatching(/-1-0-8x-mi325x-thr-fp8-[0-9a-f]{4}$/),
    ]);
    expect(own[0]).toMatchObject({
      metadata: {
        labels: {
          'aim.eai.amd.com/origin': 'auto-generated',
          'aim.eai.amd.com/model': 'found',
          'aim.eai.amd.com/model.name': 'found',
          'app.kubernetes.io/managed-by': 'aim-model-controller',
        },
        ownerReferences: [{ kind: 'AIMModel', name: 'found', controller: true }],
      },
    });
    // There are no GPUs in this cluster.
    await cluster.eventually(AIMModel, inTeam('found'), ({ status }) => status?.status === 'NotAvailable');
  });

  it('is Degraded while the registry is down, says what to do, and recovers by itself', async () => {
    const image = registry.push('org/down', '1.0', labels);
    const port = Number(registry.host.split(':')[1]);
    await registry.stop();
    await cluster.apply(model('down', image));
    const down = await cluster.eventually(AIMModel, inTeam('down'), ({ status }) => status?.status === 'Degraded');
    expect(says(down, 'ImageMetadataReady', 'False', 'UnknownError')).toBe(true);
    expect(says(down, 'DependenciesReachable', 'False', 'InfrastructureError')).toBe(true);
    expect(messageOf(down, 'ImageMetadataReady')).toContain('cannot be reached');
    registry = await startLocalRegistry({ port });
    registry.push('org/down', '1.0', labels);
    await cluster.eventually(AIMModel, inTeam('down'), (object) => says(object, 'ImageMetadataReady', 'True'));
  });

  it('is Degraded while the image is missing, and recovers when it is pushed', async () => {
    registry.push('org/late', '0.9', labels);
    await cluster.apply(model('late', `${registry.host}/org/late:1.0`));
    const late = await cluster.eventually(AIMModel, inTeam('late'), ({ status }) => status?.status === 'Degraded');
    expect(messageOf(late, 'ImageMetadataReady')).toContain('check the name and the tag');
    registry.push('org/late', '1.0', labels);
    await cluster.eventually(AIMModel, inTeam('late'), (object) => says(object, 'ImageMetadataReady', 'True'));
  });

  it('fails without its pull secret, is refused with a wrong one, and recovers with the right one', async () => {
    registry.auth = { scheme: 'bearer', password: 'right' };
    const image = registry.push('org/private', '1.0', labels);
    await cluster.apply(model('private', image, '  imagePullSecrets: [{ name: pull }]'));
    const missing = await cluster.eventually(AIMModel, inTeam('private'), ({ status }) => status?.status === 'Failed');
    expect(says(missing, 'ImageMetadataReady', 'False', 'SecretNotFound')).toBe(true);
    expect(says(missing, 'ConfigValid', 'False', 'ReferenceNotFound')).toBe(true);
    expect(messageOf(missing, 'ImageMetadataReady')).toContain('there is no Secret team/pull: create it');

    await cluster.client.create(Secret, pullSecret('pull', 'team', registry.host, 'wrong'));
    const refused = await cluster.eventually(
      AIMModel,
      inTeam('private'),
      ({ status }) => status?.status === 'Degraded',
    );
    expect(messageOf(refused, 'ImageMetadataReady')).toContain('update the Secret');
    expect(JSON.stringify(refused)).not.toContain('wrong');

    await cluster.client.update(Secret, pullSecret('pull', 'team', registry.host, 'right'));
    await cluster.eventually(AIMModel, inTeam('private'), (object) => says(object, 'ImageMetadataReady', 'True'));
  });

  it('is asked anew when the image changes', async () => {
    await cluster.apply(model('changing', registry.push('org/changing', '1', labels)));
    await cluster.eventually(AIMModel, inTeam('changing'), (object) => says(object, 'ImageMetadataReady', 'True'));
    const other = registry.push('org/changing', '2', { 'com.amd.aim.model.canonicalName': 'org/other' });
    await cluster.client.patch(AIMModel, inTeam('changing'), { type: 'merge', body: { spec: { image: other } } });
    const changed = await cluster.eventually(
      AIMModel,
      inTeam('changing'),
      ({ status }) => status?.imageMetadata?.model?.canonicalName === 'org/other',
    );
    expect(changed.status?.observedGeneration).toBe(2);
  });
});

describe('a model without a registry', () => {
  it('takes built-in images from the node, whatever secrets it names', async () => {
    await cluster.apply(model('builtin', 'example.com/builtin/a:1', '  imagePullSecrets: [{ name: nowhere }]'));
    const found = await cluster.eventually(AIMModel, inTeam('builtin'), (object) =>
      says(object, 'ImageMetadataReady', 'True'),
    );
    expect(found.status?.imageMetadata?.model?.canonicalName).toBe('built/in');
  });

  it('takes what its spec says', async () => {
    await cluster.apply(model('told', 'registry.invalid/a:1', '  imageMetadata: { model: { canonicalName: a/b } }'));
    const told = await cluster.eventually(AIMModel, inTeam('told'), ({ status }) => status?.status === 'Ready');
    expect(says(told, 'ServiceTemplatesReady', 'True', 'NoTemplatesExpected')).toBe(true);
    expect(says(told, 'RuntimeConfigReady', 'True', 'DefaultConfigNotFound')).toBe(true);
  });

  it('waits for ever without metadata, and says how to end it', async () => {
    await cluster.apply(model('waiting', 'registry.invalid/a:1', '  discovery: { extractMetadata: false }'));
    const waiting = await cluster.eventually(
      AIMModel,
      inTeam('waiting'),
      ({ status }) => status?.status === 'Progressing',
    );
    expect(says(waiting, 'ServiceTemplatesReady', 'False', 'AwaitingMetadata')).toBe(true);
    expect(messageOf(waiting, 'ServiceTemplatesReady')).toContain('set spec.imageMetadata');
  });

  it('is Ready without templates when it is told to make none', async () => {
    await cluster.apply(
      model('bare', 'registry.invalid/a:1', '  discovery: { extractMetadata: false, createServiceTemplates: false }'),
    );
    await cluster.eventually(AIMModel, inTeam('bare'), ({ status }) => status?.status === 'Ready');
  });

  it('fails with an image that is no reference', async () => {
    await cluster.apply(model('broken', '":::invalid"'));
    const broken = await cluster.eventually(AIMModel, inTeam('broken'), ({ status }) => status?.status === 'Failed');
    expect(says(broken, 'ImageMetadataReady', 'False', 'InvalidImageReference')).toBe(true);
  });

  it('fails while the runtime configuration that it names is missing, and recovers when it comes', async () => {
    await cluster.apply(model('configured', 'example.com/builtin/b:1', '  runtimeConfigName: special'));
    const missing = await cluster.eventually(
      AIMModel,
      inTeam('configured'),
      ({ status }) => status?.status === 'Failed',
    );
    expect(says(missing, 'RuntimeConfigReady', 'False', 'ConfigNotFound')).toBe(true);
    await cluster.apply(`
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMRuntimeConfig
metadata: { name: special }
spec: {}
`);
    await cluster.eventually(AIMModel, inTeam('configured'), (object) =>
      says(object, 'RuntimeConfigReady', 'True', 'ConfigFound'),
    );
  });
});

describe('a custom model', () => {
  it('makes its templates with the weights in them, which are ready at once', async () => {
    await cluster.apply(
      model(
        'custom-model-test',
        'example.com/builtin/base:1',
        `  modelSources: [{ modelId: inline/test-model, sourceUri: "hf://sshleifer/tiny-gpt2" }]
  custom: { hardware: { cpu: { requests: "2" } } }
  env: [{ name: A, value: model }, { name: B, value: model }]
  customTemplates:
    - { name: first, env: [{ name: A, value: template }] }
    - { name: second, type: optimized, profile: { metric: latency, precision: fp16 } }
`,
      ),
    );
    const ready = await cluster.eventually(
      AIMModel,
      inTeam('custom-model-test'),
      ({ status }) => status?.status === 'Ready',
    );
    expect(ready.status?.sourceType).toBe('Custom');
    const { items } = await cluster.client.list(AIMServiceTemplate, { namespace: 'team' });
    const own = items.filter(({ spec }) => spec?.modelName === 'custom-model-test');
    const first = own.find(({ metadata }) => metadata.labels?.['aim.eai.amd.com/template.alias'] === 'first');
    expect(first?.spec).toMatchObject({
      type: 'unoptimized',
      modelSources: [{ modelId: 'inline/test-model' }],
      env: [
        { name: 'A', value: 'template' },
        { name: 'B', value: 'model' },
      ],
      hardware: { cpu: { requests: '2' } },
      resources: { requests: { cpu: '2' } },
    });
    expect(first?.status?.hardwareSummary).toBe('CPU');
    expect(messageOf(first ?? {}, 'Discovered')).toBe('Model sources provided in-line in spec');
    expect(own).toHaveLength(2);
  });

  it('of the cluster makes cluster templates, without variables', async () => {
    await cluster.apply(`
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMClusterModel
metadata: { name: auto-gen-template-test }
spec:
  image: example.com/builtin/base:1
  modelSources: [{ modelId: inline/test-model, sourceUri: "hf://sshleifer/tiny-gpt2" }]
  custom: { hardware: { cpu: { requests: "2" } } }
  env: [{ name: A, value: model }]
`);
    await cluster.eventually(
      AIMClusterModel,
      { name: 'auto-gen-template-test' },
      ({ status }) => status?.status === 'Ready',
    );
    const template = await cluster.client.get(AIMClusterServiceTemplate, {
      name: 'auto-gen-template-test-custom-60ba3f14',
    });
    expect(template?.spec?.env).toBeUndefined();
    expect(template?.status?.status).toBe('Ready');
  });
});

describe('models of the older group', () => {
  const legacy = (name: string, image: string, more = '') =>
    model(name, image, more).replace('aim.eai.amd.com', 'aim.silogen.ai');

  it('make templates with GPU selectors', async () => {
    await cluster.apply(legacy('old', registry.push('org/old', '1.0', labels)));
    const old = await cluster.eventually(LegacyAIMModel, inTeam('old'), (object) =>
      says(object, 'MetadataExtracted', 'True'),
    );
    expect(says(old, 'TemplatesAutoGenerated', 'True')).toBe(true);
    const { items } = await cluster.client.list(LegacyAIMServiceTemplate, { namespace: 'team' });
    const specs = items.filter(({ spec }) => spec?.modelName === 'old').map(({ spec }) => spec?.gpuSelector);
    expect(specs).toContainEqual({ count: 1, model: 'MI300X', resourceName: 'amd.com/gpu' });
    const idle = await cluster.eventually(
      LegacyAIMModel,
      inTeam('old'),
      ({ status }) => status?.status === 'NotAvailable',
    );
    expect(says(idle, 'Ready', 'False', 'AllTemplatesNotAvailable')).toBe(true);
  });

  it('are Ready when nothing is to be found out', async () => {
    await cluster.apply(legacy('off', 'registry.invalid/a:1', '  discovery: { enabled: false }'));
    await cluster.eventually(LegacyAIMModel, inTeam('off'), (object) =>
      says(object, 'Ready', 'True', 'DiscoveryDisabled'),
    );
  });

  it('are Ready when the image recommends nothing', async () => {
    await cluster.apply(legacy('plain', registry.push('org/plain', '1.0', {})));
    await cluster.eventually(LegacyAIMModel, inTeam('plain'), (object) =>
      says(object, 'Ready', 'True', 'MetadataMissingRecommendedDeployments'),
    );
  });

  it.each([
    ['unauthorized', 'Degraded', 'ImagePullAuthFailure'],
    ['missing', 'Failed', 'ImageNotFound'],
    ['garbage', 'Failed', 'MetadataExtractionFailed'],
  ])('say what is wrong with the image: %s', async (what, status, reason) => {
    const image = registry.push(
      `org/${what}`,
      '1.0',
      what === 'garbage' ? { 'org.amd.silogen.model.recommendedDeployments': '{' } : labels,
    );
    if (what === 'unauthorized') registry.auth = { scheme: 'bearer', password: 'x' };
    await cluster.apply(legacy(`bad-${what}`, what === 'missing' ? `${image}-no` : image));
    const bad = await cluster.eventually(
      LegacyAIMModel,
      inTeam(`bad-${what}`),
      (object) => object.status?.status === status,
    );
    expect(says(bad, 'Ready', 'False', reason)).toBe(true);
    // And by itself again.
    registry.auth = { scheme: 'none' };
    registry.push(`org/${what}`, what === 'missing' ? '1.0-no' : '1.0', labels);
    await cluster.eventually(LegacyAIMModel, inTeam(`bad-${what}`), (object) =>
      says(object, 'MetadataExtracted', 'True'),
    );
  });
});

describe('settled models', () => {
  it('are not written again, neither in another pass nor after a restart (trap 1)', async () => {
    await cluster.eventually(AIMModel, inTeam('custom-model-test'), ({ status }) => status?.status === 'Ready');
    await cluster.client.patch(AIMModel, inTeam('custom-model-test'), {
      type: 'merge',
      body: { metadata: { annotations: { touched: 'yes' } } },
    });
    await cluster.restart();
    const before = cluster.writes.length;
    // A model that comes after all the others has been seen, when they have.
    await cluster.apply(model('zz-last', 'example.com/builtin/z:1', '  discovery: { createServiceTemplates: false }'));
    await cluster.eventually(AIMModel, inTeam('zz-last'), ({ status }) => status?.status === 'Ready');
    const about = cluster.writes.slice(before).filter((write) => write.includes('custom-model-test'));
    expect(about).toEqual([]);
  });

  it('make Secrets of the operator namespace count for cluster models', async () => {
    registry.auth = { scheme: 'basic', password: 'p' };
    await cluster.client.create(Secret, pullSecret('cluster-pull', operatorNamespace, registry.host, 'p'));
    await cluster.apply(
      model(
        'cluster-private',
        registry.push('org/cp', '1', labels),
        '  imagePullSecrets: [{ name: cluster-pull }]',
      ).replace('AIMModel', 'AIMClusterModel'),
    );
    await cluster.eventually(AIMClusterModel, { name: 'cluster-private' }, (object) =>
      says(object, 'ImageMetadataReady', 'True'),
    );
  });
});
