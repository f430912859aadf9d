import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import type { KubeObject } from '../../src/kinds/object.ts';

/** A fenced block of a guide, as printed, below a heading. */
export interface Block {
  /** The nearest heading above it, without its number signs. */
  heading: string;
  language: string;
  text: string;
}

/** Every fenced block of a seed document, in order. */
export function seedBlocks(file: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  let open: Block | undefined;
  for (const line of seedText(file).split('\n')) {
    const fence = /^```(?<language>\w*)$/.exec(line);
    if (open === undefined) {
      heading = /^#+ (?<title>.*)$/.exec(line)?.groups?.['title'] ?? heading;
      if (fence !== null) open = { heading, language: fence.groups?.['language'] ?? '', text: '' };
    } else if (fence === null) {
      open.text += `${line}\n`;
    } else {
      blocks.push(open);
      open = undefined;
    }
  }
  return blocks;
}

/** The rows of the tables of a seed document below a heading, without the header; the cells of one are in backticks or not. */
export function seedTable(file: string, heading: string): string[][] {
  const section = seedText(file).split(`${heading}\n`)[1]?.split(/^#/m)[0] ?? '';
  return [...section.matchAll(/^\|(.*)\|$/gm)]
    .map(([, row = '']) => row.split('|').map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')))
    .slice(2);
}

function seedText(file: string): string {
  return readFileSync(fileURLToPath(new URL(`../seeds/${file}`, import.meta.url)), 'utf8');
}

export type Document = KubeObject & { spec: Record<string, unknown> };

/** A block that is a whole object. */
export function isDocument({ language, text }: Block): boolean {
  return language === 'yaml' && /^apiVersion:/m.test(text) && /^kind:/m.test(text);
}

/** A block that shows some fields of an object's spec only. */
export function isFragment({ language, text }: Block): boolean {
  return language === 'yaml' && text.startsWith('spec:\n');
}

/**
 * The object that a fragment belongs to: the guide's first service, in which every field of the fragment has the fragment's value
 * (maps are merged, everything else replaced), by a name of its own so that all fragments can run side by side.
 */
export function complete(base: Block, fragment: Block, name: string): string {
  const merged = merge(parse(base.text), parse(fragment.text)) as Document;
  return stringify({ ...merged, metadata: { ...merged.metadata, name } });
}

function merge(base: unknown, over: unknown): unknown {
  if (!isMap(base) || !isMap(over)) return over === undefined ? base : over;
  const names = new Set([...Object.keys(base), ...Object.keys(over)]);
  return Object.fromEntries(
    [...names].map((name) => [name, name in over ? merge(base[name], over[name]) : base[name]]),
  );
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
