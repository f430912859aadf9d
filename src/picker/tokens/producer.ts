import type { PluginContext, PluginFactory } from '../plugin.ts';
import type { Parameters } from '../config/parameters.ts';

/** What a whole phase of data producers may take (epp.md 6.1, step 5). */
const maxWaitMs = 400;
/** A server that did not answer is not asked again for this long: one that hangs must not slow down every request. */
const restMs = 5_000;
const maxOutstanding = 256;
const scheme = 'http://';

const paths = {
  'chat-completions': '/v1/chat/completions/render',
  completions: '/v1/completions/render',
} as const;

/**
 * `token-producer`: asks a model server for the token ids of prompts (epp.md 5.6). Without `vllm.http` the endpoints of the pool are asked
 * in turn. A request whose token ids cannot be had in time is decided on without them.
 */
export const tokenProducer: PluginFactory = {
  types: ['token-producer', 'tokenizer'],
  create(name, parameters, context) {
    const settings = readSettings(parameters);
    const { clock, render, observer, store } = context;
    const restingUntil = new Map<string, number>();
    let outstanding = 0;

    const isUsable = (url: string): boolean => {
      const until = restingUntil.get(url);
      if (until === undefined) return true;
      if (until > clock()) return false;
      restingUntil.delete(url);
      return true;
    };
    return {
      type: 'token-producer',
      name,
      tokenize(request, targetModel, done) {
        const { renderable } = request;
        const server =
          renderable && outstanding < maxOutstanding ? nextServer(settings.url, context, isUsable) : undefined;
        if (renderable === undefined || server === undefined || render === undefined) {
          done(undefined);
          return () => undefined;
        }
        outstanding += 1;
        const body = renderable.body(settings.model || targetModel);
        const timeoutMs = request.multimodal === true ? settings.multimodalTimeoutMs : settings.timeoutMs;
        const cancel = render(server + paths[renderable.api], body, timeoutMs, (rendered) => {
          outstanding -= 1;
          if ('error' in rendered) {
            restingUntil.set(server, clock() + restMs);
            observer.renderFailed?.(server, rendered.error);
          }
          done('tokens' in rendered ? rendered.tokens : undefined);
        });
        return () => {
          outstanding -= 1;
          cancel();
        };
      },
      endpointsChanged() {
        for (const url of restingUntil.keys()) {
          if (url !== settings.url && store.find(url.slice(scheme.length)) === undefined) restingUntil.delete(url);
        }
      },
    };
  },
};

/** The server to ask: the configured one, else a usable endpoint of the pool. */
function nextServer(
  url: string,
  { store, random }: PluginContext,
  isUsable: (url: string) => boolean,
): string | undefined {
  if (url !== '') return isUsable(url) ? url : undefined;
  const { ready, endpoints } = store;
  const first = Math.floor(random() * ready.length);
  for (let step = 0; step < ready.length; step += 1) {
    const endpoint = endpoints[ready[(first + step) % ready.length] ?? 0];
    if (endpoint === undefined) continue;
    const server = scheme + endpoint.key;
    if (isUsable(server)) return server;
  }
  return undefined;
}

function readSettings(parameters: Parameters) {
  const model = parameters.text('modelName', '');
  const vllm = parameters.map('vllm');
  const url = vllm.text('http', '').replace(/\/+$/, '');
  if (url !== '' && !/^https?:\/\//.test(url)) vllm.fail('http', 'an http URL expected', url);
  const limit = (field: string, fallbackMs: number): number => {
    const own = parameters.duration(field, fallbackMs);
    return Math.min(maxWaitMs, vllm.duration(field, own));
  };
  const [timeoutMs, multimodalTimeoutMs] = [limit('timeout', 5_000), limit('mmTimeout', 30_000)];
  vllm.done();
  return { model, url, timeoutMs, multimodalTimeoutMs };
}
