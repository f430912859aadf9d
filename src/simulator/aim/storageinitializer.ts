import type { Log } from '../../telemetry/log.ts';
import type { Env } from '../../llm/server/http.ts';
import { isOn } from './download.ts';
import { weightBytes } from './models.ts';
import { createWeights, sourceOf } from './weights.ts';

/**
 * Stands in for KServe's storage initializer, which AIM's legacy model caches run (aim.md 11.7): `SOURCE DIRECTORY`, several
 * pairs if need be. The files are sparse and say that they are simulated. AIM_DEBUG_CAUSE_FAILURE has it fail, as it does downloads of
 * artifacts.
 *
 * @returns the exit code.
 */
export async function runStorageInitializer(
  argv: readonly string[],
  { env, log }: { env: Env; log: Log },
): Promise<number> {
  if (argv.length === 0 || argv.length % 2 !== 0) {
    throw new Error(`the storage initializer takes pairs of source and directory, not ${JSON.stringify(argv)}`);
  }
  if (isOn(env['AIM_DEBUG_CAUSE_FAILURE'])) {
    log.error('download failed: AIM_DEBUG_CAUSE_FAILURE is set');
    return 1;
  }
  for (let i = 0; i < argv.length; i += 2) {
    const source = sourceOf(argv[i]);
    const directory = argv[i + 1] ?? '';
    const bytes = weightBytes(source);
    const weights = await createWeights(directory, source, bytes);
    await weights.growTo(bytes);
    log.info({ source, directory, bytes }, 'download simulated');
  }
  return 0;
}
