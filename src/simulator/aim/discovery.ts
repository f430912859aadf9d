import type { Env } from '../../llm/server/http.ts';
import { weightBytes } from './models.ts';

/**
 * What an AIM image prints for `dry-run --format=json` (aim.md 7.4): the profile it would run with, for the GPU, metric and
 * precision of its environment. The file name of the profile says that it is simulated. The same environment gives the
 * same output.
 */
export function discoveryOutput(model: string, env: Env): string {
  const pinned = profileWords(env['AIM_PROFILE_ID'] ?? '');
  const gpu = value(env['AIM_GPU_MODEL']) ?? pinned.gpu ?? firstGpu(env) ?? 'MI300X';
  const wanted = value(env['AIM_PRECISION']) ?? pinned.precision ?? 'fp16';
  const precision = wanted === 'auto' ? 'fp16' : wanted;
  const metric = value(env['AIM_METRIC']) ?? pinned.metric ?? 'latency';
  const count = Number(value(env['AIM_GPU_COUNT']) ?? pinned.count ?? 1);
  const name = value(env['AIM_PROFILE_ID']) ?? `vllm-${gpu.toLowerCase()}-${precision}-tp${String(count)}-${metric}`;
  const profile = {
    filename: `simulated/${name}.yaml`,
    profile: {
      model,
      quantized_model: '',
      metadata: { engine: 'vllm', gpu, precision, gpu_count: count, metric, type: 'optimized' },
      engine_args: { 'tensor-parallel-size': count, 'max-num-seqs': metric === 'latency' ? 64 : 512 },
      env_vars: { HEADGATE_SIMULATED: 'true' },
    },
    models: [{ name: model, source: `hf://${model}`, size_gb: weightBytes(model, precision) / 1024 ** 3 }],
  };
  return `${JSON.stringify([profile], null, 2)}\n`;
}

const value = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

/** A profile id such as `vllm-mi300x-fp8-tp2-throughput` says what it is for. */
function profileWords(id: string) {
  const word = (pattern: RegExp): string | undefined => pattern.exec(id)?.[1];
  return {
    gpu: word(/(?:^|-)(mi\d+[ax]?)(?=-|$)/i)?.toUpperCase(),
    precision: word(/(?:^|-)(fp4|fp8|fp16|fp32|bf16|int4|int8)(?=-|$)/),
    metric: word(/(?:^|-)(latency|throughput)(?=-|$)/),
    count: word(/(?:^|-)tp(\d+)(?=-|$)/),
  };
}

/** The GPU of the node, which it tells its programs as `MI300X:8`. */
function firstGpu(env: Env): string | undefined {
  return value(env['HEADGATE_GPUS']?.split(/[:,]/)[0]);
}
