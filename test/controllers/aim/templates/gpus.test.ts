import { describe, expect, it } from 'vitest';
import {
  checkGpus,
  detectGpus,
  hardwareSummary,
  hasGpuModel,
  needsGpu,
  nodeAffinityFor,
  normaliseGpuModel,
  sameGpuLabels,
} from '../../../../src/controllers/aim/templates/gpus.ts';
import type { Node } from '../../../../src/kinds/core/node.ts';

const gi = 1024 ** 3;
const node = (name: string, labels: Record<string, string>): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels },
  spec: {},
});
const detectOne = (labels: Record<string, string>) => detectGpus([node('n', labels)])[0];

describe('GPU model names (aim.md 16.4)', () => {
  it.each([
    ['MI300X (rev 2)', 'MI300X'],
    ['Instinct-MI325X', 'MI325X'],
    ['AMD Instinct MI300X OAM', 'MI300X'],
    ['RX7900-XTX', 'RX7900'],
    ['MI300X_HF', 'MI300X'],
    ['foo bar', 'FOO'],
    ['NONEXISTENT-GPU-MODEL-12345', '12345'],
    ['InstinctMI210', 'MI210'],
    ['amd:mi250x', 'MI250X'],
    ['  ', ''],
  ])('normalises "%s" to "%s"', (text, model) => {
    expect(normaliseGpuModel(text)).toBe(model);
  });
});

describe('GPU detection from Node labels (aim.md 7.6)', () => {
  it.each<[string, Record<string, string>, string | undefined]>([
    ['the device id', { 'amd.com/gpu.device-id': '74a1' }, 'MI300X'],
    ['a device id with 0x and capitals', { 'amd.com/gpu.device-id': '0x74B5' }, 'MI300X'],
    ['the beta label', { 'beta.amd.com/gpu.device-id': '740f' }, 'MI210'],
    [
      'the plain label before the beta one',
      { 'beta.amd.com/gpu.device-id': '740f', 'amd.com/gpu.device-id': '74a5' },
      'MI325X',
    ],
    ['an id in the key with a count', { 'amd.com/gpu.device-id.75a3': '8' }, 'MI355X'],
    ['no id in the key with count 0', { 'amd.com/gpu.device-id.75a3': '0' }, undefined],
    ['no id in the key with an empty count', { 'amd.com/gpu.device-id.75a3': '' }, undefined],
    ['the family when there is no id', { 'amd.com/gpu.family': 'AMD Instinct MI300A' }, 'MI300A'],
    ['the family in the key', { 'beta.amd.com/gpu.family.MI100': '1' }, 'MI100'],
    ['the id before the family', { 'amd.com/gpu.family': 'AI', 'amd.com/gpu.device-id': '738c' }, 'MI100'],
    ['an unknown id', { 'amd.com/gpu.device-id': '0xbeef' }, 'AMD-BEEF'],
    ['nothing without labels', { 'kubernetes.io/arch': 'amd64' }, undefined],
  ])('takes %s', (_, labels, model) => {
    expect(detectOne(labels)?.model).toBe(model);
  });

  it.each<[string, Record<string, string>, number]>([
    ['192G means GiB (trap 13)', { 'amd.com/gpu.vram': '192G' }, 192 * gi],
    ['1T', { 'amd.com/gpu.vram': '1T' }, 1024 * gi],
    ['plain bytes', { 'amd.com/gpu.vram': '1000' }, 1000],
    ['the beta label', { 'beta.amd.com/gpu.vram': '64G' }, 64 * gi],
    ['nonsense is none', { 'amd.com/gpu.vram': 'lots' }, 0],
    ['the table without a label', {}, 192 * gi],
  ])('memory: %s', (_, labels, vramBytes) => {
    expect(detectOne({ 'amd.com/gpu.device-id': '74a1', ...labels })).toEqual({ model: 'MI300X', vramBytes });
  });

  it('sorts models, and the first node by name decides the memory, in whatever order nodes come (trap 10)', () => {
    const nodes = [
      node('b', { 'amd.com/gpu.device-id': '74a1', 'amd.com/gpu.vram': '1G' }),
      node('c', { 'amd.com/gpu.device-id': '740f' }),
      node('a', { 'amd.com/gpu.device-id': '74a1', 'amd.com/gpu.vram': '2G' }),
    ];
    const expected = [
      { model: 'MI210', vramBytes: 64 * gi },
      { model: 'MI300X', vramBytes: 2 * gi },
    ];
    expect(detectGpus(nodes)).toEqual(expected);
    expect(detectGpus(nodes.toReversed())).toEqual(expected);
  });

  it('notices changes of GPU labels only', () => {
    const labels = { 'amd.com/gpu.device-id': '74a1', zone: 'a' };
    expect(sameGpuLabels(labels, { zone: 'b', 'amd.com/gpu.device-id': '74a1' })).toBe(true);
    expect(sameGpuLabels(labels, { 'amd.com/gpu.device-id': '74a5' })).toBe(false);
    expect(sameGpuLabels(undefined, labels)).toBe(false);
  });
});

