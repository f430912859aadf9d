import type { InferenceRequest } from './request.ts';

/** A latency objective in milliseconds from a header (epp.md 2.5); 0: none. */
export function numericHeader(request: InferenceRequest, name: string): number {
  const value = Number(request.header(name) ?? 0);
  return Number.isFinite(value) && value > 0 ? value : 0;
}
