import type { Plugin, PluginFactory } from './plugin.ts';

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
    // Its parameters are read by whoever provides the endpoints.
    types: ['file-discovery'],
    create(name, parameters) {
      parameters.ignore(...parameters.keys());
      return { type: 'file-discovery', name };
    },
  },
];

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
