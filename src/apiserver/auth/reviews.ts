import { listAt, objectAt, stringAt, type JsonObject } from '../json.ts';
import { contentTypeOf, parseBody, readBody, respondJson } from '../request.ts';
import { resourceId } from '../resources.ts';
import { badRequest, invalid, invalidValue, required, type FieldError } from '../status.ts';
import type { ResourceRequest, Server } from '../verbs/context.ts';
import { decodeBody } from '../writes.ts';
import type { Attributes } from './attributes.ts';
import { apiAudience } from './serviceaccounttokens.ts';
import { userInfoOf, type User } from './user.ts';

/** Kinds of which an object is a question: the answer is the object with its status, and nothing is stored. */

type Review = (server: Server, request: ResourceRequest, spec: JsonObject) => JsonObject;

const authorization = 'authorization.k8s.io';

const reviews: Readonly<Record<string, Review>> = {
  'authentication.k8s.io/tokenreviews': reviewToken,
  'authentication.k8s.io/selfsubjectreviews': (_server, { user }) => ({ userInfo: userInfoOf(user) }),
  [`${authorization}/subjectaccessreviews`]: (server, request, spec) =>
    accessOf(server, subjectOf(request, spec), request, spec),
  [`${authorization}/localsubjectaccessreviews`]: (server, request, spec) => {
    if (stringAt(spec, 'resourceAttributes', 'namespace') !== request.resource.namespace) {
      const namespace = stringAt(spec, 'resourceAttributes', 'namespace') ?? '';
      throw invalid(request.served.kind, '', [
        invalidValue('spec.resourceAttributes.namespace', namespace, 'must match metadata.namespace'),
      ]);
    }
    return accessOf(server, subjectOf(request, spec), request, spec);
  },
  [`${authorization}/selfsubjectaccessreviews`]: (server, request, spec) =>
    accessOf(server, request.user, request, spec),
  [`${authorization}/selfsubjectrulesreviews`]: reviewRules,
};

export async function answerReview(server: Server, request: ResourceRequest): Promise<boolean> {
  const { served } = request;
  const review = reviews[resourceId(served.kind)];
  if (review === undefined) return false;
  const body = parseBody(await readBody(request), contentTypeOf(request));
  const { object } = decodeBody(served, body, 'Ignore');
  const status = review(server, request, objectAt(object, 'spec') ?? {});
  respondJson(request, 201, { ...object, metadata: { creationTimestamp: null }, status });
  return true;
}

function reviewToken(server: Server, _request: ResourceRequest, spec: JsonObject): JsonObject {
  const token = stringAt(spec, 'token') ?? '';
  if (token === '') throw badRequest('token is required for TokenReview in authentication');
  const audiences = listAt(spec, 'audiences').filter((audience) => typeof audience === 'string');
  const verified = server.authenticator.verify(token, audiences.length === 0 ? [apiAudience] : audiences);
  if ('error' in verified) return { user: {}, error: `[${verified.error}]` };
  return { authenticated: true, user: userInfoOf(verified.user), audiences: verified.audiences };
}

function subjectOf({ served }: ResourceRequest, spec: JsonObject): User {
  const name = stringAt(spec, 'user') ?? '';
  const groups = listAt(spec, 'groups').filter((group) => typeof group === 'string');
  if (name === '' && groups.length === 0) {
    throw invalid(served.kind, '', [invalidValue('spec.user', '', 'at least one of user or group must be specified')]);
  }
  return { name, groups };
}

function accessOf(server: Server, user: User, { served }: ResourceRequest, spec: JsonObject): JsonObject {
  const resource = objectAt(spec, 'resourceAttributes');
  const path = objectAt(spec, 'nonResourceAttributes');
  if ((resource === undefined) === (path === undefined)) {
    const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
    throw invalid(served.kind, '', [invalidValue('spec.resourceAttributes', resource ?? null, why)]);
  }
  const attributes: Attributes =
    resource === undefined
      ? { verb: stringAt(path, 'verb') ?? '', path: stringAt(path, 'path') ?? '' }
      : {
          verb: stringAt(resource, 'verb') ?? '',
          group: stringAt(resource, 'group') ?? '',
          resource: stringAt(resource, 'resource') ?? '',
          subresource: stringAt(resource, 'subresource') || undefined,
          namespace: stringAt(resource, 'namespace') || undefined,
          name: stringAt(resource, 'name') ?? '',
        };
  const { allowed, reason } = server.authorizer.authorize(user, attributes);
  return { allowed, ...(reason !== '' && { reason }) };
}

function reviewRules(server: Server, { user, served }: ResourceRequest, spec: JsonObject): JsonObject {
  const namespace = stringAt(spec, 'namespace') ?? '';
  const errors: FieldError[] = namespace === '' ? [required('spec.namespace', 'no namespace on request')] : [];
  if (errors.length > 0) throw invalid(served.kind, '', errors);
  const rules = server.authorizer.rulesFor(user, namespace);
  return {
    resourceRules: rules
      .filter(({ resources = [] }) => resources.length > 0)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames !== undefined && { resourceNames }),
      })),
    nonResourceRules: rules
      .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: false,
  };
}
