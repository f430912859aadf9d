import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sign } from '../../src/credentials/sigv4.ts';

const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const sessionToken =
  'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==';
const signing = { keys, region: 'us-east-1', service: 'service', atMs: Date.parse('2015-08-30T12:36:00Z') };
const plain = { method: 'GET', host: 'example.amazonaws.com', path: '/', body: undefined };

describe('signatures of AWS', () => {
  // The published test suite of Signature Version 4: those of its cases in which only Host and X-Amz-* are signed.
  it.each([
    ['get-vanilla', plain, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['post-vanilla', { ...plain, method: 'POST' }, '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'get-vanilla-empty-query-key',
      { ...plain, path: '/?Param1=value1' },
      'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb',
    ],
    [
      'get-vanilla-query-order-key-case',
      { ...plain, path: '/?Param2=value2&Param1=value1' },
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'get-vanilla-utf8-query',
      { ...plain, path: '/?%E1%88%B4=bar' },
      '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04',
    ],
  ])('%s', async (_, request, signature) => {
    expect(await sign(request, signing)).toEqual({
      authorization: `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=${signature}`,
      'x-amz-date': '20150830T123600Z',
    });
  });

  it('post-sts-header-before', async () => {
    const headers = await sign({ ...plain, method: 'POST' }, { ...signing, keys: { ...keys, sessionToken } });
    expect(headers['x-amz-security-token']).toBe(sessionToken);
    expect(headers['authorization']).toContain(
      'Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead',
    );
  });

  it('is what AWS makes of the request as it is sent: an escaped path is escaped again', async () => {
    const part = fc.stringMatching(/^[A-Za-z0-9._~:@ -]{0,12}$/).map(encodeURIComponent);
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 4 }), fc.uint8Array({ maxLength: 64 }), async (parts, body) => {
        const path = `/model/${parts.filter((one) => one !== '.' && one !== '..' && one !== '').join('/')}`;
        const { authorization } = await sign({ method: 'POST', host: 'h', path, body }, signing);
        expect(authorization).toContain(`Signature=${expected(path, body)}`);
      }),
    );
  });
});

/** The specification, spelt out. */
function expected(path: string, body: Uint8Array): string {
  const hash = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
  const mac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
  const escaped = path.split('/').map(encodeURIComponent).join('/');
  const canonical = [
    'POST',
    escaped,
    '',
    'host:h',
    'x-amz-date:20150830T123600Z',
    '',
    'host;x-amz-date',
    hash(body),
  ].join('\n');
  const scope = '20150830/us-east-1/service/aws4_request';
  const toSign = ['AWS4-HMAC-SHA256', '20150830T123600Z', scope, hash(canonical)].join('\n');
  const key = ['20150830', 'us-east-1', 'service', 'aws4_request'].reduce<string | Buffer>(
    mac,
    `AWS4${keys.secretAccessKey}`,
  );
  return mac(key, toSign).toString('hex');
}
