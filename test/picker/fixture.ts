/** A director whose clock, chance and timers the test holds. */
import type { PickerConfig } from '../../src/picker/config/config.ts';
import { parseConfig } from '../../src/picker/config/parse.ts';
import type { Decision } from '../../src/picker/decision.ts';
import { createDirector, type Director } from '../../src/picker/director.ts';
import type { ScheduledRequest } from '../../src/picker/running.ts';
import type { DirectorObserver } from '../../src/picker/observer.ts';
import type { InferenceRequest, PickerEndpoint } from '../../src/picker/request.ts';
import { createVirtualClock, type VirtualClock } from '../../src/simulator/clock.ts';
import { createRandom } from '../../src/simulator/random.ts';

export function endpoint(at: number, labels: Record<string, string> = {}): PickerEndpoint {
  const address = `192.168.1.${at}`;
  return { key: `${address}:8000`, address, port: 8000, name: `ns/pod-${at}-rank-0`, podName: `pod-${at}`, labels };
}

/** A configuration of these plugins in one profile. */
export function configOf(
  ...plugins: readonly (string | { type: string; name?: string; parameters?: object; weight?: number })[]
): PickerConfig {
  const specs = plugins.map((plugin) => (typeof plugin === 'string' ? { type: plugin } : plugin));
  return parseConfig(
    JSON.stringify({
      apiVersion: 'llm-d.ai/v1alpha1',
      kind: 'EndpointPickerConfig',
      plugins: specs.map(({ type, name, parameters }) => ({ type, name, parameters })),
      schedulingProfiles: [
        {
          name: 'default',
          plugins: specs.map(({ type, name, weight }) => ({
            pluginRef: name ?? type,
            ...(weight !== undefined && { weight }),
          })),
        },
      ],
    }),
  );
}

export interface Fixture {
  readonly director: Director;
  readonly clock: VirtualClock;
  readonly ask: (request?: Partial<InferenceRequest> & { headers?: Record<string, string> }) => {
    decision: Decision | undefined;
    scheduled: ScheduledRequest;
  };
  /** The address of the first target; the drop's code when there is none. */
  readonly picked: (request?: Parameters<Fixture['ask']>[0]) => string;
}

export function fixture(
  config: PickerConfig,
  endpoints: readonly PickerEndpoint[],
  observer: DirectorObserver = {},
  seed = 1,
): Fixture {
  const clock = createVirtualClock();
  const random = createRandom(seed);
  const director = createDirector({
    config,
    pool: { namespace: 'ns', name: 'pool' },
    clock: () => clock.now(),
    random: () => random.next(),
    timers: clock,
    observer,
  });
  director.update(endpoints);
  const ask: Fixture['ask'] = ({ headers = {}, ...request } = {}) => {
    const asked: { decision: Decision | undefined } = { decision: undefined };
    const defaults = { id: 'r', incomingModel: 'm', streaming: false, bodyBytes: 100 };
    const scheduled = director.schedule({ ...defaults, header: (name) => headers[name], ...request }, (decision) => {
      if (asked.decision !== undefined) throw new Error('settled twice');
      asked.decision = decision;
    });
    return {
      get decision() {
        return asked.decision;
      },
      scheduled,
    };
  };
  return {
    director,
    clock,
    ask,
    picked(request) {
      const { decision, scheduled } = ask(request);
      scheduled.completed();
      if (decision === undefined) return 'queued';
      return decision.type === 'dispatch' ? decision.targets[0].address : decision.code;
    },
  };
}
