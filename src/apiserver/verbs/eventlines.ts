import type { View } from '../request.ts';
import type { Served } from '../resources.ts';
import { jsonOf } from '../store/encoding.ts';
import type { StoreEvent } from '../store/history.ts';
import type { StoredObject } from '../store/object.ts';
import { makeTable, partialMetadata } from '../table.ts';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';

/** How a watcher wants its events: two watchers with the same form get the same bytes. */
export interface EventForm {
  served: Served;
  view: View;
  includeObject: string;
}

/** Makes the lines of watches. What goes to many watchers at once is made once. */
export interface EventLines {
  /** `first`: a table begins with its columns, which later ones leave out. */
  ofEvent(form: EventForm, type: EventType, event: StoreEvent, first: boolean): Buffer;
}

export function createEventLines(): EventLines {
  // One event goes to all watchers before the next: to remember one is enough.
  let current: StoreEvent | undefined;
  const lines = new Map<string, Buffer>();
  return {
    ofEvent(form, type, event, first) {
      if (event !== current) {
        current = event;
        lines.clear();
      }
      const name = `${type} ${form.served.apiVersion} ${form.view} ${form.includeObject} ${first}`;
      const known = lines.get(name);
      if (known !== undefined) return known;
      const line = objectLine(form, type, event.object, first);
      lines.set(name, line);
      return line;
    },
  };
}

const lineEnd = Buffer.from('}\n');

/** One line of a watch; an object at its storage version is not serialized again: the store has done it. */
export function objectLine(form: EventForm, type: EventType, stored: StoredObject, first: boolean): Buffer {
  const object = form.served.fromStorage(stored);
  switch (form.view) {
    case 'object':
      return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), jsonOf(object), lineEnd]);
    case 'metadata':
      return line(type, partialMetadata(object));
    case 'table':
      return line(type, tableOf(form, object, first));
  }
}

function tableOf({ served, includeObject }: EventForm, object: StoredObject, first: boolean): unknown {
  const table = makeTable(served, [object], includeObject, { resourceVersion: object.metadata.resourceVersion });
  return first ? table : { ...table, columnDefinitions: null };
}

export function bookmarkLine(form: EventForm, revision: number, annotations?: Record<string, string>): Buffer {
  const { served } = form;
  const metadata = { resourceVersion: String(revision), ...(annotations && { annotations }) };
  const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
  switch (form.view) {
    case 'object':
      return line('BOOKMARK', { kind: served.kind.kind, apiVersion: served.apiVersion, metadata });
    case 'metadata':
      return line('BOOKMARK', partial);
    case 'table':
      return line('BOOKMARK', { ...makeTable(served, [], 'None', metadata), rows: [{ cells: [], object: partial }] });
  }
}

export function line(type: EventType | 'ERROR', object: unknown): Buffer {
  return Buffer.from(`${JSON.stringify({ type, object })}\n`);
}
