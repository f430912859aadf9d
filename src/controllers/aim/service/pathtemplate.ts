import type { KubeObject } from '../../../kinds/object.ts';
import { evaluateJsonPath, isScalar, JsonPathError } from '../jsonpath.ts';
import { legacyName } from '../legacynames.ts';
import { sanitizePart } from '../names.ts';

/** The path of a service on its Gateway, from a template with JSONPath expressions in braces (aim.md 5.6). */

export interface PathDialect {
  /** A text as one segment of a path. */
  readonly segment: (text: string) => string;
  /** Fields of `spec` that are the empty text when they are not set; others that are not set are errors. */
  readonly emptyWhenUnset: readonly string[];
}

export const currentPaths: PathDialect = {
  segment: sanitizePart,
  emptyWhenUnset: ['runtimeConfigName', 'serviceAccountName'],
};

export const legacyPaths: PathDialect = {
  segment: legacyName,
  emptyWhenUnset: ['templateRef', 'runtimeConfigName', 'serviceAccountName'],
};

export type RenderedPath = { readonly path: string } | { readonly error: string };

export const longestPath = 200;

/** `/{namespace}/{uid}`: where a service is reached that has no template. */
export function defaultPath({ metadata }: KubeObject, dialect: PathDialect): RenderedPath {
  return normalized(`/${metadata.namespace ?? ''}/${metadata.uid ?? ''}`, dialect);
}

/** An empty template means the default path. */
export function renderPath(template: string | undefined, service: KubeObject, dialect: PathDialect): RenderedPath {
  if (template === undefined || template === '') return defaultPath(service, dialect);
  const typed = withEmptyFields(service, dialect);
  try {
    const text = template.replaceAll(/\{([^{}]+)\}/g, (_, expression: string) =>
      valueOf(expression.trim(), typed, dialect),
    );
    return normalized(text, dialect);
  } catch (error) {
    if (error instanceof JsonPathError) return { error: `pathTemplate "${template}": ${error.message}` };
    throw error;
  }
}

const mapEntry = /^\.metadata\.(?<map>labels|annotations)\[(?:'(?<single>[^']*)'|"(?<double>[^"]*)")\]$/;

function valueOf(expression: string, service: KubeObject, dialect: PathDialect): string {
  const entry = mapEntry.exec(expression)?.groups;
  if (entry !== undefined) {
    const map = entry['map'] === 'labels' ? 'labels' : 'annotations';
    const key = entry['single'] ?? entry['double'] ?? '';
    const value = service.metadata[map]?.[key];
    if (value === undefined) {
      throw new JsonPathError(`the service has no ${map.slice(0, -1)} "${key}": add it or change the template`);
    }
    // Annotations may hold several segments.
    return map === 'labels' ? dialect.segment(value.trim()) : value.trim();
  }
  const values = evaluateJsonPath(expression, service);
  const [value] = values;
  if (values.length !== 1) {
    throw new JsonPathError(`"${expression}" finds ${values.length} values, it must find one`);
  }
  if (!isScalar(value)) throw new JsonPathError(`"${expression}" is not a text, number or boolean`);
  return dialect.segment(String(value).trim());
}

function withEmptyFields(service: KubeObject, { emptyWhenUnset }: PathDialect): KubeObject {
  const spec = 'spec' in service && typeof service.spec === 'object' ? service.spec : {};
  const empty = Object.fromEntries(emptyWhenUnset.map((field) => [field, '']));
  return Object.assign({}, service, { spec: { ...empty, ...spec } });
}

function normalized(text: string, dialect: PathDialect): RenderedPath {
  const trimmed = text.trim();
  if (trimmed === '') return { error: 'pathTemplate: the path is empty' };
  const rooted = `/${trimmed.replace(/^\//, '')}`.replace(/(?!^)\/+$/, '');
  const tooLong = lengthError(rooted);
  if (tooLong !== undefined) return { error: tooLong };
  const segments = rooted
    .split('/')
    .filter((segment) => segment !== '')
    .map((segment) => dialect.segment(segment))
    .filter((segment) => segment !== '');
  const path = `/${segments.join('/')}`;
  const error = lengthError(path);
  return error === undefined ? { path } : { error };
}

function lengthError(path: string): string | undefined {
  const length = Buffer.byteLength(path);
  if (length <= longestPath) return undefined;
  return `pathTemplate: the path has ${length} characters, at most ${longestPath} are allowed`;
}
