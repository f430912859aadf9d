import { randomUUID } from 'node:crypto';
import type {
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from 'kubernetes-types/admissionregistration/v1.js';
import { userInfoOf } from '../auth/user.ts';
import { equalJson, listAt, objectAt, stringAt, valueAt, type JsonObject } from '../json.ts';
import { patchOf } from '../patch/patch.ts';
import type { Resources, Served } from '../resources.ts';
import { ApiError, badRequest } from '../status.ts';
import type { StoredObject } from '../store/object.ts';
import type { Store } from '../store/store.ts';
import { decodeBody } from '../writes.ts';
import { conditionsHold } from './matchconditions.ts';
import type { Admission, AdmissionPlugin, Target } from './plugin.ts';
import type { WebhookClient } from './webhookclient.ts';
import { isSelected, matchedVersion, type Webhook } from './webhookrules.ts';

interface Dependencies {
  store: Store;
  resources: Resources;
  client: WebhookClient;
}

const group = 'admissionregistration.k8s.io';

/** Users' webhooks: MutatingWebhookConfigurations one after the other, then ValidatingWebhookConfigurations all at once. */
export function webhookAdmission(dependencies: Dependencies): AdmissionPlugin[] {
  const { store } = dependencies;
  // Stored objects of these kinds have been validated against the schemas that the types stand for.
  const mutating = () =>
    webhooksOf(store.list(`${group}/mutatingwebhookconfigurations`) as unknown as MutatingWebhookConfiguration[]);
  const validating = () =>
    webhooksOf(store.list(`${group}/validatingwebhookconfigurations`) as unknown as ValidatingWebhookConfiguration[]);
  const handles = (webhooks: () => Webhook[]) => (target: Target) =>
    // Nobody may lock himself out of the configurations.
    target.served.kind.group !== group &&
    webhooks().some((webhook) => matchedVersion(webhook, target, dependencies.resources) !== undefined);

  return [
    {
      handles: handles(mutating),
      async mutate(admission, decoded) {
        let object = decoded;
        const seen = new Map<Webhook, StoredObject>();
        const pass = async (webhooks: readonly Webhook[]) => {
          for (const webhook of webhooks) {
            object = await mutateBy(dependencies, webhook, { ...admission, object }, object);
            seen.set(webhook, object);
          }
        };
        const webhooks = mutating();
        await pass(webhooks);
        // Webhooks that ask for it look once more at what those behind them have changed.
        await pass(
          webhooks.filter(
            (webhook) =>
              'reinvocationPolicy' in webhook &&
              webhook.reinvocationPolicy === 'IfNeeded' &&
              !equalJson(seen.get(webhook), object),
          ),
        );
        return object;
      },
      async validate(admission) {
        // A deletion has nothing to change: mutating webhooks can only refuse it.
        if (admission.operation !== 'DELETE') return;
        for (const webhook of mutating()) await ask(dependencies, webhook, admission);
      },
    },
    {
      handles: handles(validating),
      async validate(admission) {
        const answers = await Promise.allSettled(
          validating().map(async (webhook) => ask(dependencies, webhook, admission)),
        );
        const refused = answers.find((answer) => answer.status === 'rejected');
        if (refused !== undefined) throw refused.reason;
      },
    },
  ];
}

function webhooksOf(configurations: readonly { webhooks?: Webhook[] }[]): Webhook[] {
  return configurations.flatMap(({ webhooks = [] }) => webhooks);
}

async function mutateBy(
  dependencies: Dependencies,
  webhook: Webhook,
  admission: Admission,
  object: StoredObject,
): Promise<StoredObject> {
  const answer = await ask(dependencies, webhook, admission);
  const patch = stringAt(answer?.response, 'patch');
  if (answer === undefined || patch === undefined) return object;
  const { asked, response } = answer;
  if (stringAt(response, 'patchType') !== 'JSONPatch') {
    throw failed(webhook, 'webhook returned a patch whose patchType is not JSONPatch');
  }
  try {
    const operations: unknown = JSON.parse(Buffer.from(patch, 'base64').toString());
    const shown = converted(object, admission.served, asked);
    const patched = patchOf(asked, 'application/json-patch+json', operations)(shown);
    const { object: decoded } = decodeBody(asked, patched, 'Ignore');
    return converted(decoded, asked, admission.served);
  } catch (error) {
    throw failed(webhook, `its patch cannot be applied: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function converted(object: StoredObject, from: Served, to: Served): StoredObject {
  return from === to ? object : to.fromStorage(from.toStorage(object));
}

/** Asks one webhook. Undefined when it does not concern it, or fails and is to be ignored then; throws when it refuses. */
async function ask(
  { store, resources, client }: Dependencies,
  webhook: Webhook,
  admission: Admission,
): Promise<{ response: JsonObject; asked: Served } | undefined> {
  const asked = matchedVersion(webhook, admission, resources);
  if (asked === undefined) return undefined;
  const namespace = admission.namespace === undefined ? undefined : store.get('/namespaces', admission.namespace);
  if (!isSelected(webhook, admission, namespace)) return undefined;
  const request = reviewRequest(admission, asked);
  const holds = conditionsHold(webhook.matchConditions ?? [], {
    request,
    object: request['object'],
    oldObject: request['oldObject'],
  });
  if (holds === false) return undefined;
  const ignore = webhook.failurePolicy === 'Ignore';
  if (holds !== true) {
    if (ignore) return undefined;
    throw refusal(webhook, { message: holds.error, code: 403 });
  }
  let response: JsonObject;
  try {
    response = await client.review(webhook.clientConfig, request, (webhook.timeoutSeconds ?? 10) * 1000);
  } catch (error) {
    if (ignore) return undefined;
    throw failed(webhook, error instanceof Error ? error.message : String(error));
  }
  for (const warning of listAt(response, 'warnings')) if (typeof warning === 'string') admission.warn(warning);
  if (response['allowed'] === true) return { response, asked };
  const status = objectAt(response, 'status');
  throw refusal(webhook, {
    message: stringAt(status, 'message') || stringAt(status, 'reason') || undefined,
    code: Number(valueAt(status, 'code') ?? 403),
    reason: stringAt(status, 'reason'),
  });
}

/** AdmissionRequest of admission.k8s.io/v1 */
function reviewRequest(admission: Admission, asked: Served): JsonObject {
  const { operation, served, name, namespace, subresource, object, oldObject, user, dryRun } = admission;
  const kindAt = ({ kind, version }: Served) => ({ group: kind.group, version: version.name, kind: kind.kind });
  const resourceAt = ({ kind, version }: Served) => ({
    group: kind.group,
    version: version.name,
    resource: kind.plural,
  });
  const options = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions' }[operation];
  const shown = (one: StoredObject | undefined) => (one === undefined ? null : converted(one, served, asked));
  return {
    uid: randomUUID(),
    kind: kindAt(asked),
    resource: resourceAt(asked),
    ...(subresource !== undefined && { subResource: subresource, requestSubResource: subresource }),
    requestKind: kindAt(served),
    requestResource: resourceAt(served),
    ...(name !== '' && { name }),
    ...(namespace !== undefined && { namespace }),
    operation,
    userInfo: userInfoOf(user),
    object: shown(object),
    oldObject: shown(oldObject),
    dryRun,
    options: { kind: options, apiVersion: 'meta.k8s.io/v1', ...(dryRun && { dryRun: ['All'] }) },
  };
}

function failed({ name }: Webhook, why: string): ApiError {
  return new ApiError(
    500,
    'InternalError',
    `Internal error occurred: failed calling webhook ${JSON.stringify(name)}: ${why}`,
  );
}

function refusal(
  { name }: Webhook,
  { message, code, reason }: { message: string | undefined; code: number; reason?: string | undefined },
): ApiError {
  const denied = `admission webhook ${JSON.stringify(name)} denied the request`;
  const text = message === undefined ? `${denied} without explanation` : `${denied}: ${message}`;
  const isRefusal = Number.isInteger(code) && code >= 400 && code < 600;
  return isRefusal ? new ApiError(code, reason ?? 'Forbidden', text) : badRequest(text);
}
