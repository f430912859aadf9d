/** The picker of one pool at work: the director, what it learns of its endpoints, and what it tells (epp.md 6). */
import type { PickerConfig } from '../picker/config/config.ts';
import { createDirector, type Director } from '../picker/director.ts';
import { cacheReports } from '../picker/kvevents/reports.ts';
import { createZmqSource } from '../picker/kvevents/zmqsource.ts';
import { createHttpScrape } from '../picker/metrics/httpscrape.ts';
import { createScraper, type MetricsSource } from '../picker/metrics/scraper.ts';
import { metricsSourceOf } from '../picker/metrics/source.ts';
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
  director: Director;
  metrics: EppMetrics;
  /** Takes what becomes known of the pool. */
  listener: PoolListener;
  close(): Promise<void>;
}

export function createPoolPicker({ config, pool, flags, given, address, log }: PoolPickerOptions): PoolPicker {
  const now = (): number => performance.now();
  const metrics = createEppMetrics(pool);
  const rendering = createHttpRender();
  const created = createDirector({
    config,
    pool,
    clock: now,
    random: Math.random,
    timers: realTimers,
    observer: { ...metrics.observer, ...cacheReports(log) },
    log,
    kvEvents: createZmqSource(log, address),
    render: rendering.render,
    metricsIntervalMs: flags['refresh-metrics-interval'],
  });
  metrics.showStats(() => created.stats());
  const { scrape, close } = createHttpScrape();
  const scraper = createScraper({
    scrape,
    source: metricsSource(config, flags, given),
    record: (key, found) => {
      created.recordMetrics(key, found);
    },
    failed: metrics.pollFailed,
    now,
    intervalMs: flags['refresh-metrics-interval'],
    log,
  });
  return {
    director: {
      ...created,
      schedule: (request, settle) => {
        scraper.touch();
        return created.schedule(request, settle);
      },
    },
    metrics,
    listener: {
      endpoints(endpoints) {
        created.update(endpoints);
        scraper.update(endpoints);
      },
      objects(objectives, rewrites) {
        created.applyObjects(objectives, rewrites);
      },
    },
    close: async () => {
      scraper.stop();
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

/** Where metrics are and what they are called: by the configuration's plugins, else by the flags that these have replaced. */
function metricsSource(config: PickerConfig, flags: EppFlags, given: ReadonlySet<string>): MetricsSource {
  const plugins = [...config.plugins];
  const declared = (type: string): boolean => plugins.some((plugin) => plugin.type === type);
  const names = Object.entries(metricFlags).filter(([flag]) => given.has(flag));
  if (names.length > 0 && !declared('core-metrics-extractor')) {
    const specs = names.map(([flag, field]) => [field, flags[flag as keyof typeof metricFlags]]);
    const parameters = { defaultEngine: 'vllm', engineConfigs: [{ name: 'vllm', ...Object.fromEntries(specs) }] };
    plugins.push({ name: 'flags-extractor', type: 'core-metrics-extractor', parameters });
  }
  if (!declared('metrics-data-source')) {
    const parameters = { scheme: flags['model-server-metrics-scheme'], path: flags['model-server-metrics-path'] };
    plugins.push({ name: 'flags-source', type: 'metrics-data-source', parameters });
  }
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
