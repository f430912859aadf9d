/** Reads an EndpointPickerConfig of any version and fills in its defaults (epp.md 4.7). Strict: whatever is unknown is an error. */
import { parse } from 'yaml';
import { findFactory, pluginTypes } from '../registry.ts';
import { discoveryType, readDiscovery, unsupportedPlugins } from '../passive.ts';
import type { Plugin } from '../plugin.ts';
import { checkPlugins } from './assemble.ts';
import type { BandSpec, DataSourceSpec, FlowControlSpec, PickerConfig, PluginSpec, ProfileSpec } from './config.ts';
import { ConfigError, isMap, Parameters } from './parameters.ts';

const apiVersions: readonly string[] = [
  'llm-d.ai/v1alpha1',
  'inference.networking.x-k8s.io/v1alpha1',
  'config.x-k8s.io/v1alpha1',
];
/** dataLayer and prepareDataPlugins are always on by now. */
const featureGates: readonly string[] = ['dataLayer', 'flowControl', 'enableLegacyMetrics', 'prepareDataPlugins'];

/** What no configuration at all means since v1.4 (epp.md 4.7, rule 1). */
const noConfigText = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefix-cache-scorer
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: queue-scorer
    weight: 2
  - pluginRef: kv-cache-utilization-scorer
    weight: 2
  - pluginRef: prefix-cache-scorer
    weight: 3
`;

/**
 * @param text YAML or JSON; undefined: the defaults
 * @param source what errors begin with, as a file name
 * @throws ConfigError that names the plugin or field, the value and what was expected
 */
export function parseConfig(text?: string, source = 'EndpointPickerConfig'): PickerConfig {
  let document: unknown;
  try {
    document = parse(text ?? noConfigText);
  } catch (error) {
    throw new ConfigError(`${source}: not YAML: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (!isMap(document)) throw new ConfigError(`${source}: an EndpointPickerConfig expected`);
  try {
    return readDocument(new Parameters('config', document));
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(`${source}: ${error.message}`, { cause: error });
    throw error;
  }
}

function readDocument(document: Parameters): PickerConfig {
  const [kind, apiVersion] = [document.required('kind'), document.required('apiVersion')];
  if (kind !== 'EndpointPickerConfig') document.fail('kind', 'EndpointPickerConfig expected', kind);
  if (!apiVersions.includes(apiVersion))
    document.fail('apiVersion', `one of ${apiVersions.join(', ')} expected`, apiVersion);
  const gates = document.texts('featureGates');
  for (const gate of gates) {
    if (!featureGates.includes(gate)) document.fail('featureGates', `one of ${featureGates.join(', ')} expected`, gate);
  }
  const plugins = new PluginList(document.maps('plugins').map(readPlugin));
  const saturationDetector = readSaturationDetector(document, plugins);
  const profiles = readProfiles(document, plugins, saturationDetector);
  if (plugins.withHandler().length === 0 && profiles.length === 1) plugins.declare('single-profile-handler');
  const parser = readReference(document, 'parser', plugins) ?? plugins.declare('openai-parser');
  const flow = document.has('flowControl') || gates.includes('flowControl');
  const flowControl = flow ? readFlowControl(document.map('flowControl'), plugins) : undefined;
  const { dataSources, discovery } = readDataLayer(document.map('dataLayer'), plugins);
  injectProducer(plugins);
  document.done();
  const config: PickerConfig = {
    featureGates: gates,
    plugins: plugins.specs,
    profiles,
    saturationDetector,
    flowControl: gates.includes('flowControl') ? flowControl : undefined,
    dataSources,
    discovery,
    parser,
  };
  checkPlugins(config);
  return config;
}

/** The declared plugins, to which defaults add theirs. Each is made once, so that it is known what it can do. */
class PluginList {
  readonly specs: PluginSpec[];
  readonly #made = new Map<string, Plugin>();

  constructor(specs: readonly PluginSpec[]) {
    this.specs = [...specs];
    const names = new Set<string>();
    for (const { name, type } of specs) {
      if (names.has(name)) {
        throw new ConfigError(
          `plugin "${name}" (${type}): the name is taken; give plugins of the same type different names`,
        );
      }
      names.add(name);
    }
    for (const [name, plugin] of checkPlugins({ plugins: this.specs })) this.#made.set(name, plugin);
  }

  get(name: string): Plugin | undefined {
    return this.#made.get(name);
  }

