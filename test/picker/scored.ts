import type { PickerConfig } from '../../src/picker/config/config.ts';
import { createDirector, type Director } from '../../src/picker/director.ts';
import type { KvEventSource } from '../../src/picker/kvevents/events.ts';
import type { DirectorObserver } from '../../src/picker/observer.ts';
import type { InferenceRequest, PickerEndpoint } from '../../src/picker/request.ts';
import { EndpointStore } from '../../src/picker/store.ts';
import { createVirtualClock, type VirtualClock } from '../../src/simulator/clock.ts';

export type Asked = Partial<InferenceRequest> & { headers?: Record<string, string> };

export interface Scored {
  readonly director: Director;
  readonly store: EndpointStore;
  readonly clock: VirtualClock;
  /** What the first scorer gives now, in the pool's order. */
  readonly scores: (asked?: Asked) => readonly number[];
  /** Sends a request; returns how to end it. */
  readonly send: (asked?: Asked) => () => void;
}

/** A director of which the first scorer is looked at. */
export function scored(
  config: PickerConfig,
  endpoints: readonly PickerEndpoint[],
  kvEvents?: KvEventSource,
  observer: DirectorObserver = {},
): Scored {
  const store = new EndpointStore();
  const clock = createVirtualClock();
  const director = createDirector({
    config,
    pool: { namespace: 'ns', name: 'pool' },
    clock: () => clock.now(),
    random: () => 0,
    timers: clock,
    observer,
    store,
    ...(kvEvents !== undefined && { kvEvents }),
  });
  director.update(endpoints);
  const requestOf = ({ headers = {}, ...request }: Asked): InferenceRequest => ({
    id: 'r',
    incomingModel: 'm',
    streaming: false,
    bodyBytes: 100,
    header: (name) => headers[name],
    ...request,
  });
  return {
    director,
    store,
    clock,
    scores: (asked = {}) => director.explain(requestOf(asked)).profiles[0]?.scorers[0]?.scores ?? [],
    send(asked = {}) {
      const scheduled = director.schedule(requestOf(asked), () => undefined);
      return () => {
        scheduled.completed();
      };
    },
  };
}
