import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCacheControllers } from '../../../../src/controllers/aim/caches/start.ts';
import { artifactChildName, artifactName } from '../../../../src/controllers/aim/names.ts';
import { AIMArtifact } from '../../../../src/kinds/aim/aimartifact.ts';
import { AIMClusterServiceTemplate, AIMServiceTemplate } from '../../../../src/kinds/aim/aimservicetemplate.ts';
import { AIMTemplateCache } from '../../../../src/kinds/aim/aimtemplatecache.ts';
import { startServiceCluster, type ServiceCluster } from '../service/servicecluster.ts';
import { bind, endJob, inTeam } from './jobplayer.ts';

let cluster: ServiceCluster;
beforeAll(async () => {
  cluster = await startServiceCluster({ start: startCacheControllers });
});
afterAll(async () => {
  await cluster.stop();
});

const template = (name: string, source: string, kind = 'AIMServiceTemplate') => `
apiVersion: aim.eai.amd.com/v1alpha1
kind: ${kind}
metadata: { name: ${name} }
spec: { modelName: m }
status:
  status: Ready
  modelSources: [{ modelId: org/${source}, sourceUri: hf://org/${source}, size: 1Gi, env: [{ name: B, value: source }] }]
  conditions: [{ type: Ready, status: 'True', reason: AllComponentsReady, message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }]
`;
const cache = (name: string, more: string) => `
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMTemplateCache
metadata: { name: ${name} }
spec: { ${more} }
`;
const until = (name: string, status: string, type: string, reason: string) =>
  cluster.eventually(
    AIMTemplateCache,
    inTeam(name),
    (found) =>
      found?.status?.status === status &&
      found.status.conditions?.some((condition) => condition.type === type && condition.reason === reason) === true,
  );
const messageOf = (found: AIMTemplateCache | undefined, type: string) =>
  found?.status?.conditions?.find((condition) => condition.type === type)?.message;

/** Plays the download of an artifact. */
async function fill(name: string): Promise<void> {
  const made = await cluster.eventually(AIMArtifact, inTeam(name), (found) => found !== undefined);
  const uid = made?.metadata.uid ?? '';
  await bind(cluster, artifactChildName(name, 'cache', uid));
  await endJob(cluster, artifactChildName(name, 'download', uid), 'Complete', '');
}

