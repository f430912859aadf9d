import { expect, test } from 'vitest';
import { createInFlight } from '../../src/apiserver/inflight.ts';
import type { ApiRequest } from '../../src/apiserver/request.ts';

function request(query: string): ApiRequest {
  // Only what the limit looks at.
  return { query: new URLSearchParams(query), resource: undefined } as unknown as ApiRequest;
}

test('requests beyond the limit are refused until one ends; watches do not count', () => {
  const inFlight = createInFlight(2);
  const first = inFlight.enter(request(''));
  inFlight.enter(request(''));
  expect(() => inFlight.enter(request(''))).toThrow('Too many requests, please try again later.');
  inFlight.enter(request('watch=true'));
  first();
  inFlight.enter(request(''));
});
