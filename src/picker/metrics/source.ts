import type { PickerConfig, PluginSpec } from '../config/config.ts';
import { Parameters } from '../config/parameters.ts';
import type { PluginFactory } from '../plugin.ts';
import type { PickerEndpoint } from '../request.ts';
import { builtInEngines, compileReader, parseSpec, type EngineSpecs, type MetricsReader } from './engines.ts';
import { anyEngine, parseMetrics } from './parse.ts';
import type { MetricsSource } from './scraper.ts';

/** Scheme, port and path of metrics pages and the names in them, as the data layer's plugins say (epp.md 6.5). */
export function metricsSourceOf(config: PickerConfig): MetricsSource {
  const source = config.plugins.find(({ type }) => type === sourceType);
  const extractor = config.plugins.find(({ type }) => type === extractorType);
  const { scheme, path } = readSource(parametersOf(source));
  const { labels, byEngine, fallback } = readExtractor(parametersOf(extractor));
  return {
    url: ({ key }) => `${scheme}://${key}${path}`,
    read(endpoint, page) {
      const engine = engineOf(endpoint, labels);
      return parseMetrics(page, (engine === undefined ? undefined : byEngine.get(engine)) ?? fallback);
    },
  };
}

const sourceType = 'metrics-data-source';
const extractorType = 'core-metrics-extractor';
const engineLabels = ['llm-d.ai/engine-type', 'inference.networking.k8s.io/engine-type'];

/** `metrics-data-source` and `core-metrics-extractor`: read by `metricsSourceOf`, here only checked. */
export const metricsPlugins: readonly PluginFactory[] = [
  {
    types: [sourceType],
    create(name, parameters) {
      readSource(parameters);
      return { type: sourceType, name };
    },
  },
  {
    types: [extractorType],
    create(name, parameters) {
      readExtractor(parameters);
      return { type: extractorType, name };
    },
  },
];

function parametersOf(spec: PluginSpec | undefined): Parameters {
  return new Parameters(`plugin "${spec?.name ?? ''}" (${spec?.type ?? ''}): parameters`, spec?.parameters ?? {});
}

function readSource(parameters: Parameters): { scheme: string; path: string } {
  // Metrics of pods are read without verification, as upstream does by default; the HTTP client is the caller's.
  parameters.flag('insecureSkipVerify', true);
  const path = parameters.text('path', '/metrics');
  if (!path.startsWith('/')) parameters.fail('path', 'a path that begins with / expected', path);
  return { scheme: parameters.oneOf('scheme', ['http', 'https'], 'http'), path };
}

interface Extractor {
  readonly labels: readonly string[];
  readonly byEngine: ReadonlyMap<string, MetricsReader>;
  /** For endpoints that do not name a known engine. */
  readonly fallback: MetricsReader;
}

function readExtractor(parameters: Parameters): Extractor {
  const label = parameters.text('engineLabelKey', '');
  const engines = new Map(builtInEngines.map((engine) => [engine.name, engine]));
  for (const config of parameters.maps('engineConfigs')) {
    const engine = readEngine(config);
    engines.set(engine.name, engine);
  }
  const wanted = parameters.text('defaultEngine', '');
  const fallback = engines.get(wanted);
  if (wanted !== '' && fallback === undefined) {
    parameters.fail('defaultEngine', `one of ${[...engines.keys()].join(', ')} expected`, wanted);
  }
  return {
    labels: label === '' ? engineLabels : [label],
    byEngine: new Map([...engines].map(([name, engine]) => [name, compileReader([engine])])),
    // Names of different engines never collide, so that without a default all are looked for.
    fallback:
      fallback !== undefined
        ? compileReader([fallback])
        : parameters.has('engineConfigs')
          ? compileReader([...engines.values()])
          : anyEngine,
  };
}

function readEngine(config: Parameters): EngineSpecs {
  const name = config.required('name');
  const base = builtInEngines.find((engine) => engine.name === name);
  const spec = (field: string): string | undefined => {
    const text = config.text(field, '');
    if (text !== '') parseSpec(text);
    return text === '' ? undefined : text;
  };
  const specs = (field: string, fallback: readonly string[] = []): readonly string[] => {
    const text = spec(field);
    return text === undefined ? fallback : [text];
  };
  const cacheInfo = spec('cacheInfoSpec') ?? base?.cacheInfo?.spec;
  const blockSize = spec('cacheBlockSizeSpec') ?? base?.cacheBlockSize;
  const blocks = spec('cacheNumBlocksSpec') ?? base?.cacheBlocks;
  const blockSizeLabel = config.text('cacheBlockSizeLabelName', base?.cacheInfo?.blockSizeLabel ?? 'block_size');
  const blocksLabel = config.text('cacheNumBlocksLabelName', base?.cacheInfo?.blocksLabel ?? 'num_gpu_blocks');
  const engine: EngineSpecs = {
    name,
    queuedRequests: specs('queuedRequestsSpec', base?.queuedRequests),
    runningRequests: specs('runningRequestsSpec', base?.runningRequests),
    kvUsage: specs('kvUsageSpec', base?.kvUsage),
    lora: specs('loraSpec', base?.lora),
    ...(cacheInfo !== undefined && { cacheInfo: { spec: cacheInfo, blockSizeLabel, blocksLabel } }),
    ...(blockSize !== undefined && { cacheBlockSize: blockSize }),
    ...(blocks !== undefined && { cacheBlocks: blocks }),
  };
  config.done();
  return engine;
}

function engineOf({ labels }: PickerEndpoint, names: readonly string[]): string | undefined {
  for (const name of names) if (labels?.[name] !== undefined) return labels[name];
  return undefined;
}
