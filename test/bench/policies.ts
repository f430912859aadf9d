/** What the routing benchmark compares on a virtual clock. Pickers that are processes of their own are compared in realfleet.ts. */
import { parseConfig } from '../../src/picker/config/parse.ts';
import { createDirector } from '../../src/picker/director.ts';
import type { EndpointMetrics } from '../../src/picker/metrics/engines.ts';
import { createRandom } from '../../src/simulator/random.ts';
import type { EventClock } from './eventclock.ts';
import type { Arrival } from './workloads.ts';

/** One run's chooser. */
export interface Chooser {
  /** Position of the endpoint, and what to call when the request has ended there. */
  choose(arrival: Arrival): { readonly at: number; readonly ended: () => void };
  /** What endpoint `at` reports, every `scrapeMs`. */
  scraped(at: number, metrics: EndpointMetrics): void;
}

export interface Policy {
  readonly name: string;
  start(endpoints: number, clock: EventClock, seed: number): Chooser;
}

const nothing = (): void => undefined;

type Plugins = readonly (readonly [type: string, weight: number])[];

/** An EndpointPickerConfig with these plugins in one profile. */
function configText(plugins: Plugins): string {
  return JSON.stringify({
    apiVersion: 'llm-d.ai/v1alpha1',
    kind: 'EndpointPickerConfig',
    plugins: plugins.map(([type]) => ({ type })),
    schedulingProfiles: [{ name: 'default', plugins: plugins.map(([pluginRef, weight]) => ({ pluginRef, weight })) }],
  });
}

/** Headgate's director with these plugins, or as it is without any configuration, fed as in production: hashed bodies, scraped metrics. */
function configured(name: string, plugins?: Plugins): Policy {
  const config = parseConfig(plugins === undefined ? undefined : configText(plugins), name);
  return {
    name,
    start(endpoints, clock, seed) {
      const random = createRandom(seed);
      const director = createDirector({
        config,
        pool: { namespace: 'default', name: 'bench' },
        clock: () => clock.now(),
        random: () => random.next(),
        timers: clock,
        observer: {},
      });
      const pool = Array.from({ length: endpoints }, (_, at) => ({
        key: `10.0.0.${at}:8000`,
        address: `10.0.0.${at}`,
        port: 8000,
      }));
      director.update(pool);
      let id = 0;
      return {
        choose({ model, body }) {
          const hasher = director.promptHasher('chat-completions');
          hasher?.push(body);
          const prompt = hasher?.finish();
          let at = -1;
          id += 1;
          const request = {
            id: String(id),
            header: () => undefined,
            incomingModel: model,
            streaming: true,
            bodyBytes: body.length,
          };
          const scheduled = director.schedule({ ...request, prompt }, (decision) => {
            if (decision.type === 'dispatch') at = pool.findIndex(({ key }) => key === decision.targets[0].key);
          });
          if (at < 0) throw new Error(`${name}: no endpoint`);
          return {
            at,
            ended: () => {
              scheduled.completed();
            },
          };
        },
        scraped(at, metrics) {
          director.recordMetrics(pool[at]?.key ?? '', metrics);
        },
      };
    },
  };
}

export const roundRobin: Policy = {
  name: 'round robin',
  start(endpoints) {
    let next = 0;
    return {
      choose: () => ({ at: next++ % endpoints, ended: nothing }),
      scraped: nothing,
    };
  },
};
export const leastQueue = configured('least queue', [['queue-scorer', 1]]);
/** What the picker does without any configuration, which is upstream's default too. */
export const defaultProfile = configured('default profile (queue 2, kv 2, prefix 3)');

export const policies: readonly Policy[] = [
  configured('random', [['random-picker', 1]]),
  roundRobin,
  leastQueue,
  configured('least requests in flight', [['active-request-scorer', 1]]),
  defaultProfile,
  configured('queue 1, kv 1, prefix 1', [
    ['queue-scorer', 1],
    ['kv-cache-utilization-scorer', 1],
    ['prefix-cache-scorer', 1],
  ]),
  configured('prefix 2, in flight 1', [
    ['active-request-scorer', 1],
    ['prefix-cache-scorer', 2],
  ]),
  configured('prefix 2, running 1, queue 1', [
    ['running-requests-size-scorer', 1],
    ['queue-scorer', 1],
    ['prefix-cache-scorer', 2],
  ]),
];

/** The default profile knows no adapters, neither here nor upstream. */
export const loraPolicies: readonly Policy[] = [
  configured('lora 1, queue 1, kv 1', [
    ['lora-affinity-scorer', 1],
    ['queue-scorer', 1],
    ['kv-cache-utilization-scorer', 1],
  ]),
  configured('default profile, lora 2', [
    ['queue-scorer', 2],
    ['kv-cache-utilization-scorer', 2],
    ['prefix-cache-scorer', 3],
    ['lora-affinity-scorer', 2],
  ]),
  configured('default profile, lora 4', [
    ['queue-scorer', 2],
    ['kv-cache-utilization-scorer', 2],
    ['prefix-cache-scorer', 3],
    ['lora-affinity-scorer', 4],
  ]),
];
