import type { Duplex } from 'node:stream';
import type { RouteFilter } from '../../../routes/table.ts';
import { applyFilters } from '../../filters.ts';
import type { HeaderModifier } from '../../headers.ts';
import { modifyHeaders } from '../../headers.ts';
import { PassingEvents, type UpstreamStep } from './attempt.ts';

/** The filters of the backend; one of them may answer. */
export const filterRequests =
  (filters: readonly RouteFilter[]): UpstreamStep =>
  (send) =>
  (attempt) => {
    const { client, request } = attempt;
    const { path, search, backendHost } = attempt;
    const outgoing = { headers: request.headers, host: request.host, path, search, backendHost };
    const answer = applyFilters(filters, outgoing, client.exchange, client.served.port);
    if (answer !== undefined) {
      attempt.events.onAnswer(answer);
      return;
    }
    request.host = outgoing.host;
    attempt.path = outgoing.path;
    attempt.search = outgoing.search;
    attempt.backendHost = outgoing.backendHost;
    send(attempt);
  };

/** The Host header of a backend that is to see its own (HTTPRouteFilter urlRewrite.hostname.type Backend). */
export const useBackendHost: UpstreamStep = (send) => (attempt) => {
  const { target } = attempt.place;
  if (attempt.backendHost && target.type === 'endpoints' && target.host !== undefined) {
    attempt.request.host = target.host;
  }
  send(attempt);
};

/** What rule and backend do to the headers of the answer, in their order. */
export const modifyResponses =
  (modifiers: readonly HeaderModifier[]): UpstreamStep =>
  (send) =>
  (attempt) => {
    attempt.events = new ModifiedHead(attempt.events, modifiers);
    send(attempt);
  };

class ModifiedHead extends PassingEvents {
  readonly #modifiers: readonly HeaderModifier[];

  constructor(next: PassingEvents['next'], modifiers: readonly HeaderModifier[]) {
    super(next);
    this.#modifiers = modifiers;
  }

  override onHead(status: number, headers: string[]): void {
    for (const modifier of this.#modifiers) modifyHeaders(headers, modifier);
    this.next.onHead(status, headers);
  }

  override onUpgrade(headers: string[], connection: Duplex): void {
    for (const modifier of this.#modifiers) modifyHeaders(headers, modifier);
    this.next.onUpgrade(headers, connection);
  }
}
