import { isDeepStrictEqual } from 'node:util';
import { keyOf } from '../../kinds/object.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { InformerCache } from '../../kube/informer.ts';
import { compile, newRoutingMemory, type Compiled, type GatewaySockets } from '../../routing/compile.ts';
import type { ProgrammedGateway } from '../../routing/gatewaystatus.ts';
import type { PickerKnowledge } from '../../routing/resources.ts';
import type { WantedStatus } from '../../routing/statuses.ts';
import type { RouteTable } from '../../routes/table.ts';
import type { Log } from '../../telemetry/log.ts';
import { startInfrastructureWriter } from './infrastructurewriter.ts';
import { createLoop } from './loop.ts';
import { observeRouting } from './observe.ts';
import { createStatusWriter } from './statuswriter.ts';

export interface GatewayControllerOptions {
  readonly client: KubeClient;
  readonly informers: InformerCache;
  readonly log: Log;
  /** Gateways of the classes of these controllers are served. */
  readonly claimedControllers: readonly string[];
  /** Takes a new table. */
  publish(table: RouteTable): void;
  /** Which endpoint pickers are ours; absent: none. */
  readonly pickers?: PickerKnowledge;
  /** Opens exactly these sockets and says what each listener got, by Gateway. */
  program(gateways: readonly GatewaySockets[]): Promise<ReadonlyMap<string, ProgrammedGateway>>;
  /** The Node that Gateways' Pods are said to be on; absent: Gateways get neither Pod nor Service. */
  readonly nodeName?: string;
  /** Milliseconds that changes are collected before they are compiled. */
  readonly debounceMs?: number;
}

export interface GatewayController {
  /** The data plane has all that the caches hold. */
  settled(): boolean;
  /** Resolves when what was under way has ended. */
  stop(): Promise<void>;
}

const defaultDebounceMs = 10;
const noSockets: ProgrammedGateway = { addresses: [], listeners: new Map() };

/**
 * Keeps the data plane and the statuses as the resources say: observe all, compile, publish the table, open the sockets; then,
 * without holding up the next table, write the statuses that differ. Resolves when the caches are filled and the first table
 * is on its way.
 */
export async function startGatewayController(options: GatewayControllerOptions): Promise<GatewayController> {
  const { claimedControllers, debounceMs = defaultDebounceMs } = options;
  const log = options.log.child({ controller: 'gateway' });
  const observed = observeRouting(options.informers);
  const writer = createStatusWriter(options.client, log);
  let programmed: ReadonlyMap<string, ProgrammedGateway> = new Map();
  let sockets: readonly GatewaySockets[] = [];
  let generation = 0;
  let routingChanged = true;
  let wanted: readonly WantedStatus[] = [];
  let asked: Compiled['asked'] = { configMaps: new Set(), secrets: new Set() };
  const memory = newRoutingMemory();

  const compileNow = (): Compiled => {
    const { pickers } = options;
    const base = { claimedControllers, programmed, now: new Date(), generation };
    const compiled = compile(observed.resources(), pickers === undefined ? base : { ...base, pickers }, memory);
    ({ asked } = compiled);
    return compiled;
  };

  /** Gateways that have had sockets and still exist: they are told when nobody serves them any more. */
  const formerly = (known: ReadonlyMap<string, ProgrammedGateway>): [string, ProgrammedGateway][] => {
    const existing = new Set(observed.resources().gateways.map(({ metadata }) => keyOf(metadata)));
    return [...known.keys()].filter((key) => existing.has(key)).map((key) => [key, noSockets]);
  };

  const routing = createLoop({
    debounceMs,
    run: async () => {
      if (routingChanged) generation += 1;
      let compiled = compileNow();
      if (routingChanged) options.publish(compiled.table);
      routingChanged = false;
      if (!isDeepStrictEqual(compiled.sockets, sockets)) {
        const next = compiled.sockets;
        programmed = new Map([...formerly(programmed), ...(await options.program(next))]);
        infrastructure?.programmed(programmed);
        sockets = next;
        compiled = compileNow();
      }
      wanted = compiled.statuses;
      statuses.trigger();
    },
    onError: (err, retryMs) => {
      log.error({ err, retryMs }, 'routes not updated, retrying');
    },
  });

  const statuses = createLoop({
    debounceMs: 0,
    run: async () => {
      // A conflict means that a newer object is on its way; compile again when it is here.
      if (!(await writer.write(wanted))) throw new Error('some statuses were not written');
    },
    onError: (err, retryMs) => {
      log.debug({ err, retryMs }, 'statuses not written, retrying');
      routing.trigger();
    },
  });

  await options.informers.synced();
  const { client, informers, nodeName } = options;
  const infrastructure =
    nodeName === undefined
      ? undefined
      : startInfrastructureWriter({ client, informers, claimedControllers, nodeName, log });
  const stopObserving = observed.onChange(
    (changesRouting) => {
      routingChanged ||= changesRouting;
      routing.trigger();
    },
    (family, key) => asked[family].has(key),
  );
  routing.trigger();

  return {
    settled: () => routing.idle(),
    stop: async () => {
      stopObserving();
      await routing.stop();
      await statuses.stop();
      await infrastructure?.stop();
    },
  };
}
