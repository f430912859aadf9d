import type { DiscoveryFile } from './config/config.ts';
import type { Parameters } from './config/parameters.ts';
import type { Plugin, PluginFactory } from './plugin.ts';

export const discoveryType = 'file-discovery';

/**
 * Plugins that need no code in the core: parsers, which the ext_proc server chooses by `PickerConfig.parser`; producers whose work the
 * director always does (requests and tokens in flight); and the verifier of conformance tests, a matter of response headers in the ext_proc server.
 */
const types = [
  'openai-parser',
  'passthrough-parser',
  'vllmgrpc-parser',
  'vertexai-parser',
  'inflight-load-producer',
  'destination-endpoint-served-verifier',
] as const;

export const passivePlugins: readonly PluginFactory[] = [
  ...types.map((type): PluginFactory => ({ types: [type], create: (name): Plugin => ({ type, name }) })),
  {
    types: [discoveryType],
    create(name, parameters) {
      readDiscovery(parameters);
      return { type: discoveryType, name };
    },
  },
];

/** Where `file-discovery` finds the endpoints; whoever provides them reads the file. */
export function readDiscovery(parameters: Parameters): DiscoveryFile {
  return { path: parameters.required('path'), follow: parameters.flag('watchFile', false) };
}

/** Types that upstream has and this picker does not, with what to do about it. */
export const unsupportedPlugins: Readonly<Record<string, string>> = {
  'predicted-latency-producer':
    'latency predictions are not supported yet; remove it and latency-scorer scores by load and prefix',
  'models-data-source': 'model lists of endpoints are not supported yet; remove it',
  'models-data-extractor': 'model lists of endpoints are not supported yet; remove it',
  'k8s-notification-source': 'notification sources are not supported; pods and pools are always watched; remove it',
  'endpoint-notification-source':
    'notification sources are not supported; pods and pools are always watched; remove it',
};