describe('a template cache', () => {
  it('makes an artifact for each source, is ready with it, and shares it with other caches', async () => {
    await cluster.apply(template('shared', 'shared'));
    await cluster.apply(
      cache(
        'shared',
        'templateName: shared, templateScope: Namespace, env: [{ name: A, value: cache }, { name: B, value: cache }]',
      ),
    );
    const env = [
      { name: 'A', value: 'cache' },
      { name: 'B', value: 'source' },
    ];
    const name = artifactName({ sourceUri: 'hf://org/shared', env });
    const waiting = await until('shared', 'Progressing', 'ServiceTemplateReady', 'AllComponentsReady');
    expect(waiting?.status).toMatchObject({ resolvedTemplateKind: 'AIMServiceTemplate' });
    const made = await cluster.client.get(AIMArtifact, inTeam(name));
    expect(made?.spec).toMatchObject({ modelId: 'org/shared', size: '1Gi', env });
    expect(made?.metadata.ownerReferences).toBeUndefined();
    expect(made?.metadata.labels).toMatchObject({
      'template-created': 'true',
      'aim.eai.amd.com/template.name': 'shared',
      'aim.eai.amd.com/template.scope': 'Namespace',
      'aim.eai.amd.com/template.index': '0',
      'aim.eai.amd.com/template-cache.name': 'shared',
    });

    // Another template with the same weights: it waits for the same artifact, and is told when it is ready.
    await cluster.apply(template('also', 'shared', 'AIMClusterServiceTemplate'));
    await cluster.apply(cache('also', 'templateName: also, templateScope: Unknown'));
    await cluster.eventually(
      AIMTemplateCache,
      inTeam('also'),
      (found) => found?.status?.artifacts?.[name] !== undefined,
    );
    await fill(name);
    const ready = await until('shared', 'Ready', 'ArtifactsReady', 'AllCachesReady');
    const claim = artifactChildName(name, 'cache', made?.metadata.uid ?? '');
    expect(ready?.status?.artifacts).toMatchObject({
      [name]: { name, model: 'org/shared', status: 'Ready', persistentVolumeClaim: claim },
    });
    await until('also', 'Ready', 'ArtifactsReady', 'AllCachesReady');

    // Its maker goes: Ready weights stay for others.
    await cluster.client.delete(AIMTemplateCache, inTeam('shared'));
    await cluster.eventually(AIMTemplateCache, inTeam('shared'), (found) => found === undefined);
    expect(await cluster.client.get(AIMArtifact, inTeam(name))).toBeDefined();

    // Nothing is written for what is settled.
    const before = cluster.writes.length;
    await cluster.client.patch(AIMTemplateCache, inTeam('also'), {
      type: 'merge',
      body: { metadata: { labels: { x: 'y' } } },
    });
    await cluster.apply(cache('marker', 'templateName: marker, templateScope: Namespace'));
    await until('marker', 'Failed', 'ServiceTemplateReady', 'ReferenceNotFound');
    expect(cluster.writes.slice(before).filter((write) => !write.includes('marker'))).toEqual([]);
  });

  it('has dedicated artifacts to itself, and takes back what is not ready', async () => {
    await cluster.apply(template('own', 'own'));
    await cluster.apply(cache('own', 'templateName: own, templateScope: Namespace, mode: Dedicated'));
    const name = artifactName({
      sourceUri: 'hf://org/own',
      env: [{ name: 'B', value: 'source' }],
      dedicatedTo: 'own',
    });
    const made = await cluster.eventually(AIMArtifact, inTeam(name), (found) => found !== undefined);
    expect(made?.metadata.ownerReferences).toMatchObject([{ kind: 'AIMTemplateCache', name: 'own', controller: true }]);
    await cluster.eventually(AIMArtifact, inTeam(name), (found) => found?.status?.mode === 'Dedicated');

    // A shared cache of the same weights does not touch it.
    await cluster.apply(cache('beside', 'templateName: own, templateScope: Namespace'));
    const shared = artifactName({ sourceUri: 'hf://org/own', env: [{ name: 'B', value: 'source' }] });
    await cluster.eventually(AIMArtifact, inTeam(shared), (found) => found?.status?.mode === 'Shared');
    await cluster.client.delete(AIMTemplateCache, inTeam('beside'));
    await cluster.eventually(AIMTemplateCache, inTeam('beside'), (found) => found === undefined);
    expect(await cluster.client.get(AIMArtifact, inTeam(shared))).toBeUndefined();
    expect(await cluster.client.get(AIMArtifact, inTeam(name))).toBeDefined();
  });

  it('tells which artifact failed and why', async () => {
    await cluster.apply(template('fails', 'fails'));
    await cluster.apply(cache('fails', 'templateName: fails, templateScope: Namespace'));
    const name = artifactName({ sourceUri: 'hf://org/fails', env: [{ name: 'B', value: 'source' }] });
    const made = await cluster.eventually(AIMArtifact, inTeam(name), (found) => found !== undefined);
    const uid = made?.metadata.uid ?? '';
    await bind(cluster, artifactChildName(name, 'cache', uid));
    await endJob(cluster, artifactChildName(name, 'download', uid), 'Failed', 'no space left on device\n');
    const failed = await until('fails', 'Failed', 'ArtifactsReady', 'InvalidSpec');
    expect(messageOf(failed, 'ArtifactsReady')).toContain(`AIMArtifact ${name}`);
    expect(messageOf(failed, 'ArtifactsReady')).toContain('tried again');
  });

  it.each([
    ['Failed', 'Failed'],
    ['NotAvailable', 'NotAvailable'],
    ['Progressing', 'Pending'],
    ['Pending', 'Pending'],
    ['Degraded', 'Degraded'],
  ])('follows a template that is %s', async (status, expected) => {
    const name = `follows-${status.toLowerCase()}`;
    await cluster.apply(cache(name, `templateName: ${name}, templateScope: Namespace`));
    const missing = await until(name, 'Failed', 'ServiceTemplateReady', 'ReferenceNotFound');
    expect(messageOf(missing, 'ServiceTemplateReady')).toContain('create it');
    await cluster.apply(`
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMServiceTemplate
metadata: { name: ${name} }
spec: { modelName: m }
status: { status: ${status} }
`);
    const found = await until(name, expected, 'ServiceTemplateReady', 'ResourceFound');
    expect(found?.status?.conditions?.find(({ type }) => type === 'ArtifactsReady')).toMatchObject({
      reason: 'NoCaches',
    });
    await cluster.setStatus(AIMServiceTemplate, inTeam(name), {
      status: 'Ready',
      modelSources: [{ modelId: `org/${name}`, sourceUri: `hf://org/${name}`, size: '1Gi' }],
    });
    await until(name, 'Progressing', 'ServiceTemplateReady', 'ResourceFound');
  });

  it('says that a ready template without sources leaves nothing to cache (trap 7)', async () => {
    const text = template('empty', 'x').replace(/modelSources.*/, '');
    await cluster.apply(text);
    await cluster.apply(cache('empty', 'templateName: empty, templateScope: Namespace'));
    await until('empty', 'Degraded', 'ArtifactsReady', 'NoModelSources');
    await cluster.client.delete(AIMClusterServiceTemplate, { name: 'also' });
  });
});
