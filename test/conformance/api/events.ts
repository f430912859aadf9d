import { absent, containing, type Behaviour } from '../behaviour.ts';
import { get, merge, namespace, post, put, refused, remove } from './requests.ts';

const core = `${namespace}/events`;
const events = '/apis/events.k8s.io/v1/namespaces/{ns}/events';

const regarding = { kind: 'Pod', apiVersion: 'v1', name: 'web', namespace: '{ns}' };
const newer = (changes: Record<string, unknown> = {}) => ({
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  metadata: { name: 'web.1' },
  eventTime: '2026-01-02T03:04:05.678901Z',
  reportingController: 'example.com/controller',
  reportingInstance: 'controller-1',
  action: 'Starting',
  reason: 'Started',
  regarding,
  note: 'it runs',
  type: 'Normal',
  ...changes,
});
const older = {
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: 'web.2' },
  involvedObject: regarding,
  reason: 'Pulled',
  message: 'there',
  source: { component: 'kubelet', host: 'node-1' },
  firstTimestamp: '2026-01-02T03:04:05Z',
  lastTimestamp: '2026-01-02T03:05:05Z',
  count: 3,
  type: 'Normal',
};

export const eventGroups: readonly Behaviour[] = [
  {
    name: 'an Event of events.k8s.io is one of the core group, too',
    steps: [
      post(events, newer(), {
        expect: { apiVersion: 'events.k8s.io/v1', note: 'it runs', regarding: { name: 'web' } },
      }),
      get(`${core}/web.1`, {
        expect: {
          apiVersion: 'v1',
          kind: 'Event',
          involvedObject: { kind: 'Pod', name: 'web' },
          message: 'it runs',
          reportingComponent: 'example.com/controller',
          reportingInstance: 'controller-1',
          eventTime: '2026-01-02T03:04:05.678901Z',
          note: absent,
        },
      }),
      remove(`${core}/web.1`),
      get(`${events}/web.1`, { status: 404 }),
    ],
  },
  {
    name: 'an Event of the core group is one of events.k8s.io, too',
    steps: [
      post(core, older),
      get(`${events}/web.2`, {
        expect: {
          apiVersion: 'events.k8s.io/v1',
          note: 'there',
          regarding: { name: 'web' },
          deprecatedSource: { component: 'kubelet', host: 'node-1' },
          deprecatedFirstTimestamp: '2026-01-02T03:04:05Z',
          deprecatedCount: 3,
          message: absent,
        },
      }),
      get(events, { expect: { kind: 'EventList', apiVersion: 'events.k8s.io/v1', items: [{ note: 'there' }] } }),
    ],
  },
  {
    name: 'Events are selected by the field names of the group that is asked',
    steps: [
      post(core, older),
      post(events, newer()),
      get(`${events}?fieldSelector=regarding.name=web,reason=Started`, {
        expect: { items: [{ metadata: { name: 'web.1' } }] },
      }),
      get(`${events}?fieldSelector=reportingController=example.com/controller`, {
        expect: { items: [{ metadata: { name: 'web.1' } }] },
      }),
      get(`${core}?fieldSelector=involvedObject.name=web,reason=Pulled`, {
        expect: { items: [{ metadata: { name: 'web.2' } }] },
      }),
      get(`${events}?fieldSelector=involvedObject.name=web`, { status: 400 }),
    ],
  },
  {
    name: 'a watch of events.k8s.io sees Events of the core group',
    steps: [
      get(`${events}?watch=true&resourceVersion=0&allowWatchBookmarks=false`, {
        watch: {
          during: [post(core, older)],
          events: [{ type: 'ADDED', object: { apiVersion: 'events.k8s.io/v1', note: 'there' } }],
        },
      }),
    ],
  },
  {
    name: 'an Event of events.k8s.io needs its time, its reporter and what was done',
    steps: [
      post(
        events,
        newer({ eventTime: undefined, type: 'Other', deprecatedCount: 1 }),
        refused(
          422,
          'Invalid',
          /eventTime: Required value.*type: Invalid value: "": has invalid value: Other.*count: Invalid value: "": needs to be unset/,
        ),
      ),
      post(
        events,
        newer({ reportingController: '', reportingInstance: '', action: '', reason: '' }),
        refused(
          422,
          'Invalid',
          /reportingController: Required value.*reportingInstance: Required value.*action: Required value.*reason: Required value/,
        ),
      ),
      post(
        events,
        newer({ series: { count: 1, lastObservedTime: '2026-01-02T03:04:05.678901Z' } }),
        refused(422, 'Invalid', /series.count: Invalid value: "": should be at least 2/),
      ),
    ],
  },
  {
    name: 'an Event about something in another namespace is refused',
    steps: [
      post(
        core,
        { ...older, involvedObject: { ...regarding, namespace: 'elsewhere' } },
        refused(422, 'Invalid', /involvedObject.namespace: Invalid value: "elsewhere": does not match event.namespace/),
      ),
      post(
        events,
        newer({ regarding: { kind: 'Node', name: 'n' } }),
        refused(422, 'Invalid', /involvedObject.namespace: Invalid value: "": does not match event.namespace/),
      ),
    ],
  },
  {
    name: 'the series of an Event of events.k8s.io goes on, the rest stays',
    steps: [
      post(events, newer()),
      merge(
        `${events}/web.1`,
        { series: { count: 2, lastObservedTime: '2026-01-02T03:05:05.000000Z' } },
        { expect: { series: { count: 2 } } },
      ),
      get(`${core}/web.1`, { expect: { series: { count: 2, lastObservedTime: '2026-01-02T03:05:05.000000Z' } } }),
      merge(
        `${events}/web.1`,
        { note: 'another' },
        refused(422, 'Invalid', /message: Invalid value: "another": field is immutable/),
      ),
      merge(`${core}/web.1`, { message: 'another' }, { expect: { message: 'another' } }),
    ],
  },
  {
    name: 'a PUT to events.k8s.io creates the Event that is not there',
    steps: [put(`${events}/web.1`, newer(), { status: 201 }), get(`${core}/web.1`)],
  },
  {
    name: 'events.k8s.io is discovered with its own names of fields',
    steps: [
      get('/apis/events.k8s.io/v1', {
        expect: { resources: [{ name: 'events', kind: 'Event', namespaced: true, shortNames: ['ev'] }] },
      }),
      get('/apis', { expect: { groups: containing({ name: 'events.k8s.io', preferredVersion: { version: 'v1' } }) } }),
      get('/openapi/v3/apis/events.k8s.io/v1', {
        expect: {
          components: { schemas: { 'io.k8s.api.events.v1.Event': { properties: { note: { type: 'string' } } } } },
        },
      }),
    ],
  },
  {
    name: 'Events of both groups are shown in the same table',
    steps: [
      post(events, newer()),
      get(events, {
        headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
        expect: { rows: [{ cells: containing('Normal', 'Started', 'pod/web', 'it runs') }] },
      }),
    ],
  },
];
