import { setTimeout as delay } from 'node:timers/promises';
import { createControllerEnvironment } from '../../../../src/reconcile/pass.ts';
import { startAim } from '../../../../src/controllers/aim/start.ts';
import { AIMService } from '../../../../src/kinds/aim/aimservice.ts';
import { LegacyAIMService } from '../../../../src/kinds/aim/legacy/aimservice.ts';
import { apiVersionOf, type Kind } from '../../../../src/kinds/kind.ts';
import { keyOf, type ObjectRef } from '../../../../src/kinds/object.ts';
import { createInformerCache } from '../../../../src/kube/cache.ts';
import type { KubeClient } from '../../../../src/kube/client.ts';
import { fixedCredentials } from '../../../../src/kube/credentials.ts';
import { createKubeClient } from '../../../../src/kube/httpclient.ts';
import { createLog } from '../../../../src/telemetry/log.ts';
import { gateway, namespaces, type Target } from './world.ts';

/** A write of the controllers. */
export interface Write {
  verb: string;
  kind: string;
  key: string;
}

export const generations = ['aim.eai.amd.com', 'aim.silogen.ai'] as const;
export type Generation = (typeof generations)[number];

/** Many AIMServices, and AIM's controllers at work on them. */
export interface Fleet {
  /** All writes of the controllers so far, Events too. */
  readonly writes: readonly Write[];
  /** When the last of them was sent, on the clock of performance.now(). */
  lastWriteAt(): number;
  /** Applies `count` services at once, 20 to a model image, each with a route. */
  apply(generation: Generation, count: number, prefix?: string): Promise<void>;
  /** Resolves when every service is Running and the controllers have stopped writing. */
  settled(): Promise<void>;
  /** Stops the controllers and starts them anew, with empty caches. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const servicesPerImage = 20;
const inFlight = 32;
/** Longer than a status write may be put off. */
const quietMs = 2_000;
const pollMs = 200;

export async function startFleet(target: Target, options: { patienceMs: number }): Promise<Fleet> {
  const log = createLog({ level: 'silent' });
  const client = createKubeClient({
    server: target.url,
    credentials: fixedCredentials({ ca: target.caCertificate, token: target.token }),
  });
  const writes: Write[] = [];
  const last = { at: performance.now() };
  const counted = countWrites(client, (write) => {
    writes.push(write);
    last.at = performance.now();
  });
  const informers = createInformerCache(client, log);
  const services = [informers.informer(AIMService), informers.informer(LegacyAIMService)];
  await informers.synced();

  const start = async (): Promise<() => Promise<void>> => {
    const caches = createInformerCache(counted, log);
    const environment = createControllerEnvironment({
      client: counted,
      informers: caches,
      log,
      operatorNamespace: 'aim-system',
    });
    const aim = await startAim({ environment, builtinImages: () => metadata });
    return async () => {
      await aim.stop();
      await caches.stop();
    };
  };
  let stopControllers = await start();

  const unsettled = (): (AIMService | LegacyAIMService)[] =>
    services.flatMap((informer) =>
      informer.list().filter(({ metadata: { generation }, status }) => {
        return status?.status !== 'Running' || status.observedGeneration !== generation;
      }),
    );
  let applied = 0;

  return {
    writes,
    lastWriteAt: () => last.at,
    apply: async (generation, count, prefix = 'service') => {
      applied += count;
      const kind: Kind = generation === 'aim.eai.amd.com' ? AIMService : LegacyAIMService;
      const waiting = Array.from({ length: count }, (_, i) => serviceOf(generation, kind, i, prefix));
      const work = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await client.create(kind, next);
      };
      await Promise.all(Array.from({ length: inFlight }, work));
    },
    settled: async () => {
      const end = performance.now() + options.patienceMs;
      for (;;) {
        const left = unsettled();
        const known = services.reduce((sum, informer) => sum + informer.list().length, 0);
        const now = performance.now();
        if (known === applied && left.length === 0 && now - last.at > quietMs) return;
        if (now > end) {
          const [first] = left;
          throw new Error(`${left.length} services are not Running, such as ${JSON.stringify(first?.status)}`);
        }
        await delay(pollMs);
      }
    },
    restart: async () => {
      await stopControllers();
      stopControllers = await start();
    },
    stop: async () => {
      await stopControllers();
      await informers.stop();
      await client.close();
    },
  };
}

/** What the image's labels say: one deployment is recommended. */
const metadata = {
  model: {
    canonicalName: 'org/model',
    recommendedDeployments: [{ gpuModel: 'MI300X', gpuCount: 1, precision: 'fp16', metric: 'latency' }],
  },
};

function serviceOf(generation: Generation, kind: Kind, index: number, prefix: string) {
  const image = Math.floor(index / servicesPerImage);
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { name: `${prefix}-${String(index)}`, namespace: namespaces[image % namespaces.length] ?? '' },
    spec: {
      model: {
        image: `example.com/${generation === 'aim.silogen.ai' ? 'old' : 'new'}/aim-model-${String(image)}:1.0.0`,
      },
      routing: { enabled: true, gatewayRef: gateway, pathTemplate: '/{.metadata.namespace}/{.metadata.name}' },
      ...(generation === 'aim.silogen.ai' ? { cacheModel: true } : {}),
    },
  };
}

/** The client as it is, taking notes of what is written through it. */
function countWrites(client: KubeClient, count: (write: Write) => void): KubeClient {
  const note = (verb: string, kind: Kind, ref: ObjectRef): void => {
    count({ verb, kind: kind.kind, key: keyOf(ref) });
  };
  return {
    ...client,
    create: (kind, object) => {
      note('create', kind, object.metadata);
      return client.create(kind, object);
    },
    update: (kind, object) => {
      note('update', kind, object.metadata);
      return client.update(kind, object);
    },
    updateStatus: (kind, object) => {
      note('status', kind, object.metadata);
      return client.updateStatus(kind, object);
    },
    patch: (kind, ref, patch) => {
      note(patch.type, kind, ref);
      return client.patch(kind, ref, patch);
    },
    delete: (kind, ref, deletion) => {
      note('delete', kind, ref);
      return client.delete(kind, ref, deletion);
    },
  };
}

/** How often each kind was written, in words, the most first. */
export function summary(writes: readonly Write[]): string {
  const counts = new Map<string, number>();
  for (const { verb, kind } of writes) counts.set(`${verb} ${kind}`, (counts.get(`${verb} ${kind}`) ?? 0) + 1);
  return [...counts]
    .toSorted(([, one], [, other]) => other - one)
    .map(([what, count]) => `${String(count)} ${what}`)
    .join(', ');
}
