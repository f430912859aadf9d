import { equalJson, objectAt, stringAt, valueAt } from '../json.ts';
import { invalidValue, required, type FieldError } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import type { Strategy } from './strategy.ts';

/** Events through the core group: those that say when they happened are held to what newer clients write. */
export const coreEvents: Strategy = { validate: (event) => checkEvent(event, 'reportingComponent') };

/** Events through events.k8s.io, which takes only those of the newer kind and only lets their series go on. */
export const newEvents: Strategy = {
  validate: (event, previous) => [
    ...checkEvent(event, 'reportingController'),
    ...(previous === undefined ? checkNew(event) : checkRepeated(event, previous)),
  ],
};

/** Namespaces in which there are events about objects without one. */
const clusterNamespaces = ['default', 'kube-system'];

function checkEvent(event: StoredObject, controllerField: string): FieldError[] {
  const { namespace } = event.metadata;
  const about = stringAt(event, 'involvedObject', 'namespace') ?? '';
  const elsewhere = [invalidValue('involvedObject.namespace', about, 'does not match event.namespace')];
  if (!isSet(event['eventTime'])) {
    return (about === '' ? namespace === 'default' : about === namespace) ? [] : elsewhere;
  }
  return [
    ...(about === '' && !clusterNamespaces.includes(namespace ?? '') ? elsewhere : []),
    ...checkText(event, 'reportingComponent', controllerField, Infinity),
    ...checkText(event, 'reportingInstance', 'reportingInstance', 128),
    ...checkText(event, 'action', 'action', 128),
    ...checkText(event, 'reason', 'reason', 128),
    ...tooLong(stringAt(event, 'message') ?? '', 'message', 1024),
  ];
}

function checkText(event: StoredObject, name: string, field: string, limit: number): FieldError[] {
  const text = stringAt(event, name) ?? '';
  return text === '' ? [required(field, '')] : tooLong(text, field, limit);
}

function tooLong(text: string, field: string, limit: number): FieldError[] {
  return Buffer.byteLength(text) > limit ? [invalidValue(field, '', `can have at most ${limit} characters`)] : [];
}

function checkNew(event: StoredObject): FieldError[] {
  const type = stringAt(event, 'type') ?? '';
  const old = ['firstTimestamp', 'lastTimestamp', 'count', 'source'].filter((name) => isSet(event[name]));
  return [
    ...checkSeries(event),
    ...(isSet(event['eventTime']) ? [] : [required('eventTime', '')]),
    ...(type === 'Normal' || type === 'Warning' ? [] : [invalidValue('type', '', `has invalid value: ${type}`)]),
    ...old.map((name) => invalidValue(name, '', 'needs to be unset')),
  ];
}

function checkSeries(event: StoredObject): FieldError[] {
  const series = objectAt(event, 'series');
  if (series === undefined) return [];
  const count = series['count'];
  return [
    ...(typeof count === 'number' && count >= 2 ? [] : [invalidValue('series.count', '', 'should be at least 2')]),
    ...(isSet(series['lastObservedTime']) ? [] : [required('series.lastObservedTime', '')]),
  ];
}

const immutable = {
  involvedObject: 'involvedObject',
  reason: 'reason',
  message: 'message',
  source: 'source',
  firstTimestamp: 'firstTimestamp',
  lastTimestamp: 'lastTimestamp',
  count: 'count',
  type: 'type',
  eventTime: 'eventTime',
  action: 'action',
  related: 'related',
  reportingComponent: 'reportingController',
  reportingInstance: 'reportingInstance',
};

function checkRepeated(event: StoredObject, previous: StoredObject): FieldError[] {
  const series = equalJson(event['series'], previous['series']) ? [] : checkSeries(event);
  const changed = Object.entries(immutable).filter(([name]) => !equalJson(event[name], previous[name]));
  return [
    ...series,
    ...changed.map(([name, field]) => invalidValue(field, valueAt(event, name), 'field is immutable')),
  ];
}

function isSet(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).some(isSet);
  return value !== undefined && value !== null && value !== '' && value !== 0;
}
