import { randomInt } from 'node:crypto';
import { viewOf } from '../request.ts';
import type { Served } from '../resources.ts';
import { parseSelection, type Selection } from '../selectors.ts';
import { ApiError, expired, statusOf } from '../status.ts';
import type { StoreEvent } from '../store/history.ts';
import type { ResourceRequest, Server } from './context.ts';
import { startDelivery } from './delivery.ts';
import { bookmarkLine, line, objectLine, type EventForm, type EventType } from './eventlines.ts';
import { checkReached, isTrue, parseListOptions } from './listoptions.ts';
import { includeObjectOf } from './read.ts';

/** A watcher that does not read is cut off at this many bytes waiting for it; it will watch again from where it was. */
const maxWaitingBytes = 32 * 1024 * 1024;
const bookmarkMs = 60_000;
const minTimeoutSeconds = 1800;

export function watchObjects(server: Server, request: ResourceRequest): void {
  const { served, query, resource, response } = request;
  const { store, log } = server;
  const { revision = 0, sendInitialEvents } = parseListOptions(query, true);
  const selection = parseSelection(served.kind, query);
  const wantsBookmarks = isTrue(query.get('allowWatchBookmarks'));
  if (sendInitialEvents === true) checkReached(revision, store);
  if (server.watches.size >= server.maxWatches) {
    const message = `there are ${server.maxWatches} watches already`;
    throw new ApiError(429, 'TooManyRequests', message, { retryAfterSeconds: 5 });
  }
  const startsWithState = sendInitialEvents ?? revision === 0;
  // "Any version" without the state is from now on.
  const from = startsWithState || revision === 0 ? store.revision() : revision;
  if (from < store.history.oldest()) {
    // As kube-apiserver does: the watch begins well and its first event is the error.
    const error = expired(`too old resource version: ${from} (${store.history.oldest()})`);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(line('ERROR', statusOf(error)));
    return;
  }

  const form: EventForm = { served, view: viewOf(request), includeObject: includeObjectOf(request) };
  let first = true;
  const lineOf = (event: StoreEvent): Buffer | undefined => {
    if (event.resource !== served.id || event.revision <= from) return undefined;
    if (resource.namespace !== undefined && !event.key.startsWith(`${resource.namespace}/`)) return undefined;
    const type = typeFor(event, selection);
    if (type === undefined) return undefined;
    const made = server.eventLines.ofEvent(form, type, event, first);
    first = false;
    return made;
  };
  const state = startsWithState ? store.list(served.id, resource.namespace) : [];
  const past = startsWithState ? [] : store.history.since(from);
  function* initialLines(): Generator<Buffer> {
    for (const object of state) {
      if (!selection.matches(object)) continue;
      yield objectLine(form, 'ADDED', object, first);
      first = false;
    }
    if (sendInitialEvents === true && wantsBookmarks) {
      yield bookmarkLine(form, from, { 'k8s.io/initial-events-end': 'true' });
    }
    for (const event of past) {
      const made = lineOf(event);
      if (made !== undefined) yield made;
    }
  }

  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  const delivery = startDelivery(response, initialLines(), {
    maxWaitingBytes,
    onOverflow: () => {
      log.warn({ resource: served.id, maxWaitingBytes }, 'watcher reads too slowly and is cut off');
    },
    onError: (error) => {
      log.error({ resource: served.id, error }, 'watch failed');
    },
  });
  const unsubscribe = store.history.subscribe((event) => {
    delivery.attempt(() => lineOf(event));
    if (changesKind(event, served)) end();
  });
  const bookmark = (): void => {
    if (wantsBookmarks) delivery.attempt(() => bookmarkLine(form, store.revision()));
  };
  const bookmarks = setInterval(bookmark, bookmarkMs);
  const end = (): void => {
    // The next watch then begins where this one ended, however long its objects were quiet.
    bookmark();
    delivery.end();
  };
  const timeout = setTimeout(end, timeoutSeconds(query) * 1000);
  server.watches.add(end);
  response.on('close', () => {
    unsubscribe();
    clearInterval(bookmarks);
    clearTimeout(timeout);
    server.watches.delete(end);
  });
}

/** The definition of a watched kind went or became another: whoever watches begins anew, with what is served then. */
function changesKind({ type, resource, object, previous }: StoreEvent, { kind }: Served): boolean {
  if (resource !== 'apiextensions.k8s.io/customresourcedefinitions' || kind.userDefined !== true) return false;
  if (object.metadata.name !== `${kind.plural}.${kind.group}`) return false;
  // While it is being deleted its objects go, which watchers are told.
  if (type !== 'MODIFIED' || object.metadata.deletionTimestamp !== undefined) return type === 'DELETED';
  return object.metadata.generation !== previous?.metadata.generation;
}

function timeoutSeconds(query: URLSearchParams): number {
  const wanted = Number(query.get('timeoutSeconds') ?? '0');
  // Spread, so that watchers that came together do not come back together.
  return wanted > 0 ? Math.min(wanted, 86_400) : minTimeoutSeconds + randomInt(minTimeoutSeconds);
}

/** What an event is to a watcher that sees only the selected objects: they come and go as they begin and cease to match. */
function typeFor(event: StoreEvent, selection: Selection): EventType | undefined {
  if (selection.all) return event.type;
  const before = event.previous !== undefined && selection.matches(event.previous);
  if (event.type === 'DELETED') return before ? 'DELETED' : undefined;
  const now = selection.matches(event.object);
  if (now) return before ? 'MODIFIED' : 'ADDED';
  return before ? 'DELETED' : undefined;
}