const mi300x = { model: 'MI300X', vramBytes: 192 * gi };
const mi210 = { model: 'MI210', vramBytes: 64 * gi };

describe('what a template asks of the GPUs', () => {
  it.each([
    [{ requests: 1 }, true],
    [{ model: 'MI300X' }, true],
    [{ minVram: '64Gi' }, false],
    [{ requests: 0, model: '' }, false],
    [undefined, false],
  ])('%j needs a GPU: %s', (demand, needed) => {
    expect(needsGpu(demand)).toBe(needed);
  });

  it.each([
    [{ requests: 1 }, [mi210], true, undefined],
    [{ requests: 1 }, [], false, 'GPUNotAvailable'],
    [{ model: 'Instinct MI300X' }, [mi300x], true, undefined],
    [{ model: 'MI325X' }, [mi300x, mi210], false, 'GPUNotAvailable'],
    [{ requests: 1, minVram: '128Gi' }, [mi210, mi300x], true, undefined],
    [{ requests: 1, minVram: '128Gi' }, [mi210], false, 'VRAMNotAvailable'],
    [{ model: 'AMD-BEEF' }, [{ model: 'AMD-BEEF', vramBytes: 0 }], true, undefined],
  ])('%j with %j: available %s, %s', (demand, detected, available, reason) => {
    expect(checkGpus(demand, detected)).toMatchObject({ available, ...(reason === undefined ? {} : { reason }) });
  });

  it('says what is missing, what there is and what to do', () => {
    expect(checkGpus({ model: 'MI325X' }, [mi300x]).message).toBe(
      'GPU MI325X is not in the cluster: the nodes have MI300X; add such a node, or check the amd.com/gpu.device-id labels of the nodes',
    );
    expect(checkGpus({ requests: 1 }, []).message).toContain('no node has an AMD GPU label');
  });

  it('finds a model however it is written', () => {
    expect(hasGpuModel([mi300x], 'AMD Instinct MI300X OAM')).toBe(true);
    expect(hasGpuModel([mi300x], 'MI325X')).toBe(false);
  });
});

describe('node affinity (trap 10: sorted)', () => {
  const ids = (affinity: ReturnType<typeof nodeAffinityFor>) =>
    affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms[0]?.matchExpressions?.[0];

  it.each([
    [{ model: 'MI300X' }, [mi300x], ['74a1', '74a9', '74b5', '74bd']],
    [{ requests: 1, minVram: '60Gi' }, [mi300x, mi210], ['740f', '7410', '74a1', '74a9', '74b5', '74bd']],
    [{ requests: 1, minVram: '100Gi' }, [mi300x, mi210], ['74a1', '74a9', '74b5', '74bd']],
    [{ model: 'AMD-BEEF' }, [{ model: 'AMD-BEEF', vramBytes: 0 }], ['beef']],
  ])('%j', (demand, detected, values) => {
    expect(ids(nodeAffinityFor(demand, detected))).toEqual({ key: 'amd.com/gpu.device-id', operator: 'In', values });
  });

  it.each([[{ requests: 2 }], [{ model: 'NO-SUCH' }], [{ requests: 1, minVram: '900Gi' }]])('none for %j', (demand) => {
    expect(nodeAffinityFor(demand, [mi300x])).toBeUndefined();
  });
});

describe('hardware summary', () => {
  it.each([
    [{ gpu: { requests: 2, model: 'MI300X' } }, '2 x MI300X'],
    [{ gpu: { requests: 2 } }, '2 x GPU'],
    [{ gpu: { model: 'MI300X' } }, 'MI300X'],
    [{ cpu: { requests: '4' } }, 'CPU'],
    [{ gpu: {} }, undefined],
    [undefined, undefined],
  ])('%j is "%s"', (hardware, summary) => {
    expect(hardwareSummary(hardware)).toBe(summary);
  });
});
