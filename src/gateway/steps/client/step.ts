import type { Answer } from '../../answers.ts';
import type { GatewayRequest } from '../../request.ts';

/** What a step waits for is not there yet: it is called again when it is. */
export const waits = 'waits';

/**
 * What happens to a request before a backend is chosen. It changes the request and lets it go on (undefined), answers it, or
 * waits for its body.
 */
export type ClientStep = (request: GatewayRequest) => Answer | typeof waits | undefined;
