import type { Kind } from '../kinds/kind.ts';
import type { Log } from '../telemetry/log.ts';
import { KubeError, type KubeClient } from './client.ts';

/** What keeps a process from its work at a Kubernetes API: it cannot be reached, or it refuses what the process must do. */
export interface AccessProblems {
  /** The client to use: what comes of its calls is seen. */
  readonly client: KubeClient;
  /** One line each, for people; empty: none that is known. */
  problems(): readonly string[];
  /** The API has answered since the start. */
  reached(): boolean;
}

/** Names each missing right and each outage once in the log, and again when it is over. */
export function watchAccess(client: KubeClient, log: Log): AccessProblems {
  const denied = new Map<string, string>();
  let unreachable: string | undefined;
  let reached = false;

  const answered = (): void => {
    reached = true;
    if (unreachable === undefined) return;
    unreachable = undefined;
    log.info('the Kubernetes API answers again');
  };
  const succeeded = (right: string): void => {
    answered();
    if (denied.delete(right)) log.info({ right }, 'permitted now');
  };
  const failed = (right: string, error: unknown): void => {
    if (!(error instanceof KubeError)) {
      if (isCancelled(error)) return;
      const reason = reasonOf(error);
      if (unreachable === undefined) log.error({ reason }, 'the Kubernetes API cannot be reached, trying again');
      unreachable = reason;
      return;
    }
    answered();
    if (error.code === 401) unreachable = `it does not accept the credentials: ${error.message}`;
    if (error.code !== 403 || !isMissingRight(error)) return;
    if (!denied.has(right)) log.error({ right, reason: error.message }, 'not permitted: grant this by a Role');
    denied.set(right, error.message);
  };
  const seen = async <T>(verb: string, kind: Kind, subresource: string | undefined, call: Promise<T>): Promise<T> => {
    const right = rightOf(verb, kind, subresource);
    try {
      const result = await call;
      succeeded(right);
      return result;
    } catch (error) {
      failed(right, error);
      throw error;
    }
  };
  async function* watched<T>(kind: Kind, events: AsyncIterable<T>): AsyncGenerator<T> {
    const right = rightOf('watch', kind, undefined);
    try {
      for await (const event of events) {
        succeeded(right);
        yield event;
      }
    } catch (error) {
      failed(right, error);
      throw error;
    }
  }

  return {
    client: {
      get: (kind, ref) => seen('get', kind, undefined, client.get(kind, ref)),
      list: (kind, options) => seen('list', kind, undefined, client.list(kind, options)),
      create: (kind, object) => seen('create', kind, undefined, client.create(kind, object)),
      update: (kind, object) => seen('update', kind, undefined, client.update(kind, object)),
      updateStatus: (kind, object) => seen('update', kind, 'status', client.updateStatus(kind, object)),
      patch: (kind, ref, patch) => seen('patch', kind, patch.subresource, client.patch(kind, ref, patch)),
      createBelow: (kind, ref, subresource, body) =>
        seen('create', kind, subresource, client.createBelow(kind, ref, subresource, body)),
      readBelow: (kind, ref, subresource, query) =>
        seen('get', kind, subresource, client.readBelow(kind, ref, subresource, query)),
      delete: (kind, ref, options) => seen('delete', kind, undefined, client.delete(kind, ref, options)),
      watch: (kind, options) => watched(kind, client.watch(kind, options)),
      close: () => client.close(),
    },
    problems: () => [
      ...(unreachable === undefined ? [] : [`the Kubernetes API cannot be used: ${unreachable}`]),
      ...[...denied.keys()].sort().map((right) => `not permitted: ${right}`),
    ],
    reached: () => reached,
  };
}

/** As in a Role: `list deployments.apps`, `update services/status`. */
function rightOf(verb: string, { plural, group }: Kind, subresource: string | undefined): string {
  const resource = `${plural}${group === '' ? '' : `.${group}`}`;
  return `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`;
}

/** Admission and quotas answer 403, too: they are about one object. */
const isMissingRight = ({ message }: KubeError): boolean => / cannot \w+ resource /.test(message);

const isCancelled = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';

/** Connection errors of several addresses carry their reasons inside. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}
