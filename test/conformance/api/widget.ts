import { containing, type Behaviour, type Step } from '../behaviour.ts';
import { get, post, refused, remove } from './requests.ts';

/** A custom resource of its own for each behaviour, and the words to define it. */

export const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
export const group = '{ns}.example.com';
export const name = `widgets.${group}`;
export const widgets = `/apis/${group}/v1/namespaces/{ns}/widgets`;
export const w = `${widgets}/w`;

export type Fields = Record<string, unknown>;

export const version = (spec: Fields, more: Fields = {}): Fields => ({
  name: 'v1',
  served: true,
  storage: true,
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: { spec, status: { type: 'object', properties: { ready: { type: 'boolean' } } } },
    },
  },
  ...more,
});
export const definition = (versions: readonly Fields[], more: Fields = {}): Fields => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name },
  spec: {
    group,
    scope: 'Namespaced',
    names: {
      plural: 'widgets',
      singular: 'widget',
      kind: 'Widget',
      listKind: 'WidgetList',
      shortNames: ['wd'],
      categories: ['all'],
    },
    versions,
    ...more,
  },
});
export const established: Step = get(`${definitions}/${name}`, {
  eventually: true,
  expect: {
    status: {
      conditions: containing({ type: 'Established', status: 'True' }, { type: 'NamesAccepted', status: 'True' }),
    },
  },
});
export const install = (spec: Fields, more: Fields = {}): Step[] => [
  post(definitions, definition([version(spec, more)])),
  established,
  get(widgets, { eventually: true }),
];
export const uninstall = remove(`${definitions}/${name}`);
export const widget = (spec: Fields, metadata: Fields = {}): Fields => ({
  apiVersion: `${group}/v1`,
  kind: 'Widget',
  metadata: { name: 'w', ...metadata },
  spec,
});
export const object = (properties: Fields, more: Fields = {}): Fields => ({ type: 'object', properties, ...more });
export const invalid = (message: string | RegExp) => refused(422, 'Invalid', message);
export const reject = (title: string, schema: Fields, spec: Fields, message: string | RegExp): Behaviour => ({
  name: title,
  steps: [...install(schema), post(widgets, widget(spec), invalid(message)), uninstall],
});
export const string = { type: 'string' };
export const integer = { type: 'integer' };
