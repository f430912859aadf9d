import { randomInt } from 'node:crypto';
import { viewOf, type View } from '../request.ts';
import type { Served } from '../resources.ts';
import { parseSelection, type Selection } from '../selectors.ts';
import { ApiError, expired, statusOf } from '../status.ts';
import type { StoreEvent } from '../store/history.ts';
import type { StoredObject } from '../store/object.ts';
import { makeTable, partialMetadata } from '../table.ts';
import type { ResourceRequest, Server } from './context.ts';
import { includeObjectOf, revisionOf } from './read.ts';

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';

const maxWatches = 2000;
/** A watcher that does not read is cut off at this many bytes waiting for it; it will list and watch again. */
const maxBacklogBytes = 32 * 1024 * 1024;
const bookmarkMs = 60_000;
const minTimeoutSeconds = 1800;

export function watchObjects(server: Server, request: ResourceRequest): void {
  const { served, query, resource, response } = request;
  const { store } = server;
  const selection = parseSelection(served.kind, query);
  const from = query.get('resourceVersion') ?? '';
  const wantsInitial = query.get('sendInitialEvents') === 'true';
  if (server.watches.size >= maxWatches) {
    throw new ApiError(429, 'TooManyRequests', `there are ${maxWatches} watches already`, { retryAfterSeconds: 5 });
  }
  const revision = from === '' ? 0 : revisionOf(from);
  if (revision !== 0 && !wantsInitial && revision < store.history.oldest()) {
    // As kube-apiserver does: the watch begins well and its first event is the error.
    const error = expired(`too old resource version: ${revision} (${store.history.oldest()})`);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ type: 'ERROR', object: statusOf(error) })}\n`);
    return;
  }

  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  const render = createRenderer(served, viewOf(request), includeObjectOf(request));
  const send = (line: string) => {
    response.write(line);
    if (response.writableLength > maxBacklogBytes) response.destroy();
  };
  const onEvent = (event: StoreEvent) => {
    if (event.resource !== served.id || event.revision <= revision) return;
    if (resource.namespace !== undefined && event.object.metadata.namespace !== resource.namespace) return;
    const type = typeFor(event, selection);
    if (type !== undefined) send(render.event(type, event));
  };

  if (revision === 0 || wantsInitial) {
    for (const object of store.list(served.id, resource.namespace)) {
      if (selection.matches(object)) send(render.object('ADDED', object));
    }
    if (wantsInitial) send(render.bookmark(store.revision(), { 'k8s.io/initial-events-end': 'true' }));
  } else {
    for (const event of store.history.since(revision)) onEvent(event);
  }

  const unsubscribe = store.history.subscribe(onEvent);
  const bookmarks =
    query.get('allowWatchBookmarks') === 'true'
      ? setInterval(() => {
          send(render.bookmark(store.revision()));
        }, bookmarkMs)
      : undefined;
  const end = () => response.end();
  const timeout = setTimeout(end, timeoutSeconds(query) * 1000);
  server.watches.add(end);
  response.on('close', () => {
    unsubscribe();
    clearInterval(bookmarks);
    clearTimeout(timeout);
    server.watches.delete(end);
  });
}

function timeoutSeconds(query: URLSearchParams): number {
  const wanted = Number(query.get('timeoutSeconds') ?? '0');
  // Spread, so that watchers that came together do not come back together.
  return wanted > 0 ? Math.min(wanted, 86_400) : minTimeoutSeconds + randomInt(minTimeoutSeconds);
}

/** What an event is to a watcher that sees only the selected objects: they come and go as they begin and cease to match. */
function typeFor(event: StoreEvent, selection: Selection): EventType | undefined {
  const before = event.previous !== undefined && selection.matches(event.previous);
  if (event.type === 'DELETED') return before ? 'DELETED' : undefined;
  const now = selection.matches(event.object);
  if (now) return before ? 'MODIFIED' : 'ADDED';
  return before ? 'DELETED' : undefined;
}

interface Renderer {
  event(type: EventType, event: StoreEvent): string;
  object(type: EventType, object: StoredObject): string;
  bookmark(revision: number, annotations?: Record<string, string>): string;
}

/** Lines of one watch. An object at its storage version is not serialized again: the store has done it. */
function createRenderer(served: Served, view: View, includeObject: string): Renderer {
  let headerSent = false;
  const table = (object: StoredObject): unknown => {
    const { columnDefinitions, ...rest } = makeTable(served, [object], includeObject, {
      resourceVersion: object.metadata.resourceVersion,
    });
    const result = headerSent ? { ...rest, columnDefinitions: null } : { ...rest, columnDefinitions };
    headerSent = true;
    return result;
  };
  const viewed = (object: StoredObject): unknown => {
    if (view === 'table') return table(object);
    return view === 'metadata' ? partialMetadata(object) : object;
  };
  const line = (type: EventType, object: unknown) => `${JSON.stringify({ type, object })}\n`;
  return {
    event(type, event) {
      const object = served.fromStorage(event.object);
      if (view === 'object' && object === event.object) return `{"type":"${type}","object":${event.json}}\n`;
      return line(type, viewed(object));
    },
    object: (type, object) => line(type, viewed(served.fromStorage(object))),
    bookmark(revision, annotations) {
      const metadata = { resourceVersion: String(revision), ...(annotations && { annotations }) };
      if (view === 'table') {
        const empty = makeTable(served, [], 'None', metadata);
        return line('BOOKMARK', {
          ...empty,
          rows: [{ cells: [], object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata } }],
        });
      }
      if (view === 'metadata')
        return line('BOOKMARK', { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata });
      return line('BOOKMARK', { kind: served.kind.kind, apiVersion: served.apiVersion, metadata });
    },
  };
}
