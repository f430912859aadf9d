import { keyOf } from '../../kinds/object.ts';
import { modelSchema } from '../../kinds/kubernetes/models.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import { contentTypeOf, parseBody, readBody, respondJson } from '../request.ts';
import { applySchema } from '../schema/structure.ts';
import { ApiError, badRequest, conflict, notFound, notSupported, shown, type FieldError } from '../status.ts';
import { nameOf, refOf, type ResourceRequest, type Server } from '../verbs/context.ts';
import type { Binding } from './serviceaccounttokens.ts';
import { timestamp } from '../../kinds/timestamp.ts';

const minSeconds = 600;
const maxSeconds = 2 ** 32;

/** POST `serviceaccounts/{name}/token`: a token of the account (`kubectl create token`). */
export async function createToken(server: Server, request: ResourceRequest): Promise<void> {
  const { served, resource } = request;
  const account = server.store.get(served.id, keyOf(refOf(request)));
  if (account === undefined) throw notFound(served.kind, nameOf(request));
  const body = parseBody(await readBody(request), contentTypeOf(request));
  if (!isObject(body)) throw badRequest('the body must be a TokenRequest object');
  const decoding = { kind: 'TokenRequest', version: 'v1', unknownFields: [], builtin: true };
  const spec = applySchema(modelSchema('V1TokenRequestSpec'), body['spec'] ?? {}, 'spec', decoding);
  const wanted = objectAt({ spec }, 'spec') ?? {};
  const expirationSeconds = secondsOf(wanted);
  const audiences = listAt(wanted, 'audiences').filter((audience) => typeof audience === 'string');
  const now = new Date();
  const { token, expires } = server.tokens.issue(
    account,
    { audiences, expirationSeconds, binding: bindingOf(server, wanted, resource.namespace, account.metadata.name) },
    now,
  );
  respondJson(request, 201, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name: account.metadata.name, namespace: resource.namespace, creationTimestamp: timestamp(now) },
    spec: wanted,
    status: { token, expirationTimestamp: timestamp(expires) },
  });
}

function secondsOf(spec: JsonObject): number {
  const seconds = Number(spec['expirationSeconds'] ?? 3600);
  const refuse = (why: string) =>
    invalidRequest({
      reason: 'FieldValueInvalid',
      field: 'spec.expirationSeconds',
      message: `Invalid value: ${shown(seconds)}: ${why}`,
    });
  if (seconds < minSeconds) throw refuse('may not specify a duration less than 10 minutes');
  if (seconds > maxSeconds) throw refuse('may not specify a duration larger than 2^32 seconds');
  return seconds;
}

function invalidRequest({ reason, field, message }: FieldError): ApiError {
  return new ApiError(422, 'Invalid', `TokenRequest.authentication.k8s.io "" is invalid: ${field}: ${message}`, {
    group: 'authentication.k8s.io',
    kind: 'TokenRequest',
    causes: [{ reason, message, field }],
  });
}

const boundResources = { Pod: 'pods', Secret: 'secrets' } as const;

function bindingOf(
  server: Server,
  spec: JsonObject,
  namespace: string | undefined,
  account: string,
): Binding | undefined {
  const reference = objectAt(spec, 'boundObjectRef');
  if (reference === undefined) return undefined;
  const kind = stringAt(reference, 'kind');
  if (kind !== 'Pod' && kind !== 'Secret') {
    throw invalidRequest(notSupported('spec.boundObjectRef.kind', kind ?? '', Object.keys(boundResources)));
  }
  const served = server.resources.find('', 'v1', boundResources[kind]);
  const name = stringAt(reference, 'name') ?? '';
  const found = served === undefined ? undefined : server.store.get(served.id, keyOf({ namespace, name }));
  if (served === undefined) throw badRequest(`this server has no ${boundResources[kind]} to bind a token to`);
  if (found === undefined) throw notFound(served.kind, name);
  const uid = found.metadata.uid ?? '';
  const given = stringAt(reference, 'uid');
  if (given !== undefined && given !== '' && given !== uid) {
    const why = `the UID in the bound object reference (${given}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict(served.kind, name, why);
  }
  if (kind === 'Pod' && (stringAt(found, 'spec', 'serviceAccountName') ?? 'default') !== account) {
    throw badRequest(
      `cannot bind token for serviceaccount "${account}" to pod running with different serviceaccount name.`,
    );
  }
  return { kind, name, uid };
}
