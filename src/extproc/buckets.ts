/** Histogram bounds of epp.md 7.1, where they have letters. Seconds unless said otherwise. */

/** A */
export const latency = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60, 120, 180, 240,
  300, 360, 480, 600, 900, 1200, 1800, 2700, 3600,
];
/** B */
export const perToken = [
  0.0005, 0.00205, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.125, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.5, 2, 3,
  4.5, 6, 12, 18, 24, 30, 36, 48, 60, 90, 120, 180, 270, 360,
];
/** D, bytes */
export const requestBytes = doubling(64, 1_073_741_824);
/** E, bytes. 32778 is upstream's, and dashboards know it. */
export const responseBytes = [1, ...doubling(8, 16_384), 32_778, 65_536];
/** F, tokens */
export const inputTokens = [...responseBytes, ...doubling(131_072, 1_048_576)];
/** G, tokens */
export const outputTokens = [1, ...doubling(8, 8192)];
/** H */
export const normalized = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
/** I */
export const overhead = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
/** J */
export const queue = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
export const ratio = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
/** Bytes */
export const hitBytes = [0, ...doubling(16, 65_536)];

function doubling(from: number, to: number): number[] {
  const bounds: number[] = [];
  for (let bound = from; bound <= to; bound *= 2) bounds.push(bound);
  return bounds;
}
