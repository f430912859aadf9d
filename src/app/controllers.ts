import { ensureGatewayClasses } from '../controllers/gateway/classes.ts';
import { startGatewayController, type GatewayControllerOptions } from '../controllers/gateway/controller.ts';
import type { Kind } from '../kinds/kind.ts';
import type { ObjectRef } from '../kinds/object.ts';
import type { Log } from '../telemetry/log.ts';
import type { Family, FamilyExplanation, FamilyHost, RunningFamily } from './families/family.ts';

export interface Controllers {
  /** The data plane has all that the caches hold. */
  settled(): boolean;
  /** What an object of a family is made of and why; undefined: there is none, or no family explains its kind. */
  explain(kind: Kind, ref: ObjectRef): FamilyExplanation | undefined;
  /** In the Prometheus exposition format. */
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

export interface ControllersOptions extends GatewayControllerOptions {
  readonly families: readonly Family[];
  /** Where the controllers of a family write, where that is not `log`. */
  readonly familyLogs: ReadonlyMap<string, Log>;
  readonly node: NonNullable<FamilyHost['node']>;
  readonly version: string;
}

/** Starts all controllers on the embedded API, whose GatewayClasses include those of foreign manifests. */
export async function startControllers(options: ControllersOptions): Promise<Controllers> {
  await ensureGatewayClasses(options.client);
  const { client, informers, log, node, version, familyLogs } = options;
  const [gateway, families] = await Promise.all([
    startGatewayController(options),
    startFamilies(options.families, ({ name }) => ({
      client,
      informers,
      log: familyLogs.get(name) ?? log,
      node,
      version,
    })),
  ]);
  return {
    settled: () => gateway.settled(),
    explain: (kind, ref) => families.explain(kind, ref),
    metrics: () => families.metrics(),
    stop: async () => {
      await Promise.all([gateway.stop(), families.stop()]);
    },
  };
}

/** Starts the controllers of families. */
export async function startFamilies(
  families: readonly Family[],
  hostOf: (family: Family) => FamilyHost,
): Promise<Required<RunningFamily>> {
  const running = await Promise.all(families.map((family) => family.start(hostOf(family))));
  return {
    explain: (kind, ref) => firstDefined(running, (family) => family.explain?.(kind, ref)),
    metrics: async () =>
      (await Promise.all(running.flatMap((family) => (family.metrics === undefined ? [] : [family.metrics()])))).join(
        '\n',
      ),
    stop: async () => {
      await Promise.all(running.map((family) => family.stop()));
    },
  };
}

function firstDefined<T, R>(items: readonly T[], of: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = of(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
