import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { answer, answerTable, type AnswerId } from '../../src/gateway/answers.ts';
import { errorsPage } from '../../tools/errorspage.ts';

const ids = Object.keys(answerTable).filter((id): id is AnswerId => id in answerTable);

describe('the answers of the gateway', () => {
  it('are what docs/errors.md lists (npm run docs:errors)', () => {
    expect(readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')).toBe(errorsPage());
  });

  it.each(ids)('%s has all its values, and only headers that can be sent', (id) => {
    const names = Array.from(answerTable[id].text.matchAll(/\{(\w+)\}/g), ([, name]) => name ?? '');
    const values = Object.fromEntries(names.map((name) => [name, `<${name}>`]));
    const { text, status, headers } = answer(id, values);
    expect(text).not.toMatch(/\{\w+\}/);
    for (const name of names) expect(text).toContain(`<${name}>`);
    expect(status).toBeGreaterThanOrEqual(300);
    expect(headers.length % 2).toBe(0);
  });
});
