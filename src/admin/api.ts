import type { DecisionTrail } from './decisions.ts';
import type { ObjectExplanation } from './explanations.ts';
import { explainRequest, type ExplainSources } from './explainrequest.ts';
import type { RequestStream } from './requests.ts';
import { resource, type AskedRequest, type Question, type ServedModel } from './resources.ts';
import { errorReply, jsonReply, type AdminReply, type AdminRoute } from './server.ts';

export interface ObjectRefOf {
  /** As kubectl takes it: `pod`, `aimservices.aim.eai.amd.com`, `svc`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/** What the process knows of itself. */
export interface AdminSources extends ExplainSources {
  readonly models: () => readonly ServedModel[];
  readonly decisions: DecisionTrail;
  readonly requests: RequestStream;
  /** undefined: there is no such object. @throws Error for a resource that is not known */
  readonly explainObject: (ref: ObjectRefOf) => Promise<ObjectExplanation | undefined>;
}

const root = '/admin/v1';

/** The resources of `/admin/v1`, all behind the guard. */
export function adminRoutes(sources: AdminSources): AdminRoute[] {
  const get = (name: string, handle: AdminRoute['handle']): AdminRoute => ({
    method: 'GET',
    path: `${root}/${name}`,
    handle,
  });
  return [
    get('models', () => jsonReply(resource('ModelList', { items: sources.models() }))),
    get('table', () => jsonReply(resource('RouteTable', { table: sources.table().table }))),
    get('decisions', () => jsonReply(resource('DecisionList', { items: sources.decisions.latest() }))),
    get('requests', () => sources.requests),
    { method: 'POST', path: `${root}/explain`, handle: ({ body }) => explain(sources, body) },
  ];
}

async function explain(sources: AdminSources, body: string): Promise<AdminReply> {
  try {
    const question = readQuestion(body);
    if ('request' in question)
      return jsonReply(resource('RequestExplanation', explainRequest(sources, question.request)));
    const explanation = await sources.explainObject(question.object);
    if (explanation !== undefined) return jsonReply(resource('ObjectExplanation', explanation));
    const { resource: name, namespace, name: object } = question.object;
    return errorReply(404, `there is no ${name} ${namespace}/${object}`);
  } catch (error) {
    if (error instanceof QuestionError) return errorReply(400, error.message);
    throw error;
  }
}

/** A question that is none; the message says what is expected. */
export class QuestionError extends Error {
  override readonly name = 'QuestionError';
}

function readQuestion(body: string): Question {
  const value = parse(body);
  const request = recordIn(value, 'request');
  if (request !== undefined) return { request: readAsked(request) };
  const object = recordIn(value, 'object');
  if (object === undefined) throw new QuestionError('expected {"request": {...}} or {"object": {...}}');
  return {
    object: {
      resource: textIn(object, 'object', 'resource'),
      namespace: textIn(object, 'object', 'namespace'),
      name: textIn(object, 'object', 'name'),
    },
  };
}

function readAsked(request: Record<string, unknown>): AskedRequest {
  const url = textIn(request, 'request', 'url');
  if (!/^(https?:\/\/[^/?#]+)?(\/|$)/i.test(url)) {
    throw new QuestionError(`request.url "${url}" is no URL: use http://host/path, or a path that begins with /`);
  }
  const headers: unknown = request['headers'] ?? [];
  if (!isHeaders(headers)) throw new QuestionError('request.headers: expected a list of [name, value]');
  return { method: textIn(request, 'request', 'method'), url, headers, body: textIn(request, 'request', 'body', '') };
}

function isHeaders(value: unknown): value is [string, string][] {
  return (
    Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((text) => typeof text === 'string'))
  );
}

function textIn(record: Record<string, unknown>, place: string, field: string, otherwise?: string): string {
  const value = record[field] ?? otherwise;
  if (typeof value !== 'string') throw new QuestionError(`${place}.${field}: expected a text`);
  return value;
}

function recordIn(value: unknown, field: string): Record<string, unknown> | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, field) : undefined;
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? { ...found } : undefined;
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new QuestionError(`the body is no JSON: ${error instanceof Error ? error.message : ''}`);
  }
}
