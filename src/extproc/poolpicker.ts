/** The picker of one pool at work: the director, what it learns of its endpoints, and what it tells (epp.md 6). */
import type { PickerConfig, PluginSpec } from '../picker/config/config.ts';
import { cacheReports } from '../picker/kvevents/reports.ts';
import { createZmqSource } from '../picker/kvevents/zmqsource.ts';
import { builtInEngines } from '../picker/metrics/engines.ts';
import { createHttpScrape } from '../picker/metrics/httpscrape.ts';
import type { MetricsSource } from '../picker/metrics/scraper.ts';
import { metricsSourceOf } from '../picker/metrics/source.ts';
import { createPool, type Pool } from '../picker/pool.ts';
import { realTimers } from '../picker/ports.ts';
import { createHttpRender } from '../picker/tokens/httprender.ts';
import type { Log } from '../telemetry/log.ts';
import type { EppFlags } from './eppflags.ts';
import { createEppMetrics, type EppMetrics } from './eppmetrics.ts';
import type { PoolListener } from './poolsource.ts';

export interface PoolPickerOptions {
  config: PickerConfig;
  pool: { name: string; namespace: string };
  flags: EppFlags;
  /** Flags that stood on the command line. */
  given: ReadonlySet<string>;
  /** Where this program listens. */
  address: string;
  log: Log;
}

export interface PoolPicker {
  pool: Pool;
  metrics: EppMetrics;
  /** Takes what becomes known of the pool. */
  listener: PoolListener;
  close(): Promise<void>;
}

export function createPoolPicker({ config, pool, flags, given, address, log }: PoolPickerOptions): PoolPicker {
  const metrics = createEppMetrics(pool, config.featureGates.includes('enableLegacyMetrics'));
  const rendering = createHttpRender();
  const { scrape, close } = createHttpScrape();
  const created = createPool(config, {
    pool,
    clock: () => performance.now(),
    random: Math.random,
    timers: realTimers,
    observer: { ...metrics.observer, ...cacheReports(log) },
    log,
    kvEvents: createZmqSource(log, address),
    render: rendering.render,
    sourceOf: (used) => metricsSource(used, flags, given),
    scraping: {
      scrape,
      failed: metrics.pollFailed,
      incomplete: metrics.extractFailed,
      intervalMs: flags['refresh-metrics-interval'],
    },
  });
  metrics.showStats(() => created.stats());
  return {
    pool: created,
    metrics,
    listener: {
      endpoints(endpoints) {
        created.update(endpoints);
      },
      objects(objectives, rewrites) {
        created.applyObjects(objectives, rewrites);
      },
    },
    close: async () => {
      created.stop();
      await Promise.all([close(), rendering.close()]);
    },
  };
}

/** Flags of v1.0.1 that name metrics of vLLM, and the fields of a core-metrics-extractor that say the same. */
const metricFlags = {
  'total-queued-requests-metric': 'queuedRequestsSpec',
  'total-running-requests-metric': 'runningRequestsSpec',
  'kv-cache-usage-percentage-metric': 'kvUsageSpec',
  'lora-info-metric': 'loraSpec',
  'cache-info-metric': 'cacheInfoSpec',
} as const;

/** What is looked for anyway, under the old and the new name of KV cache usage, whichever of them a flag says. */
const vllmNames = new Set(
  builtInEngines
    .filter(({ name }) => name === 'vllm')
    .flatMap(({ queuedRequests, runningRequests, kvUsage, lora, cacheInfo }) => [
      ...queuedRequests,
      ...runningRequests,
      ...kvUsage,
      ...lora,
      ...(cacheInfo === undefined ? [] : [cacheInfo.spec]),
    ]),
);

/** Where metrics are and what they are called: by parameters of the configuration's plugins, else by the flags that these have replaced. */
function metricsSource(config: PickerConfig, flags: EppFlags, given: ReadonlySet<string>): MetricsSource {
  const plugins = [...config.plugins];
  // The configuration always has these plugins, by default without parameters.
  const suggest = (type: string, parameters: PluginSpec['parameters']): void => {
    const at = plugins.findIndex((plugin) => plugin.type === type);
    if (Object.keys(plugins[at]?.parameters ?? {}).length === 0)
      plugins.splice(Math.max(at, 0), at < 0 ? 0 : 1, { name: type, type, parameters });
  };
  const names = Object.entries(metricFlags).filter(
    ([flag]) => given.has(flag) && !vllmNames.has(flags[flag as keyof typeof metricFlags]),
  );
  if (names.length > 0) {
    const engine: Record<string, string> = { name: 'vllm' };
    for (const [flag, field] of names) engine[field] = flags[flag as keyof typeof metricFlags];
    suggest('core-metrics-extractor', { defaultEngine: 'vllm', engineConfigs: [engine] });
  }
  suggest('metrics-data-source', {
    scheme: flags['model-server-metrics-scheme'],
    path: flags['model-server-metrics-path'],
  });
  const source = metricsSourceOf({ ...config, plugins });
  const port = flags['model-server-metrics-port'];
  if (port === 0) return source;
  return {
    ...source,
    url: (endpoint) => {
      const url = new URL(source.url(endpoint));
      url.port = String(port);
      return url.href;
    },
  };
}
