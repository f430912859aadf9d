import { refusal } from '../../llm/server/requests.ts';
import { tokenize } from '../text.ts';

/** A string, a list of strings, token ids or lists of token ids: the tokens of each input. */
export function parseInput(input: unknown, field: string): string[][] {
  if (typeof input === 'string') return [tokenize(input)];
  if (!Array.isArray(input)) throw refusal(field, 'a string, a list of strings or token ids expected');
  const items: unknown[] = input;
  if (items.length > 0 && items.every((item) => typeof item === 'number')) return [items.map((id) => `${String(id)} `)];
  return items.map((item) => {
    if (typeof item === 'string') return tokenize(item);
    if (Array.isArray(item) && item.every((id) => typeof id === 'number')) return item.map((id) => `${String(id)} `);
    throw refusal(field, 'a string, a list of strings or token ids expected');
  });
}
