import { meets, parseSelector, type Requirement } from '../kinds/labels.ts';
import type { Kind } from '../kinds/kind.ts';
import { valueAt } from './json.ts';
import { resourceId } from './resources.ts';
import { checkLabels } from './schema/metadata.ts';
import { badRequest, type FieldError } from './status.ts';
import type { StoredObject } from './store/object.ts';

/** The label and field selectors of a list, watch or deletecollection. */
export interface Selection {
  /** Nothing is left out. */
  all: boolean;
  matches(object: StoredObject): boolean;
}

interface FieldTerm {
  path: readonly string[];
  value: string;
  equal: boolean;
}

/** Fields that can be selected beside metadata.name and metadata.namespace, as in Kubernetes, by kind or resource. */
const selectableFields: Readonly<Record<string, readonly string[]>> = {
  Pod: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  Event: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  'events.k8s.io/events': [
    'regarding.kind',
    'regarding.namespace',
    'regarding.name',
    'regarding.uid',
    'regarding.apiVersion',
    'regarding.resourceVersion',
    'regarding.fieldPath',
    'reportingController',
    'reason',
    'type',
  ],
  Secret: ['type'],
  Namespace: ['status.phase'],
  Node: ['spec.unschedulable'],
  ReplicaSet: ['status.replicas'],
  Job: ['status.successful'],
  Service: ['spec.clusterIP', 'spec.type'],
};

export function parseSelection(kind: Kind, query: URLSearchParams): Selection {
  const labels = labelTerms(query.get('labelSelector') ?? '');
  const fields = fieldTerms(kind, query.get('fieldSelector') ?? '');
  return {
    all: labels.length === 0 && fields.length === 0,
    matches: (object) =>
      labels.every((term) => meets(term, object.metadata.labels)) && fields.every((term) => fieldHolds(term, object)),
  };
}

function labelTerms(text: string): Requirement[] {
  let terms: Requirement[];
  try {
    terms = parseSelector(text);
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : String(error));
  }
  for (const { key, values } of terms) {
    const errors: FieldError[] = [];
    for (const value of ['', ...values]) checkLabels({ [key]: value }, '', errors);
    if (errors[0] !== undefined) throw badRequest(`unable to parse requirement: "${key}": ${errors[0].message}`);
  }
  return terms;
}

function fieldTerms(kind: Kind, text: string): FieldTerm[] {
  return text
    .split(',')
    .map((term) => term.trim())
    .filter((term) => term !== '')
    .map((term) => {
      const parsed = /^(?<path>[^=!]+)(?<operator>==|=|!=)(?<value>.*)$/.exec(term)?.groups;
      if (parsed === undefined) throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`);
      const path = parsed['path'] ?? '';
      const allowed = ['metadata.name', 'metadata.namespace', ...(kind.selectableFields ?? []), ...builtinFields(kind)];
      if (!allowed.includes(path)) throw badRequest(unknownField(kind, path));
      return {
        path: storedPath(kind, path).split('.'),
        value: parsed['value'] ?? '',
        equal: parsed['operator'] !== '!=',
      };
    });
}

function builtinFields(kind: Kind): readonly string[] {
  return kind.builtin ? (selectableFields[resourceId(kind)] ?? selectableFields[kind.kind] ?? []) : [];
}

/** Where stored objects have the field. */
function storedPath(kind: Kind, path: string): string {
  if (kind.kind !== 'Event' || !kind.builtin) return path;
  if (path === 'source') return 'source.component';
  if (path === 'reportingController') return 'reportingComponent';
  return path.replace(/^regarding\./, 'involvedObject.');
}

/** Custom resources and kinds with selectable fields of their own word it differently. */
function unknownField(kind: Kind, path: string): string {
  return !kind.builtin || builtinFields(kind).length > 0
    ? `field label not supported: ${path}`
    : `"${path}" is not a known field selector: only "metadata.name", "metadata.namespace"`;
}

function fieldHolds({ path, value, equal }: FieldTerm, object: StoredObject): boolean {
  const found = valueAt(object, ...path) ?? (isFlag(path) ? false : '');
  const text = typeof found === 'string' ? found : JSON.stringify(found);
  return (text === value) === equal;
}

/** Boolean fields count as false when absent. */
function isFlag(path: readonly string[]): boolean {
  return path.at(-1) === 'unschedulable' || path.at(-1) === 'hostNetwork';
}