  all(): readonly Plugin[] {
    return [...this.#made.values()];
  }

  withHandler(): readonly Plugin[] {
    return this.all().filter(({ handler }) => handler !== undefined);
  }

  /** The first plugin of this type, declared now if there is none. */
  declare(type: string, parameters: PluginSpec['parameters'] = {}): string {
    const known = this.specs.find((spec) => spec.type === type);
    if (known !== undefined) return known.name;
    const spec = { name: type, type, parameters };
    this.specs.push(spec);
    for (const [name, plugin] of checkPlugins({ plugins: [spec] })) this.#made.set(name, plugin);
    return type;
  }
}

function readPlugin(plugin: Parameters): PluginSpec {
  const type = plugin.required('type');
  if (findFactory(type) === undefined) {
    const advice = unsupportedPlugins[type] ?? `known types are ${pluginTypes.join(', ')}`;
    throw new ConfigError(`plugin "${plugin.text('name', type)}" (${type}): unknown type; ${advice}`);
  }
  const name = plugin.text('name', '') || type;
  const parameters = plugin.value('parameters') ?? {};
  if (!isMap(parameters)) throw new ConfigError(`plugin "${name}" (${type}): parameters: a map expected`);
  plugin.done();
  return { name, type, parameters };
}

/** `{pluginRef}`; undefined when the field is absent. */
function readReference(parent: Parameters, field: string, plugins: PluginList): string | undefined {
  if (!parent.has(field)) return undefined;
  const reference = parent.map(field);
  const name = reference.required('pluginRef');
  reference.done();
  if (plugins.get(name) === undefined) reference.fail('pluginRef', 'the name of a declared plugin expected', name);
  return name;
}

/** Up to v1.4 its parameters stood inline; both shapes are read. */
function readSaturationDetector(document: Parameters, plugins: PluginList): string {
  if (!document.has('saturationDetector')) return plugins.declare('utilization-detector');
  const detector = document.map('saturationDetector');
  if (detector.has('pluginRef')) {
    const name = readReference(document, 'saturationDetector', plugins) ?? '';
    if (plugins.get(name)?.saturation === undefined) detector.fail('pluginRef', 'a saturation detector expected', name);
    return name;
  }
  const parameters: Record<string, unknown> = {};
  for (const field of ['queueDepthThreshold', 'kvCacheUtilThreshold', 'metricsStalenessThreshold']) {
    if (detector.has(field)) parameters[field] = detector.value(field);
  }
  detector.done();
  return plugins.declare('utilization-detector', parameters);
}

function readProfiles(document: Parameters, plugins: PluginList, detector: string): ProfileSpec[] {
  const declared = document.maps('schedulingProfiles');
  if (declared.length === 0) {
    // A detector filters only where a profile asks for it.
    const wanted = plugins
      .all()
      .filter(({ name, filter, score, pick }) => name !== detector && (filter ?? score ?? pick) !== undefined);
    return [
      withPicker({ name: 'default', plugins: wanted.map(({ name }) => ({ pluginRef: name, weight: 1 })) }, plugins),
    ];
  }
  const names = new Set<string>();
  return declared.map((profile) => {
    const name = profile.required('name');
    if (names.has(name)) profile.fail('name', 'a name of its own expected', name);
    names.add(name);
    const references = profile.maps('plugins').map((reference) => {
      const pluginRef = reference.required('pluginRef');
      if (plugins.get(pluginRef) === undefined) {
        reference.fail('pluginRef', 'the name of a declared plugin expected', pluginRef);
      }
      const weight = reference.number('weight', 1, { min: 0 });
      reference.done();
      return { pluginRef, weight };
    });
    profile.done();
    return withPicker({ name, plugins: references }, plugins);
  });
}

/** Without a picker the first declared one, else max-score-picker (rule 3). */
function withPicker(profile: ProfileSpec, plugins: PluginList): ProfileSpec {
  const pickers = profile.plugins.filter(({ pluginRef }) => plugins.get(pluginRef)?.pick !== undefined);
  if (pickers.length > 1) {
    const names = pickers.map(({ pluginRef }) => `"${pluginRef}"`).join(', ');
    throw new ConfigError(`scheduling profile "${profile.name}": one picker expected, got ${names}`);
  }
  if (pickers.length === 1) return profile;
  const picker = plugins.all().find(({ pick }) => pick !== undefined)?.name ?? plugins.declare('max-score-picker');
  return { name: profile.name, plugins: [...profile.plugins, { pluginRef: picker, weight: 1 }] };
}

const gigabyte = 1e9;

function readFlowControl(flow: Parameters, plugins: PluginList): FlowControlSpec {
  const policy = (band: Parameters, field: 'fairnessPolicyRef' | 'orderingPolicyRef', fallback: string): string => {
    const name = band.text(field, '') || plugins.declare(fallback);
    const plugin = plugins.get(name);
    const fits = field === 'fairnessPolicyRef' ? plugin?.fairness : plugin?.ordering;
    if (fits === undefined) band.fail(field, `the name of a declared ${field.slice(0, 8)} policy expected`, name);
    return name;
  };
  const readBand = (band: Parameters): Omit<BandSpec, 'priority'> => ({
    maxBytes: band.quantity('maxBytes', gigabyte),
    maxRequests: band.quantity('maxRequests', Infinity),
    fairnessPolicyRef: policy(band, 'fairnessPolicyRef', 'global-strict-fairness-policy'),
    orderingPolicyRef: policy(band, 'orderingPolicyRef', 'fcfs-ordering-policy'),
  });
  const defaultBand = flow.map('defaultPriorityBand');
  const defaultPriorityBand = readBand(defaultBand);
  defaultBand.ignore('priority');
  defaultBand.done();
  const priorities = new Set<number>();
  const priorityBands = flow.maps('priorityBands').map((band) => {
    if (!band.has('priority')) band.fail('priority', 'a whole number expected', undefined);
    const priority = band.number('priority', 0, { integer: true });
    if (priorities.has(priority)) band.fail('priority', 'a priority of its own expected', priority);
    priorities.add(priority);
    const read = { priority, ...readBand(band) };
    band.done();
    return read;
  });
  const usageLimit = flow.text('usageLimitPolicyPluginRef', '') || plugins.declare('static-usage-limit-policy');
  if (plugins.get(usageLimit)?.usageLimit === undefined) {
    flow.fail('usageLimitPolicyPluginRef', 'the name of a declared usage limit policy expected', usageLimit);
  }
  const spec = {
    maxBytes: flow.quantity('maxBytes', Infinity),
    maxRequests: flow.quantity('maxRequests', Infinity),
    defaultRequestTtlMs: flow.duration('defaultRequestTTL', 0),
    defaultPriorityBand,
    priorityBands,
    usageLimitPolicyPluginRef: usageLimit,
  };
  flow.done();
  return spec;
}

function readDataLayer(layer: Parameters, plugins: PluginList): Pick<PickerConfig, 'dataSources' | 'discovery'> {
  const injects = layer.flag('injectDefaults', true);
  const dataSources: DataSourceSpec[] = layer.maps('sources').map((source) => {
    const pluginRef = source.required('pluginRef');
    if (plugins.get(pluginRef) === undefined) {
      source.fail('pluginRef', 'the name of a declared plugin expected', pluginRef);
    }
    const extractors = source.maps('extractors').map((extractor) => {
      const name = extractor.required('pluginRef');
      if (plugins.get(name) === undefined) extractor.fail('pluginRef', 'the name of a declared plugin expected', name);
      extractor.done();
      return name;
    });
    source.done();
    return { pluginRef, extractors };
  });
  const discovery = readDiscoveryFile(layer, plugins);
  layer.done();
  if (injects && dataSources.length === 0) {
    const extractor = plugins.declare('core-metrics-extractor');
    dataSources.push({ pluginRef: plugins.declare('metrics-data-source'), extractors: [extractor] });
  }
  return { dataSources, discovery };
}

/** `discovery: {pluginRef}`, since v0.9 `discovery: {endpoints: {pluginRef}}`. */
function readDiscoveryFile(layer: Parameters, plugins: PluginList): PickerConfig['discovery'] {
  const nested = layer.has('discovery') && layer.map('discovery').has('endpoints');
  const parent = nested ? layer.map('discovery') : layer;
  const name = readReference(parent, nested ? 'endpoints' : 'discovery', plugins);
  if (nested) parent.done();
  if (name === undefined) return undefined;
  const spec = plugins.specs.find((plugin) => plugin.name === name);
  if (spec?.type !== discoveryType) return layer.fail('discovery', `a plugin of type ${discoveryType} expected`, name);
  return readDiscovery(new Parameters(`plugin "${name}" (${discoveryType}): parameters`, spec.parameters));
}

/** Whoever reads prefix matches needs a plugin that finds them (rule 6). */
function injectProducer(plugins: PluginList): void {
  const consumers = [
    'prefix-cache-scorer',
    'no-hit-lru-scorer',
    'prefix-cache-affinity-filter',
    'prefix-based-pd-decider',
  ];
  const consumed = plugins.specs.some(({ type }) => consumers.includes(type));
  if (consumed && !plugins.all().some(({ matches }) => matches !== undefined)) {
    plugins.declare('approx-prefix-cache-producer');
  }
  const precise = plugins.specs.some(({ type }) => type === 'precise-prefix-cache-scorer');
  if (precise && !plugins.all().some(({ tokenize }) => tokenize !== undefined)) plugins.declare('token-producer');
}
