import { Event } from '../core/event.ts';
import { defineKind } from '../kind.ts';
import { columnsOfOther } from '../kubernetes/builtin.ts';
import { objectModelSchema } from '../kubernetes/models.ts';
import type { KubeObject } from '../object.ts';

/** Events as newer clients write and read them: the same objects as the core group's, under other names of their fields. */

const names = {
  involvedObject: 'regarding',
  message: 'note',
  reportingComponent: 'reportingController',
  source: 'deprecatedSource',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  count: 'deprecatedCount',
} as const;

const coreNames: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(names).map(([core, name]) => [name, core]),
);

export function toCore(object: KubeObject): KubeObject {
  // Events need not be about anything, but those of the core group always have the field.
  return { ...renamed(object, coreNames), ...(!('regarding' in object) && { involvedObject: {} }) };
}

export function fromCore(object: KubeObject): KubeObject {
  return renamed(object, names);
}

function renamed(object: KubeObject, by: Readonly<Record<string, string>>): KubeObject {
  const { apiVersion, kind, metadata, ...fields } = object;
  const entries = Object.entries(fields).map(([name, value]) => [by[name] ?? name, value] as const);
  return { apiVersion, kind, metadata, ...Object.fromEntries(entries) };
}

export const EventsEvent = defineKind({
  group: 'events.k8s.io',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  status: false,
  builtin: true,
  storedAs: Event,
  versions: [
    {
      name: 'v1',
      served: true,
      schema: () => objectModelSchema('EventsV1Event'),
      printerColumns: columnsOfOther(Event.versions[0]?.printerColumns ?? [], toCore),
      toStorage: toCore,
      fromStorage: fromCore,
    },
  ],
});
