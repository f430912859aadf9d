import type { Random } from './random.ts';

/** How long the simulated model takes (epp.md 9.1, "Latency formulas"). All times in milliseconds. */

export interface LatencySettings {
  /** '' chooses by what is set: a time to first token makes it constant, else per token. */
  calculator: '' | 'constant' | 'per-token';
  timeToFirstToken: number;
  timeToFirstTokenStdDev: number;
  interTokenLatency: number;
  interTokenLatencyStdDev: number;
  prefillOverhead: number;
  prefillTimePerToken: number;
  prefillTimeStdDev: number;
  kvCacheTransferLatency: number;
  kvCacheTransferLatencyStdDev: number;
  kvCacheTransferTimePerToken: number;
  kvCacheTransferTimeStdDev: number;
  /** Multiplies times when all slots are busy; 1 or more. */
  timeFactorUnderLoad: number;
}

export interface PrefillInput {
  promptTokens: number;
  cachedTokens: number;
  /** The KV cache comes from another server (kv_transfer_params.do_remote_prefill). */
  remotePrefill: boolean;
  loadFactor: number;
}

/** 1 with one request running, `timeFactorUnderLoad` with all slots busy, linear between. */
export function loadFactor(timeFactorUnderLoad: number, running: number, maxNumSeqs: number): number {
  if (maxNumSeqs <= 1) return 1;
  return 1 + ((timeFactorUnderLoad - 1) * (Math.max(1, running) - 1)) / (maxNumSeqs - 1);
}

/** Normal around `mean`, at most 70 % away from it, in whole milliseconds. Without a deviation the mean is kept as it is. */
export function jitter(mean: number, standardDeviation: number, random: Random): number {
  if (standardDeviation === 0) return mean;
  const sampled = random.normal(mean, standardDeviation);
  return Math.trunc(Math.min(1.7 * mean, Math.max(0.3 * mean, sampled)));
}

/** Time from a request's start in its slot to its first token. */
export function timeToFirstToken(settings: LatencySettings, input: PrefillInput, random: Random): number {
  return input.remotePrefill ? transferTime(settings, input, random) : prefillTime(settings, input, random);
}

function prefillTime(settings: LatencySettings, input: PrefillInput, random: Random): number {
  const constant = settings.calculator === 'constant' || (settings.calculator === '' && settings.timeToFirstToken > 0);
  if (constant) {
    return jitter(settings.timeToFirstToken * input.loadFactor, settings.timeToFirstTokenStdDev, random);
  }
  const uncached = input.promptTokens - input.cachedTokens;
  const mean = (settings.prefillOverhead + uncached * settings.prefillTimePerToken) * input.loadFactor;
  return jitter(mean, settings.prefillTimeStdDev, random);
}

/** Not scaled by load: the network moves the cache, not the accelerator. */
function transferTime(settings: LatencySettings, input: PrefillInput, random: Random): number {
  const constant =
    settings.calculator === 'constant' || (settings.calculator === '' && settings.kvCacheTransferLatency > 0);
  if (constant) return jitter(settings.kvCacheTransferLatency, settings.kvCacheTransferLatencyStdDev, random);
  const mean = input.promptTokens * settings.kvCacheTransferTimePerToken;
  return jitter(mean, settings.kvCacheTransferTimeStdDev, random);
}

/** Time between two tokens. */
export function interTokenLatency(settings: LatencySettings, load: number, random: Random): number {
  return jitter(settings.interTokenLatency * load, settings.interTokenLatencyStdDev, random);
}
