import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLlmBody } from '../../src/llm/body.ts';
import { JsonScan } from '../../src/llm/scan.ts';

function scan(body: Buffer, cuts: readonly number[] = []): JsonScan {
  const scanner = new JsonScan();
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    const to = Math.min(cut, body.length);
    scanner.push(body.subarray(from, to));
    from = to;
  }
  scanner.push(body.subarray(from));
  scanner.finish();
  return scanner;
}

function read(text: string, cuts?: readonly number[]): { model: string; stream: boolean } | { error: string } {
  const body = Buffer.from(text);
  const scanner = scan(body, cuts);
  return scanner.error === undefined ? readLlmBody(body, scanner) : { error: scanner.error };
}

/** JSON.parse's view of the same body. */
function parsed(text: string): { model: unknown; stream: boolean } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const model: unknown = 'model' in value && Object.hasOwn(value, 'model') ? value.model : undefined;
  return { model, stream: 'stream' in value && value.stream === true };
}

function agree(text: string, cuts: readonly number[]): void {
  const expected = parsed(text);
  const actual = read(text, cuts);
  if (expected === undefined) {
    expect(actual, text).toHaveProperty('error');
    return;
  }
  const { model } = expected;
  if (model !== undefined && model !== null && typeof model !== 'string') {
    // An earlier occurrence may be of another type too; the scan refuses both.
    expect(actual, text).toHaveProperty('error');
    return;
  }
  if ('error' in actual) {
    expect(['model must be a string', 'model contains a control character'], text).toContain(actual.error);
    return;
  }
  expect(actual, text).toEqual({ model: model ?? '', stream: expected.stream });
}

describe('reading a body', () => {
  it.each([
    ['{"model":"m"}', { model: 'm', stream: false }],
    [' {"stream":true , "model" : "a/b:c"}\n', { model: 'a/b:c', stream: true }],
    ['{"model":"first","model":"last"}', { model: 'last', stream: false }],
    ['{"stream":true,"stream":false}', { model: '', stream: false }],
    ['{"messages":[{"model":"nested"}],"x":{"model":"nested"}}', { model: '', stream: false }],
    ['{"text":"\\"model\\":\\"fooled\\"","model":"m"}', { model: 'm', stream: false }],
    ['{"mod\\u0065l":"escaped key"}', { model: 'escaped key', stream: false }],
    ['{"\\u006d\\u006f\\u0064\\u0065\\u006c":"x","model":"y"}', { model: 'y', stream: false }],
    ['{"model":"\\u00e9\\ud83d\\ude00\\/"}', { model: 'é😀/', stream: false }],
    ['{"model":null}', { model: '', stream: false }],
    ['{}', { model: '', stream: false }],
  ])('%s', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it.each([
    ['', 'unexpected end of JSON input'],
    ['{', 'unexpected end of JSON input'],
    ['[]', 'the body must be a JSON object'],
    ['"model"', 'the body must be a JSON object'],
    ['{"model":"m"', 'unexpected end of JSON input'],
    ['{"model":"m",}', "unexpected '}' at offset 13"],
    ['{"model":"m"}}', "unexpected '}' at offset 13"],
    ["{'model':1}", "unexpected ''' at offset 1"],
    ['{"model":"a\nb"}', 'unexpected byte 0xa at offset 11'],
    ['{"a":01}', "unexpected '1' at offset 6"],
    ['{"a":nul}', "unexpected '}' at offset 8"],
    ['{"model":7}', 'model must be a string'],
    ['{"model":"a\\nb"}', 'model contains a control character'],
    [`{"model":"${'m'.repeat(1025)}"}`, 'model is longer than 1024 characters'],
    [`{"a":${'['.repeat(512)}`, 'nested deeper than 512 levels at offset 516'],
    [`{${'"a":1,'.repeat(1025)}"b":1}`, 'more than 1024 top-level fields'],
  ])('refuses %.40s', (text, error) => {
    expect(read(text)).toEqual({ error });
  });
});

describe('agreement with JSON.parse', () => {
  const cuts = fc.array(fc.nat(300), { maxLength: 6 });
  const name = fc.oneof(
    fc.constantFrom('model', 'stream', 'mod\\u0065l', '\\u0073tream', 'm', 'messages'),
    fc.string(),
  );
  const inner = fc.oneof(
    fc.json(),
    fc.constantFrom('true', 'false', 'null', '"\\ud83d\\ude00"', '-0.5e+7', '{"model":"x"}'),
  );
  const member = fc
    .tuple(name, inner)
    .map(([key, text]) => `${key.includes('\\u00') ? `"${key}"` : JSON.stringify(key)}:${text}`);
  const object = fc.array(member, { maxLength: 8 }).map((members) => `{${members.join(' , ')}}`);

  it('on objects with repeated, escaped and nested keys, wherever the chunks are cut', () => {
    fc.assert(fc.property(object, cuts, agree), { numRuns: 3000 });
  });

  it('on bodies with one character changed, added or removed', () => {
    const damaged = fc
      .tuple(
        object,
        fc.nat(),
        fc.constantFrom('', ' ', '"', '\\', '{', '}', '[', ']', ',', ':', '0', '-', '.', 'e', 't', '\n', '\u0001', 'é'),
        fc.boolean(),
      )
      .map(([text, position, put, replaces]) => {
        const at = position % (text.length + 1);
        return text.slice(0, at) + put + text.slice(replaces ? at + 1 : at);
      });
    fc.assert(fc.property(damaged, cuts, agree), { numRuns: 5000 });
  });

  it('on garbage made of JSON tokens', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"model"',
      '"a\\u12',
      '1',
      '-',
      '0',
      '.5',
      'e9',
      'true',
      'null',
      ' ',
      '\\',
    );
    const garbage = fc.array(token, { maxLength: 12 }).map((tokens) => `{${tokens.join('')}`);
    fc.assert(fc.property(garbage, cuts, agree), { numRuns: 5000 });
  });

  it('on long strings, wherever in a word they begin, end or break', () => {
    const stop = fc.constantFrom('', '"', '\\', '\\"', '\\u00e9', '\n', '\u001f', ' ', 'é', '\u007f', '😀');
    const long = fc
      .tuple(fc.nat(9), fc.integer({ min: 2000, max: 2600 }), stop, fc.nat(700), stop)
      .map(([pad, before, first, after, second]) => {
        const text = 'x'.repeat(before) + first + '!'.repeat(after) + second;
        return `{${' '.repeat(pad)}"t":"${text}","model":"m","u":"${'y'.repeat(600)}"}`;
      });
    fc.assert(fc.property(long, cuts, agree), { numRuns: 3000 });
  });
});
