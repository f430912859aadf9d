/** Reads the few samples that a picker needs out of a Prometheus text page, line by line, without parsing the others (epp.md 6.5). */
import { builtInEngines, compileReader, type EndpointMetrics, type Meaning, type MetricsReader } from './engines.ts';

/** Names of all built-in engines: for endpoints that do not say which one they run. */
export const anyEngine: MetricsReader = compileReader(builtInEngines);

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Of several samples of a field the one with the newest timestamp counts, without timestamps the first. LoRA: the largest value (trap 19). */
export function parseMetrics(text: string, reader: MetricsReader = anyEngine): EndpointMetrics {
  const found: Mutable<EndpointMetrics> = {};
  const newest: { [Name in Meaning['field']]?: number } = {};
  for (let start = 0; start < text.length;) {
    let end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    if (text.charCodeAt(start) !== 0x23) readLine(text, start, end, reader, found, newest);
    start = end + 1;
  }
  return found;
}

function readLine(
  text: string,
  start: number,
  end: number,
  reader: MetricsReader,
  found: Mutable<EndpointMetrics>,
  newest: { [Name in Meaning['field']]?: number },
): void {
  let nameEnd = start;
  while (nameEnd < end && !isNameEnd(text.charCodeAt(nameEnd))) nameEnd += 1;
  const meanings = reader.get(text.slice(start, nameEnd));
  if (meanings === undefined) return;
  // Label values may hold spaces and, quoted, closing braces; the last brace of the line ends the labels.
  const labelsEnd = text.charCodeAt(nameEnd) === 0x7b ? text.lastIndexOf('}', end - 1) + 1 : nameEnd;
  if (labelsEnd < nameEnd) return;
  const [rawValue, rawTimestamp] = text.slice(labelsEnd, end).trim().split(/\s+/);
  const value = Number(rawValue);
  // Beyond what counts things: sums over endpoints must stay finite.
  if (rawValue === undefined || rawValue === '' || !(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) return;
  const stamp = rawTimestamp === undefined ? 0 : Number(rawTimestamp);
  const labels = text.slice(nameEnd, labelsEnd);
  for (const meaning of meanings) {
    if (!meaning.labels.every(([name, wanted]) => labelOf(labels, name) === wanted)) continue;
    // The value of LoRA info is the time it was written at.
    const age = meaning.field === 'lora' ? value : Number.isFinite(stamp) ? stamp : 0;
    const previous = newest[meaning.field];
    if (previous !== undefined && age <= previous) continue;
    newest[meaning.field] = age;
    note(meaning, labels, value, found);
  }
}

function note(meaning: Meaning, labels: string, value: number, found: Mutable<EndpointMetrics>): void {
  if (meaning.field === 'lora') {
    found.lora = {
      max: countOf(labelOf(labels, 'max_lora')) ?? 0,
      active: adaptersOf(labelOf(labels, 'running_lora_adapters')),
      waiting: adaptersOf(labelOf(labels, 'waiting_lora_adapters')),
    };
  } else if (meaning.field === 'cacheInfo') {
    const blockSize = countOf(labelOf(labels, meaning.blockSizeLabel ?? ''));
    const blocks = countOf(labelOf(labels, meaning.blocksLabel ?? ''));
    if (blockSize !== undefined) found.cacheBlockSize = blockSize;
    if (blocks !== undefined) found.cacheBlocks = blocks;
  } else found[meaning.field] = value;
}

/** The value of a label in `{a="x",b="y"}`, escapes undone. */
function labelOf(labels: string, name: string): string | undefined {
  for (let at = labels.indexOf(name); at >= 0; at = labels.indexOf(name, at + 1)) {
    const before = labels.charAt(at - 1);
    const open = at + name.length;
    if ((before !== '{' && before !== ',' && before !== ' ') || labels.slice(open, open + 2) !== '="') continue;
    let end = open + 2;
    while (end < labels.length && labels.charCodeAt(end) !== 0x22) end += labels.charCodeAt(end) === 0x5c ? 2 : 1;
    return labels.slice(open + 2, end).replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }
  return undefined;
}

function adaptersOf(list: string | undefined): readonly string[] {
  return (list ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function countOf(text: string | undefined): number | undefined {
  const value = text === undefined || text.trim() === '' ? NaN : Number(text);
  return Number.isInteger(value) && value >= 0 ? value : undefined;
}

function isNameEnd(code: number): boolean {
  return code === 0x20 || code === 0x7b || code === 0x09;
}
