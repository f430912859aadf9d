import { describe } from 'vitest';
import { createUndiciTransport } from '../../src/gateway/undicitransport.ts';
import { transportContract } from './contract/transport.ts';

describe('the Transport over undici', () => {
  transportContract(createUndiciTransport);
});
