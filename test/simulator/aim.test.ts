import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseDiscoveryOutput } from '../../src/controllers/aim/discovery/output.ts';
import { startAim } from '../../src/simulator/aim/aim.ts';
import { discoveryOutput } from '../../src/simulator/aim/discovery.ts';
import { runAimDownload } from '../../src/simulator/aim/download.ts';
import { simulatedImageMetadata } from '../../src/simulator/aim/imagemetadata.ts';
import { modelOfImage, weightBytes } from '../../src/simulator/aim/models.ts';
import { runStorageInitializer } from '../../src/simulator/aim/storageinitializer.ts';
import { createLog } from '../../src/telemetry/log.ts';

const log = createLog({ level: 'silent' });

test.each([
  ['amdenterpriseai/aim-qwen-qwen3-32b:0.8.5', 'Qwen/Qwen3-32B'],
  ['ghcr.io/silogen/aim-meta-llama-llama-3-1-8b-instruct:0.7.0', 'meta-llama/Llama-3.1-8B-Instruct'],
  ['aim-mistralai-mixtral-8x7b-instruct-v0-1', 'mistralai/Mixtral-8x7B-Instruct-v0.1'],
  ['localhost:5000/aim-openai-gpt-oss-120b@sha256:00', 'openai/gpt-oss-120b'],
  ['aim-deepseek-ai-deepseek-r1', 'deepseek-ai/Deepseek-R1'],
  ['aim-dummy:0.1.8', 'dummy/Dummy'],
])('%s serves %s', (image, model) => {
  expect(modelOfImage(image)).toBe(model);
});

test.each([
  ['Qwen/Qwen3-32B', 'fp16', 64e9],
  ['Qwen/Qwen3-32B', 'fp8', 32e9],
  ['mistralai/Mixtral-8x7B-Instruct-v0.1', 'fp4', 28e9],
  ['HuggingFaceTB/SmolLM-135M', 'bf16', 270e6],
  ['sshleifer/tiny-gpt2', 'auto', 1e9],
])('%s in %s takes %d bytes', (model, precision, bytes) => {
  expect(weightBytes(model, precision)).toBe(bytes);
});

describe('discovery', () => {
  const of = (env: Record<string, string>) => JSON.parse(discoveryOutput('Qwen/Qwen3-32B', env)) as [Found];
  interface Found {
    filename: string;
    profile: { metadata: Record<string, unknown> };
    models: [{ size_gb: number }];
  }

  test('answers for the hardware, metric and precision that are asked for', () => {
    const env = { AIM_GPU_MODEL: 'MI325X', AIM_GPU_COUNT: '2', AIM_METRIC: 'throughput', AIM_PRECISION: 'fp8' };
    expect(of(env)).toMatchObject([
      {
        filename: 'simulated/vllm-mi325x-fp8-tp2-throughput.yaml',
        profile: {
          model: 'Qwen/Qwen3-32B',
          metadata: {
            engine: 'vllm',
            gpu: 'MI325X',
            precision: 'fp8',
            gpu_count: 2,
            metric: 'throughput',
            type: 'optimized',
          },
        },
        models: [{ name: 'Qwen/Qwen3-32B', source: 'hf://Qwen/Qwen3-32B' }],
      },
    ]);
    expect(of(env)).toEqual(of({ ...env }));
  });

  test.each([
    [{}, { gpu: 'MI300X', precision: 'fp16', gpu_count: 1, metric: 'latency' }],
    [{ HEADGATE_GPUS: 'MI355X:4,MI300X:8' }, { gpu: 'MI355X' }],
    [
      { AIM_PROFILE_ID: 'vllm-mi325x-fp8-tp4-throughput' },
      { gpu: 'MI325X', precision: 'fp8', gpu_count: 4, metric: 'throughput' },
    ],
    [
      { AIM_PROFILE_ID: 'vllm-mi325x-fp8-tp4-throughput', AIM_METRIC: 'latency' },
      { gpu: 'MI325X', metric: 'latency' },
    ],
    [
      { AIM_PRECISION: 'auto', AIM_METRIC: '' },
      { precision: 'fp16', metric: 'latency' },
    ],
  ])('with %j it is %j', (env, metadata) => {
    expect(of(env)[0].profile.metadata).toMatchObject(metadata);
  });

  test('prints what the template controller reads', async () => {
    const printed: string[] = [];
    const code = await startAim(['dry-run', '--format=json'], {
      env: { HEADGATE_IMAGE: 'aim-qwen-qwen3-32b' },
      log,
      print: (text) => printed.push(text),
    });
    expect(code).toBe(0);
    expect(parseDiscoveryOutput(printed.join(''))).toMatchObject({ profile: { metadata: { gpu: 'MI300X' } } });
  });
});

test('an AIM image serves its model under its real name', async () => {
  const env = { HEADGATE_IMAGE: 'aim-qwen-qwen3-32b:1', PORT: '0', AIM_ENGINE_ARGS: '{"max_model_len": 4096, "x": 1}' };
  const server = await startAim([], { env, log });
  if (typeof server === 'number') throw new Error('it has ended');
  try {
    const { data } = (await (await fetch(`${server.url}/v1/models`)).json()) as { data: object[] };
    expect(data).toMatchObject([{ id: 'Qwen/Qwen3-32B', max_model_len: 4096 }]);
    expect(await (await fetch(`${server.url}/metrics`)).text()).toContain('vllm:num_requests_running');
  } finally {
    await server.close();
  }
});

