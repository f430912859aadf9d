import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventReader, type ServerSentEvent } from '../../src/llm/events.ts';

function read(text: string, pieces: readonly number[]): ServerSentEvent[] {
  const bytes = Buffer.from(text);
  const reader = new EventReader();
  const events: ServerSentEvent[] = [];
  let from = 0;
  for (const at of [...pieces.map((piece) => piece % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]) {
    events.push(...reader.push(bytes.subarray(from, at)));
    from = at;
  }
  return [...events, ...reader.end()];
}

describe('EventReader', () => {
  it.each([
    ['line feeds', '\n'],
    ['carriage returns and line feeds', '\r\n'],
  ])('reads events that end with %s, split anywhere', (_, line) => {
    const text = ['event: a', 'data: {"t":"zwölf €"}', '', ': comment', '', 'data:x', 'data: y', '', 'data: last'].join(
      line,
    );
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), (pieces) => {
        expect(read(text, pieces)).toEqual([
          { name: 'a', data: '{"t":"zwölf €"}' },
          { name: '', data: 'x\ny' },
          { name: '', data: 'last' },
        ]);
      }),
    );
  });

  it('refuses an event without end', () => {
    const reader = new EventReader();
    expect(() => {
      for (let count = 0; count < 20; count += 1) reader.push(Buffer.alloc(1024 * 1024, 'x'));
    }).toThrow('longer than');
  });
});
