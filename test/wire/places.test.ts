import { describe, expect, it } from 'vitest';
import { parsePlace, placeOf } from '../../src/wire/places.ts';

describe('--resolve', () => {
  it.each([
    ['api.openai.com:443:127.0.0.1', 'api.openai.com:443', { address: '127.0.0.1', port: 443 }],
    ['API.OpenAI.com:443:127.0.0.1:9443', 'api.openai.com:443', { address: '127.0.0.1', port: 9443 }],
    ['a.test:80:[::1]', 'a.test:80', { address: '::1', port: 80 }],
    ['a.test:80:[::1]:81', 'a.test:80', { address: '::1', port: 81 }],
  ])('%s', (text, key, place) => {
    expect(parsePlace(text)).toEqual([key, place]);
    expect(placeOf(new Map([parsePlace(text)]), 'API.openai.com', 443).address).toBe(
      key.startsWith('api') ? '127.0.0.1' : 'API.openai.com',
    );
  });

  it.each([
    'a.test',
    'a.test:443',
    'a.test:443:localhost',
    'a.test:0:127.0.0.1',
    'a.test:443:127.0.0.1:70000',
    ':1:::1',
  ])('refuses %s', (text) => {
    expect(() => parsePlace(text)).toThrow(`${text}: use HOST:PORT:ADDRESS`);
  });
});
