import { isRefused, type Authorization } from '../../../credentials/authorize.ts';
import type { Credential } from '../../../credentials/credential.ts';
import { answer } from '../../answers.ts';
import { modifyHeaders } from '../../headers.ts';
import { describeBackend } from '../../walk/describe.ts';
import type { Attempt, UpstreamStep } from './attempt.ts';

/**
 * Takes out the headers in which clients may bring credentials of their own (aigateway.md 5.7): those of all backends of the rule, so
 * that what was meant for one is not sent to another.
 */
export const dropOverrides =
  (remove: readonly string[]): UpstreamStep =>
  (send) =>
  (attempt) => {
    modifyHeaders(attempt.request.headers, { remove, set: [] });
    send(attempt);
  };

/** Authorizes the request as it is now: the last step that changes it (aigateway.md 3.3 step 8). */
export const authorize =
  (credential: Credential): UpstreamStep =>
  (send) =>
  (attempt) => {
    const { client, place, request } = attempt;
    const { target } = place;
    const { body } = request;
    const authorization = client.context.credentials.authorizer(credential).authorize({
      method: request.method,
      target: target.key,
      host: target.type === 'endpoints' ? target.host : undefined,
      path: attempt.path + attempt.search,
      body: body === undefined || Buffer.isBuffer(body) ? body : 'streamed',
      clientHeader: (name) => client.exchange.header(name),
    });
    if (!(authorization instanceof Promise)) {
      if (applied(attempt, authorization)) send(attempt);
      return;
    }
    // What goes wrong with a credential is in the authorization: this rejects when something is wrong with us.
    authorization
      .then((found) => {
        // Nobody waits for it any more.
        if (!attempt.over && applied(attempt, found)) send(attempt);
      })
      .catch((error: unknown) => {
        client.context.log.error({ err: error, backend: place.backend.id }, 'credential not applied');
        attempt.events.onAnswer(answer('credential_unusable', { backend: describeBackend(place.backend) }));
      });
  };

/** False: the request may not be sent, and that has been told. */
function applied(attempt: Attempt, authorization: Authorization): boolean {
  const { request, place, client, events } = attempt;
  if (isRefused(authorization)) {
    const { refused, message } = authorization;
    client.context.log.warn({ backend: place.backend.id, problem: message }, 'no credential');
    if (refused === 401) events.onAnswer(answer('credential_missing'));
    else if (refused === 500)
      events.onAnswer(answer('credential_unusable', { backend: describeBackend(place.backend) }));
    // Another backend may have it.
    else events.onFailure({ message, sent: false });
    return false;
  }
  const { remove, set, path, host } = authorization;
  modifyHeaders(request.headers, { remove, set });
  if (host !== undefined) request.host = host;
  if (path !== undefined) {
    attempt.path = path;
    attempt.search = '';
  }
  return true;
}
