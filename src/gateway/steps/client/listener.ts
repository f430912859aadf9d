import { selectListener } from '../../../routes/match.ts';
import { answer } from '../../answers.ts';
import type { ClientStep } from './step.ts';

/** Finds the listener by host, and holds a declared length of the body against its Gateway's limit. */
export const findListener: ClientStep = (request) => {
  const { gateway, listeners } = request.served;
  const listener = gateway === undefined ? undefined : selectListener(listeners, request.host);
  if (gateway === undefined || listener === undefined) return answer('no_listener');
  request.listener = listener;
  const limit = gateway.bodyLimitBytes;
  return (request.exchange.contentLength ?? 0) > limit ? answer('body_too_large', { limit }) : undefined;
};
