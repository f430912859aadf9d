/** Makes the plugins of a configuration and puts them together. */
import type { Plugin, PluginContext, PluginFactory } from '../plugin.ts';
import { findFactory } from '../registry.ts';
import type { HandlerPlugin, PickerPlugin, Profile } from '../scheduler.ts';
import { EndpointStore } from '../store.ts';
import type { PickerConfig, PluginSpec, ProfileSpec } from './config.ts';
import { ConfigError, Parameters } from './parameters.ts';

export interface Assembly {
  readonly plugins: readonly Plugin[];
  readonly profiles: readonly Profile[];
  readonly handler: HandlerPlugin;
  readonly detector: Plugin & Required<Pick<Plugin, 'saturation'>>;
  /** Whatever hashes prompts. */
  readonly hashing: NonNullable<Plugin['hashing']> | undefined;
  readonly find: (name: string) => Plugin | undefined;
}

export type Surroundings = Omit<PluginContext, 'find' | 'first'>;

/** @throws ConfigError when plugins do not fit together */
export function assemble(config: PickerConfig, surroundings: Surroundings): Assembly {
  const byName = createPlugins(config.plugins, surroundings);
  const plugins = [...byName.values()];
  const profiles = config.profiles.map((profile) => createProfile(profile, byName));
  const handlers = plugins.filter((plugin): plugin is HandlerPlugin => plugin.handler !== undefined);
  const [handler] = handlers;
  if (handler === undefined || handlers.length > 1) {
    const names = handlers.map(({ name }) => `"${name}"`).join(', ');
    throw new ConfigError(
      `plugins: one profile handler expected for ${profiles.length} scheduling profiles, got ${names || 'none'}`,
    );
  }
  const problem = handler.handler.check(profiles.map(({ name }) => name));
  if (problem !== undefined) throw new ConfigError(`plugin "${handler.name}" (${handler.type}): ${problem}`);
  const detector = byName.get(config.saturationDetector);
  const saturation = detector?.saturation;
  if (detector === undefined || saturation === undefined) {
    throw new ConfigError(`saturationDetector: plugin "${config.saturationDetector}" is no saturation detector`);
  }
  const hashers = plugins.filter(({ hashing }) => hashing !== undefined);
  if (hashers.length > 1) {
    const names = hashers.map(({ name }) => `"${name}"`).join(', ');
    throw new ConfigError(`plugins: prompts can be hashed for one plugin only, got ${names}; let the others name it`);
  }
  return {
    plugins,
    profiles,
    handler,
    detector: { ...detector, saturation },
    hashing: hashers[0]?.hashing,
    find: (name) => byName.get(name),
  };
}

/** Checks parameters, and all the rest where it is there, without keeping anything. */
export function checkPlugins(config: Pick<PickerConfig, 'plugins'> | PickerConfig): ReadonlyMap<string, Plugin> {
  const surroundings = {
    store: new EndpointStore(),
    random: () => 0,
    clock: () => 0,
    observer: {},
    alternatives: 0,
    metricsIntervalMs: 0,
  };
  if ('profiles' in config) assemble(config, surroundings);
  return createPlugins(config.plugins, surroundings);
}

function createPlugins(specs: readonly PluginSpec[], surroundings: Surroundings): ReadonlyMap<string, Plugin> {
  const byName = new Map<string, Plugin>();
  const context: PluginContext = {
    ...surroundings,
    find: (name) => byName.get(name),
    first: (test) => [...byName.values()].find(test),
  };
  for (const { name, type, parameters } of specs) {
    const factory: PluginFactory | undefined = findFactory(type);
    if (factory === undefined) throw new ConfigError(`plugin "${name}" (${type}): unknown type`);
    const reader = new Parameters(`plugin "${name}" (${type}): parameters`, parameters);
    const plugin = factory.create(name, reader, context);
    reader.done();
    byName.set(name, plugin);
  }
  return byName;
}

function createProfile({ name, plugins: references }: ProfileSpec, byName: ReadonlyMap<string, Plugin>): Profile {
  const filters: Profile['filters'][number][] = [];
  const scorers: Profile['scorers'][number][] = [];
  let picker: PickerPlugin | undefined;
  for (const { pluginRef, weight } of references) {
    const plugin = byName.get(pluginRef);
    const { filter, score, pick } = plugin ?? {};
    if (plugin === undefined || (filter ?? score ?? pick) === undefined) {
      throw new ConfigError(
        `scheduling profile "${name}": plugin "${pluginRef}" is neither filter nor scorer nor picker`,
      );
    }
    if (filter !== undefined) filters.push({ ...plugin, filter });
    // A weight of 0 switches a scorer off (trap 21).
    if (score !== undefined && weight > 0) scorers.push({ plugin: { ...plugin, score }, weight });
    if (pick !== undefined) picker = { ...plugin, pick };
  }
  if (picker === undefined) throw new ConfigError(`scheduling profile "${name}": no picker`);
  return { name, filters, scorers, picker };
}
