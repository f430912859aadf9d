import type { FormField } from '../../../llm/form.ts';
import { mutateFields, replaceModel } from '../../../llm/splice.ts';
import type { BodyMutation, HeaderMutation } from '../../../routes/table.ts';
import { modifyHeaders } from '../../headers.ts';
import { BufferedBody } from '../../requestbody.ts';
import type { UpstreamStep } from './attempt.ts';

/** Names that a mutation may not touch (aigateway.md 3.3 step 4). */
function isProtected(name: string): boolean {
  return name.startsWith(':') || name.startsWith('x-ai-eg-') || name === 'x-envoy-original-path';
}

export const mutateHeaders = (mutation: HeaderMutation): UpstreamStep => {
  const modifier = {
    remove: mutation.remove.filter((name) => !isProtected(name)),
    set: mutation.set.filter(({ name }) => !isProtected(name)),
  };
  return (send) => (attempt) => {
    modifyHeaders(attempt.request.headers, modifier);
    send(attempt);
  };
};

/** Asks the backend for its own name of the model, where the body is still the client's. */
export const overrideModel =
  (model: string): UpstreamStep =>
  (send) =>
  (attempt) => {
    const { body } = attempt.client;
    const { request } = attempt;
    if (body instanceof BufferedBody && Buffer.isBuffer(request.body)) {
      const field = body.form?.fields.get('model');
      if (body.scan !== undefined) request.body = replaceModel(request.body, body.scan, model);
      else if (field !== undefined) request.body = spliced(request.body, field, model);
    }
    send(attempt);
  };

function spliced(bytes: Buffer, { start, end }: FormField, value: string): Buffer {
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(value), bytes.subarray(end)]);
}

/** Forms are never touched (aigateway.md 4.2). */
export const mutateBody =
  (mutation: BodyMutation): UpstreamStep =>
  (send) =>
  (attempt) => {
    const { client, place, request } = attempt;
    const form = client.body instanceof BufferedBody ? client.body.form : undefined;
    if (Buffer.isBuffer(request.body) && form === undefined) {
      const mutated = mutateFields(request.body, mutation);
      if (mutated !== undefined) request.body = mutated;
      else {
        const backend = place.backend.id;
        client.context.log.warn({ backend }, 'body mutation ignored: the body is not a JSON object');
      }
    }
    send(attempt);
  };
