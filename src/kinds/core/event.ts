import type * as core from 'kubernetes-types/core/v1.js';
import { defineBuiltin, type Builtin } from '../kubernetes/builtin.ts';
import { column, since } from '../kubernetes/columns.ts';

export type Event = Builtin<core.Event, 'involvedObject'>;

export const Event = defineBuiltin<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  model: 'CoreV1Event',
  shortNames: ['ev'],
  status: false,
  columns: [
    column<Event>('Last Seen', (event, now) => since(lastSeen(event), now)),
    column<Event>('Type', (event) => event.type ?? ''),
    column<Event>('Reason', (event) => event.reason ?? ''),
    column<Event>('Object', (event) => {
      const { kind, name } = event.involvedObject;
      return name ? `${(kind ?? '').toLowerCase()}/${name}` : (kind ?? '').toLowerCase();
    }),
    column<Event>('Subobject', (event) => event.involvedObject.fieldPath ?? '', { wide: true }),
    column<Event>('Source', sourceText, { wide: true }),
    column<Event>('Message', (event) => (event.message ?? '').trim()),
    column<Event>('First Seen', (event, now) => since(event.firstTimestamp ?? event.eventTime, now), { wide: true }),
    column<Event>('Count', (event) => String(event.count ?? event.series?.count ?? 1), { wide: true }),
    column<Event>('Name', (event) => event.metadata.name, { wide: true }),
  ],
});

function lastSeen(event: Event): string | undefined {
  return event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
}

function sourceText(event: Event): string {
  const component = event.source?.component ?? event.reportingComponent ?? '';
  return event.source?.host ? `${component}, ${event.source.host}` : component;
}
