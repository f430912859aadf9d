import { describe } from 'vitest';
import { hostContract, type HostedEndpoint, type Sent } from '../picker/contract/host.ts';
import { startPicker } from './running.ts';
import { setHeadersOf } from './proxy.ts';

describe('the ext_proc server as a host of the picker', () => {
  hostContract(async (config, roles) => {
    const loads = roles.map(() => ({ waiting: 0, kv: 0 }));
    const picker = await startPicker(loads, { config, roles });

    const send = async (metadata?: Record<string, Record<string, readonly string[]>>): Promise<Sent> => {
      const exchange = picker.proxy.exchange();
      const head = { ':method': 'POST', ':path': '/v1/completions', 'content-type': 'application/json' };
      exchange.headers('request', head, metadata === undefined ? {} : { metadata });
      exchange.body('request', '{"model":"m","prompt":"p"}', true);
      const set = setHeadersOf(await exchange.next());
      await exchange.next();
      let begun = false;
      const firstBytes = async (): Promise<void> => {
        begun = true;
        exchange.headers('response', { ':status': '200', 'content-type': 'text/plain' });
        await exchange.next();
        exchange.body('response', 'first', false);
        await exchange.next();
      };
      return {
        destination: set['x-gateway-destination-endpoint'] ?? '',
        prefill: set['x-prefiller-host-port'] ?? '',
        firstBytes,
        end: async () => {
          if (!begun) await firstBytes();
          exchange.body('response', '', true);
          await exchange.next();
          await exchange.finish();
        },
        cancel: async () => {
          exchange.cancel();
          const running = 'inference_objective_running_requests{model_name="m"}';
          while ((await picker.metric(running)) !== 0) await new Promise((resolve) => setTimeout(resolve, 5));
        },
      };
    };
    const host = {
      send: () => send(),
      sendKnowing: (keys: readonly string[]) =>
        send({ 'envoy.lb.subset_hint': { 'x-gateway-destination-endpoint-subset': keys } }),
      close: picker.close,
    };
    const endpoints = picker.servers.map(({ key }, at): HostedEndpoint => ({
      key,
      ...(roles[at] && { role: roles[at] }),
    }));
    return { host, endpoints };
  });
});