test('AIM_MODEL_ID names the model of a custom image', async () => {
  const env = { HEADGATE_IMAGE: 'aim-base:1', AIM_MODEL_ID: 'acme/tiny', PORT: '0' };
  const server = await startAim(['serve'], { env, log });
  if (typeof server === 'number') throw new Error('it has ended');
  try {
    expect(await (await fetch(`${server.url}/v1/models`)).json()).toMatchObject({ data: [{ id: 'acme/tiny' }] });
  } finally {
    await server.close();
  }
});

test.each([
  [['list-profiles'], {}, 'takes "serve" or "dry-run --format=json"'],
  [['dry-run', '--format=yaml'], {}, 'prints json only, not yaml'],
  [[], { AIM_ENGINE_ARGS: '[1]' }, 'AIM_ENGINE_ARGS must be a JSON object'],
])('%j with %j is refused', async (argv, env, message) => {
  await expect(startAim(argv, { env, log })).rejects.toThrow(message);
});

test('image metadata is made up for AIM images, and says so', () => {
  const metadata = simulatedImageMetadata('amdenterpriseai/aim-qwen-qwen3-32b:0.8.5', ['MI355X', 'H100']);
  expect(metadata?.model).toMatchObject({ canonicalName: 'Qwen/Qwen3-32B' });
  expect(metadata?.oci?.description).toContain('Simulated');
  const deployments = metadata?.model?.recommendedDeployments ?? [];
  expect(deployments.map(({ gpuModel, metric }) => `${gpuModel ?? ''} ${metric ?? ''}`)).toEqual(
    ['MI355X', 'MI300X'].flatMap((gpu) => [`${gpu} latency`, `${gpu} throughput`]),
  );
  expect(simulatedImageMetadata('vllm/vllm-openai')).toBeUndefined();
});

describe('downloads', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'headgate-weights-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });
  const fast = { AIM_DEBUG_DOWNLOAD_DURATION: '0.02', PROGRESS_INTERVAL: '0.01' };
  const sizeOfShards = async (): Promise<number> => {
    const shards = (await readdir(directory)).filter((name) => name.endsWith('.safetensors'));
    const sizes = await Promise.all(shards.map(async (name) => (await stat(join(directory, name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  };

  test('write files of the expected size that say what they are', async () => {
    const env = { ...fast, TARGET_DIR: directory, EXPECTED_SIZE_BYTES: '12000000001' };
    expect(await runAimDownload(['hf://Qwen/Qwen3-32B'], { env, log })).toBe(0);
    expect(await sizeOfShards()).toBe(12_000_000_001);
    expect(await readFile(join(directory, 'SIMULATED.txt'), 'utf8')).toContain('hf://Qwen/Qwen3-32B');
  });

  test.each([
    ['fails', { AIM_DEBUG_CAUSE_FAILURE: 'true' }],
    ['stalls', { AIM_DEBUG_CAUSE_HANG: 'true', STALL_TIMEOUT: '0.01' }],
  ])('one that %s is tried by every protocol and leaves no weights', async (_what, trouble) => {
    const env = { ...fast, ...trouble, TARGET_DIR: directory, AIM_DOWNLOADER_PROTOCOL: 'XET,HF_TRANSFER' };
    expect(await runAimDownload(['hf://a/b'], { env, log })).toBe(1);
    expect(await sizeOfShards()).toBe(0);
  });

  test('one that does not pass verification fails', async () => {
    const env = { ...fast, AIM_DEBUG_VERIFY_FAIL: '1', TARGET_DIR: directory };
    expect(await runAimDownload(['s3://bucket/path'], { env, log })).toBe(1);
  });

  test('a size check ends with what the artifact controller reads', async () => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    try {
      expect(await runAimDownload(['check-size', 'hf://Qwen/Qwen3-32B'], { env: {}, log })).toBe(0);
      expect(write).toHaveBeenLastCalledWith('{"url":"hf://Qwen/Qwen3-32B","sizeBytes":64000000000}\n');
    } finally {
      write.mockRestore();
    }
  });

  test('a storage initializer fetches pairs of source and directory', async () => {
    expect(await runStorageInitializer(['hf://HuggingFaceTB/SmolLM-135M', directory], { env: {}, log })).toBe(0);
    expect(await sizeOfShards()).toBe(270_000_000);
    const failing = { env: { AIM_DEBUG_CAUSE_FAILURE: 'true' }, log };
    expect(await runStorageInitializer(['hf://a/b', directory], failing)).toBe(1);
    await expect(runStorageInitializer(['hf://a/b'], { env: {}, log })).rejects.toThrow(
      'pairs of source and directory',
    );
  });

  test.each([[['https://a/b']], [['check-size']], [[]]])('%j is refused', async (argv) => {
    await expect(runAimDownload(argv, { env: { TARGET_DIR: directory }, log })).rejects.toThrow('unsupported source');
  });
});
