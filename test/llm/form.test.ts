import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundaryOf, FormScan } from '../../src/llm/form.ts';

const part = (headers: string, value: string): string =>
  `--B\r\nContent-Disposition: form-data; ${headers}\r\n\r\n${value}\r\n`;
const file = part('name="file"; filename="a.wav"', 'RIFF\r\n--not the boundary\r\n\0\x01--B');
const model = part('name="model"', 'whisper-1');
const last = '--B--\r\n';

function scanned(body: string, pieces: readonly number[] = []): FormScan {
  const bytes = Buffer.from(body, 'latin1');
  const scan = new FormScan('B');
  let from = 0;
  for (const at of [...pieces.map((piece) => piece % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]) {
    scan.push(bytes.subarray(from, at));
    from = at;
  }
  scan.finish();
  return scan;
}

describe('FormScan', () => {
  it.each([
    ['the file first', file + model + last],
    ['the model first', model + file + last],
    ['text before it', `preamble\r\n${file}${model}${last}`],
    ['text after it', `${file}${model}${last}epilogue --B\r\n`],
    [
      'other headers',
      `--B\r\nContent-Type: text/plain\r\ncontent-disposition: form-data; name=model\r\n\r\nwhisper-1\r\n${file}${last}`,
    ],
    ['an empty field', part('name="language"', '') + model + file + last],
  ])('finds the model, and where it is, in a form with %s, however it comes', (_, body) => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 12 }), (pieces) => {
        const scan = scanned(body, pieces);
        const field = scan.fields.get('model');
        expect(scan.error).toBeUndefined();
        expect(field?.value).toBe('whisper-1');
        expect(body.slice(field?.start, field?.end)).toBe('whisper-1');
        expect(scan.files).toEqual(new Set(['file']));
      }),
    );
  });

  it('of repeated fields the last counts', () => {
    expect(scanned(part('name="model"', 'a') + part('name="model"', 'b') + last).fields.get('model')?.value).toBe('b');
  });

  it.each([
    ['', 'the form ends before its last boundary'],
    [model, 'the form ends before its last boundary'],
    [`--B\r\nX: y\r\n\r\nv\r\n${last}`, 'a part has no name'],
    [`--B\r\nX: ${'y'.repeat(20_000)}`, 'the headers of a part are too large'],
    [part('name="model"', 'x'.repeat(300_000)) + last, 'the field model is longer than 262144 bytes'],
  ])('says what is wrong with %.20j', (body, error) => {
    expect(scanned(body, [5_000, 290_000]).error).toBe(error);
  });
});

describe('boundaryOf', () => {
  it.each([
    ['multipart/form-data; boundary=X', 'X'],
    ['Multipart/Form-Data; charset=utf-8; Boundary="a b"', 'a b'],
    ['multipart/form-data', undefined],
    ['application/json; boundary=X', undefined],
    [undefined, undefined],
  ])('%s', (contentType, boundary) => {
    expect(boundaryOf(contentType)).toBe(boundary);
  });
});
