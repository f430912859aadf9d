import { ConfigError, type Parameters } from '../config/parameters.ts';
import type { Cycle, Plugin, PluginContext, PluginFactory, ProfileResult, SchedulingResult } from '../plugin.ts';

const prefillHeader = 'x-prefiller-host-port';
const encodeHeader = 'x-encoder-hosts-ports';

interface Stages {
  readonly decode: string;
  readonly prefill: string;
  readonly encode: string;
  /** Names of decider plugins; empty: the stage never runs. */
  readonly prefillDecider: string;
  readonly encodeDecider: string;
}

/** `disagg-profile-handler`: decode, then encode and prefill elsewhere if their deciders say so (epp.md 5.8). */
export const disaggregatedProfileHandler: PluginFactory = {
  types: ['disagg-profile-handler'],
  create(name, parameters, context) {
    const profiles = parameters.map('profiles');
    const deciders = parameters.map('deciders');
    const stages = {
      decode: profiles.text('decode', 'decode'),
      prefill: profiles.text('prefill', 'prefill'),
      encode: profiles.text('encode', 'encode'),
      prefillDecider: deciders.text('prefill', ''),
      encodeDecider: deciders.text('encode', ''),
    };
    profiles.done();
    deciders.done();
    return createHandler('disagg-profile-handler', name, stages, context);
  },
};

/** `pd-profile-handler` (deprecated upstream): decode and optional prefill. */
export const prefillDecodeProfileHandler: PluginFactory = {
  types: ['pd-profile-handler'],
  create(name, parameters, context) {
    const stages = {
      decode: parameters.text('decodeProfile', 'decode'),
      prefill: parameters.text('prefillProfile', 'prefill'),
      encode: '',
      prefillDecider: parameters.text('deciderPluginName', 'prefix-based-pd-decider'),
      encodeDecider: '',
    };
    const primaryPort = parameters.number('primaryPort', 0, { min: 0, max: 65_535, integer: true });
    if (primaryPort !== 0)
      parameters.fail('primaryPort', 'only 0 is supported; use data-parallel-profile-handler', primaryPort);
    refuseOldThreshold(parameters);
    parameters.ignore('prefixPluginType', 'prefixPluginName');
    return createHandler('pd-profile-handler', name, stages, context);
  },
};

function refuseOldThreshold(parameters: Parameters): void {
  for (const field of ['threshold', 'hashBlockSize']) {
    if (!parameters.has(field)) continue;
    parameters.fail(
      field,
      'moved upstream: declare a prefix-based-pd-decider with nonCachedTokens and name it in deciderPluginName',
      parameters.value(field),
    );
  }
}

function createHandler(type: string, name: string, stages: Stages, context: PluginContext): Plugin {
  let known: readonly string[] = [];
  const decides = (decider: string, cycle: Cycle, decode: number): boolean => {
    if (decider === '') return false;
    const decide = context.find(decider)?.decide;
    if (decide === undefined) throw new ConfigError(`plugin "${name}" (${type}): no plugin "${decider}" that decides`);
    return decide(cycle, decode);
  };
  return {
    type,
    name,
    handler: {
      check(profiles) {
        known = profiles;
        if (!profiles.includes(stages.decode)) return `no scheduling profile "${stages.decode}"`;
        if (stages.prefillDecider !== '' && !profiles.includes(stages.prefill)) {
          return `no scheduling profile "${stages.prefill}"`;
        }
        if (stages.encodeDecider !== '' && !profiles.includes(stages.encode)) {
          return `no scheduling profile "${stages.encode}"`;
        }
        for (const decider of [stages.prefillDecider, stages.encodeDecider]) {
          if (decider !== '' && context.find(decider)?.decide === undefined) return `no decider plugin "${decider}"`;
        }
        return undefined;
      },
      schedule(cycle, run) {
        const primary = run(stages.decode);
        if (primary === undefined) return undefined;
        const [decode] = primary.picked;
        const runs = (profile: string, decider: string): ProfileResult | undefined =>
          known.includes(profile) && decides(decider, cycle, decode) ? run(profile) : undefined;
        const encode = runs(stages.encode, stages.encodeDecider);
        const prefill = runs(stages.prefill, stages.prefillDecider);
        context.observer.disaggregated?.(cycle.targetModel, kindOf(prefill, encode));
        return { primary, ...(prefill && { prefill }), ...(encode && { encode }) };
      },
    },
    preRequest({ store }, { prefill, encode }: SchedulingResult, headers) {
      headers.remove(prefillHeader);
      headers.remove(encodeHeader);
      const keyOf = (slot: number): string => store.endpoints[slot]?.key ?? '';
      if (prefill !== undefined) headers.set(prefillHeader, keyOf(prefill.picked[0]));
      if (encode !== undefined) headers.set(encodeHeader, encode.picked.map(keyOf).join(','));
    },
  };
}

function kindOf(
  prefill: ProfileResult | undefined,
  encode: ProfileResult | undefined,
): 'decode-only' | 'prefill-decode' | 'encode-decode' | 'encode-prefill-decode' {
  if (prefill === undefined) return encode === undefined ? 'decode-only' : 'encode-decode';
  return encode === undefined ? 'prefill-decode' : 'encode-prefill-decode';
}
