const shape = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/;
const unitMs = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

/**
 * Milliseconds of a Gateway API duration such as `1h30m` or `500ms` (gatewayapi.md 6); undefined when the text is not one.
 * `0s` is zero, which fields read as "no limit".
 */
export function parseDuration(text: string): number | undefined {
  if (!shape.test(text)) return undefined;
  let total = 0;
  // `ms` stands before `m` and `s`, or 5ms would read as 5m followed by an s.
  for (const part of text.matchAll(/([0-9]+)(ms|h|m|s)/g)) {
    const unit = part[2];
    if (unit === 'h' || unit === 'm' || unit === 's' || unit === 'ms') total += Number(part[1]) * unitMs[unit];
  }
  return total;
}
