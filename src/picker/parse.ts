/** Reads the few families a picker needs out of a model server's Prometheus text (epp.md 6.6). */
import type { EndpointMetrics } from './store.ts';

type Field = 'waiting' | 'running' | 'kvUsage';

/** Families by name. Triton's need labels to tell their samples apart and are not read yet. */
const families: ReadonlyMap<string, Field> = new Map<string, Field>([
  ['vllm:num_requests_waiting', 'waiting'],
  ['vllm:num_requests_running', 'running'],
  ['vllm:kv_cache_usage_perc', 'kvUsage'],
  // Its name before vLLM 0.10.
  ['vllm:gpu_cache_usage_perc', 'kvUsage'],
  ['sglang:num_queue_reqs', 'waiting'],
  ['sglang:num_running_reqs', 'running'],
  ['sglang:token_usage', 'kvUsage'],
  ['trtllm_num_requests_waiting', 'waiting'],
  ['trtllm_num_requests_running', 'running'],
  ['trtllm_kv_cache_utilization', 'kvUsage'],
]);

/** Of several samples of a field the one with the newest timestamp counts, without timestamps the first (epp.md 6.5). */
export function parseMetrics(text: string): EndpointMetrics {
  const found: { -readonly [Name in Field]?: number } = {};
  const newest: { [Name in Field]?: number } = {};
  for (let start = 0; start < text.length;) {
    let end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    const sample = text.charCodeAt(start) === 0x23 ? undefined : parseSample(text, start, end);
    start = end + 1;
    if (sample === undefined) continue;
    const { field, value, timestamp } = sample;
    const previous = newest[field];
    if (previous !== undefined && timestamp <= previous) continue;
    newest[field] = timestamp;
    found[field] = value;
  }
  return found;
}

function parseSample(
  text: string,
  start: number,
  end: number,
): { field: Field; value: number; timestamp: number } | undefined {
  let nameEnd = start;
  while (nameEnd < end && !isNameEnd(text.charCodeAt(nameEnd))) nameEnd += 1;
  const field = families.get(text.slice(start, nameEnd));
  if (field === undefined) return undefined;
  // Label values may hold spaces and, quoted, closing braces; the last brace of the line ends the labels.
  const labelsEnd = text.charCodeAt(nameEnd) === 0x7b ? text.lastIndexOf('}', end) + 1 : nameEnd;
  if (labelsEnd < nameEnd) return undefined;
  const [rawValue, rawTimestamp] = text.slice(labelsEnd, end).trim().split(/\s+/);
  const value = Number(rawValue);
  if (rawValue === undefined || rawValue === '' || !Number.isFinite(value) || value < 0) return undefined;
  const timestamp = rawTimestamp === undefined ? 0 : Number(rawTimestamp);
  return { field, value, timestamp: Number.isFinite(timestamp) ? timestamp : 0 };
}

function isNameEnd(code: number): boolean {
  return code === 0x20 || code === 0x7b || code === 0x09;
}
