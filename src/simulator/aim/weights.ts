import { mkdir, open, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Files in the place of a model's weights: of the right size, without content (sparse), and with a note that says so. */
export interface WeightFiles {
  /** Lets the files grow to this many bytes together. */
  growTo(bytes: number): Promise<void>;
  /** Takes away what was written. */
  discard(): Promise<void>;
}

const shardBytes = 5 * 1024 ** 3;
const mostShards = 200;
const noteFile = 'SIMULATED.txt';

export async function createWeights(directory: string, source: string, totalBytes: number): Promise<WeightFiles> {
  await mkdir(directory, { recursive: true });
  const count = Math.min(Math.max(1, Math.ceil(totalBytes / shardBytes)), mostShards);
  const size = Math.ceil(totalBytes / count);
  const five = (number: number): string => String(number).padStart(5, '0');
  const shards = Array.from({ length: count }, (_, i) =>
    join(directory, `model-${five(i + 1)}-of-${five(count)}.safetensors`),
  );
  const note = `Simulated by Headgate's embedded node: nothing was downloaded from ${source}. The weights are empty.\n`;
  const config = `${JSON.stringify({ _name_or_path: source, headgate_simulated: true }, null, 2)}\n`;
  await writeFile(join(directory, noteFile), note);
  await writeFile(join(directory, 'config.json'), config);
  return {
    growTo: async (bytes) => {
      for (const [i, shard] of shards.entries()) {
        const wanted = Math.min(Math.max(bytes - i * size, 0), size, totalBytes - i * size);
        if (wanted <= 0) break;
        await (await open(shard, 'a')).close();
        await truncate(shard, wanted);
      }
    },
    discard: async () => {
      for (const shard of shards) await rm(shard, { force: true });
    },
  };
}

/** `hf://organisation/name` and `s3://bucket/path` are what AIM's downloads take. @throws Error for anything else. */
export function sourceOf(uri: string | undefined): string {
  if (uri !== undefined && /^(hf|s3):\/\/\S+$/.test(uri)) return uri;
  throw new Error(`unsupported source ${JSON.stringify(uri ?? '')}: use hf://organisation/name or s3://bucket/path`);
}
