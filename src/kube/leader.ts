/** Leader election by a Lease, as client-go does it: one of several pickers of a pool is Ready (epp.md 4.3). */
import { randomUUID } from 'node:crypto';
import { Lease } from '../kinds/coordination/lease.ts';
import type { KubeClient } from './client.ts';
import type { Log } from '../telemetry/log.ts';
import { microTimestamp } from '../kinds/timestamp.ts';

export interface Leadership {
  isLeader(): boolean;
  /** Gives the lease back, so that another need not wait for its end. */
  release(): Promise<void>;
}

export interface ElectionOptions {
  client: KubeClient;
  namespace: string;
  name: string;
  /** Who we are; a random name by default. */
  identity?: string | undefined;
  log: Log;
  /** How long a lease holds without renewal, in seconds. */
  leaseSeconds?: number;
  /** Between two attempts, in ms. */
  retryMs?: number;
}

/** Starts to take part; leads while it can renew the lease. */
export function electLeader(options: ElectionOptions): Leadership {
  const { client, namespace, name, log, leaseSeconds = 15, retryMs = 2_000 } = options;
  const identity = `${options.identity ?? 'epp'}_${randomUUID()}`;
  /** We lead until then, on our own clock; before every renewal it is nearer than the lease's end. */
  let leadingUntil = -Infinity;
  /** What the lease said when we saw it change, and when that was: other clocks are not trusted. */
  let observed = { version: '', at: 0 };
  let stopped = false;
  let leading = false;
  const isLeader = (): boolean => performance.now() < leadingUntil;

  const claim = (lease: Lease | undefined, time: string): Lease => ({
    ...(lease ?? { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace } }),
    spec: {
      ...lease?.spec,
      holderIdentity: identity,
      leaseDurationSeconds: leaseSeconds,
      renewTime: time,
      ...(lease?.spec?.holderIdentity === identity ? {} : { acquireTime: time }),
    },
  });

  const attempt = async (): Promise<void> => {
    const started = performance.now();
    const time = microTimestamp();
    const lease = await client.get(Lease, { namespace, name });
    if (lease === undefined) await client.create(Lease, claim(undefined, time));
    else {
      const version = lease.metadata.resourceVersion ?? '';
      if (version !== observed.version) observed = { version, at: started };
      const holder = lease.spec?.holderIdentity ?? '';
      const held = started < observed.at + (lease.spec?.leaseDurationSeconds ?? leaseSeconds) * 1000;
      if (holder !== '' && holder !== identity && held) return;
      await client.update(Lease, claim(lease, time));
    }
    leadingUntil = started + leaseSeconds * 1000 * (2 / 3);
  };

  let attempting: Promise<void> = Promise.resolve();
  const round = (): void => {
    attempting = attempt()
      .catch((error: unknown) => {
        // Lost a race for the lease, or the API is away: try again.
        log.debug({ lease: name, reason: String(error) }, 'lease not taken');
      })
      .finally(() => {
        if (leading !== isLeader()) {
          leading = isLeader();
          log.info({ lease: name, identity }, leading ? 'leading' : 'no longer leading');
        }
        if (!stopped) timer = setTimeout(round, retryMs);
      });
  };
  let timer: NodeJS.Timeout | undefined;
  round();

  return {
    isLeader,
    release: async () => {
      stopped = true;
      clearTimeout(timer);
      await attempting;
      if (!isLeader()) return;
      leadingUntil = -Infinity;
      const body = { spec: { holderIdentity: '', leaseDurationSeconds: 1 } };
      await client.patch(Lease, { namespace, name }, { type: 'merge', body }).catch(() => undefined);
    },
  };
}
