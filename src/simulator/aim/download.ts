import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { AIMArtifact } from '../../kinds/aim/aimartifact.ts';
import type { KubeClient } from '../../kube/client.ts';
import { fixedCredentials } from '../../kube/credentials.ts';
import { createKubeClient } from '../../kube/httpclient.ts';
import type { Log } from '../../telemetry/log.ts';
import { nonEmpty, type Env } from '../../llm/server/http.ts';
import { weightBytes } from './models.ts';
import { createWeights, sourceOf, type WeightFiles } from './weights.ts';

/**
 * Stands in for AIM's artifact downloader (aim.md 9), by its contract: `check-size URI` ends its output with `{url, sizeBytes}`;
 * `URI` writes the weights into TARGET_DIR and reports to the AIMArtifact while it does. Nothing is downloaded: the files are
 * sparse and say so.
 *
 * Environment, as the real one reads it: TARGET_DIR, EXPECTED_SIZE_BYTES, ARTIFACT_NAME, ARTIFACT_NAMESPACE,
 * AIM_DOWNLOADER_PROTOCOL (tried in order), PROGRESS_INTERVAL and STALL_TIMEOUT in seconds, AIM_DEBUG_DOWNLOAD_DURATION (1)
 * and AIM_DEBUG_VERIFY_DURATION (0) in seconds, AIM_DEBUG_CAUSE_HANG, AIM_DEBUG_CAUSE_FAILURE, AIM_DEBUG_VERIFY_FAIL.
 *
 * @returns the exit code.
 */
export async function runAimDownload(argv: readonly string[], { env, log }: { env: Env; log: Log }): Promise<number> {
  const [first, second] = argv;
  if (first === 'check-size') {
    const url = sourceOf(second);
    log.info({ url }, 'size estimated from the name: simulated');
    process.stdout.write(`${JSON.stringify({ url, sizeBytes: weightBytes(url) })}\n`);
    return 0;
  }
  const source = sourceOf(first);
  const reporter = await createReporter(env, log);
  try {
    return await download(source, env, reporter, log);
  } finally {
    await reporter.close();
  }
}

async function download(source: string, env: Env, reporter: Reporter, log: Log): Promise<number> {
  const directory = env['TARGET_DIR'] ?? env['MOUNT_PATH'] ?? '/cache';
  const totalBytes = numberOf(env, 'EXPECTED_SIZE_BYTES', 0) || weightBytes(source);
  const protocols = (nonEmpty(env['AIM_DOWNLOADER_PROTOCOL']) ?? 'HF').split(',').map((name) => name.trim());
  for (const [at, protocol] of protocols.entries()) {
    const attempt = {
      protocol,
      attempt: at + 1,
      totalAttempts: protocols.length,
      protocolSequence: protocols.join(','),
    };
    log.info({ source, directory, totalBytes, ...attempt }, 'download simulated');
    await reporter.download({ ...attempt, message: `Downloading with ${protocol} (simulated)` });
    const weights = await createWeights(directory, source, totalBytes);
    const problem = await transfer(weights, totalBytes, env, reporter);
    if (problem === undefined) {
      await reporter.download({ ...attempt, message: 'Verifying (simulated)' });
      await reporter.progress(totalBytes, totalBytes, 100);
      await delay(numberOf(env, 'AIM_DEBUG_VERIFY_DURATION', 0) * 1000);
      if (!isOn(env['AIM_DEBUG_VERIFY_FAIL'])) {
        await reporter.download({ ...attempt, message: 'Complete (simulated)' });
        return 0;
      }
      log.error('verification failed: AIM_DEBUG_VERIFY_FAIL is set');
      return 1;
    }
    await weights.discard();
    log.error({ protocol }, problem);
    await reporter.download({ ...attempt, message: problem });
  }
  return 1;
}

/** Grows the files to their size; what went wrong, if it did. */
async function transfer(
  weights: WeightFiles,
  totalBytes: number,
  env: Env,
  reporter: Reporter,
): Promise<string | undefined> {
  const durationMs = numberOf(env, 'AIM_DEBUG_DOWNLOAD_DURATION', 1) * 1000;
  const intervalMs = Math.max(numberOf(env, 'PROGRESS_INTERVAL', 5) * 1000, 10);
  const steps = Math.max(2, Math.ceil(durationMs / intervalMs));
  for (let step = 1; step <= steps; step += 1) {
    await delay(durationMs / steps);
    if (isOn(env['AIM_DEBUG_CAUSE_FAILURE'])) return 'download failed: AIM_DEBUG_CAUSE_FAILURE is set';
    if (isOn(env['AIM_DEBUG_CAUSE_HANG'])) {
      const timeout = numberOf(env, 'STALL_TIMEOUT', 120);
      await delay(timeout * 1000);
      return `download stalled: no growth in ${String(timeout)} s (AIM_DEBUG_CAUSE_HANG is set)`;
    }
    const bytes = Math.floor((totalBytes * step) / steps);
    await weights.growTo(bytes);
    // 100 % is for when all is there and is being verified.
    if (step < steps) await reporter.progress(bytes, totalBytes, Math.min(99, Math.floor((bytes * 100) / totalBytes)));
  }
  return undefined;
}

interface Reporter {
  progress(downloadedBytes: number, totalBytes: number, percentage: number): Promise<void>;
  download(state: Record<string, string | number>): Promise<void>;
  close(): Promise<void>;
}

/** Writes into the status of the AIMArtifact. A download goes on when that fails, as the real one does. */
async function createReporter(env: Env, log: Log): Promise<Reporter> {
  const name = nonEmpty(env['ARTIFACT_NAME']);
  const client = name === undefined ? undefined : await apiClient(env);
  const write = async (status: object): Promise<void> => {
    if (client === undefined || name === undefined) return;
    try {
      const ref = { namespace: env['ARTIFACT_NAMESPACE'] ?? 'default', name };
      await client.patch(AIMArtifact, ref, { type: 'merge', subresource: 'status', body: { status } });
    } catch (error) {
      log.warn({ err: error }, 'progress not reported; the download goes on');
    }
  };
  return {
    progress: (downloadedBytes, totalBytes, percentage) =>
      write({ progress: { totalBytes, downloadedBytes, percentage, displayPercentage: `${String(percentage)} %` } }),
    download: (state) => write({ download: state }),
    close: async () => {
      await client?.close();
    },
  };
}

async function apiClient(env: Env): Promise<KubeClient | undefined> {
  const server = env['HEADGATE_API_SERVER'];
  const tokenFile = env['HEADGATE_API_TOKEN_FILE'];
  const caFile = env['HEADGATE_API_CA_FILE'];
  if (server === undefined || tokenFile === undefined || caFile === undefined) return undefined;
  const [token, ca] = await Promise.all([readFile(tokenFile, 'utf8'), readFile(caFile, 'utf8')]);
  return createKubeClient({ server, credentials: fixedCredentials({ ca, token: token.trim() }) });
}

function numberOf(env: Env, name: string, fallback: number): number {
  const text = nonEmpty(env[name]);
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} must be a number, not ${JSON.stringify(text)}`);
  return value;
}

/** How a switch of a container's environment is read. */
export const isOn = (text: string | undefined): boolean => /^(1|true|yes)$/i.test(text ?? '');
