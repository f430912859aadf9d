/** Durations: the Gateway API's, which are whole units and bounded, and Go's, which Kubernetes fields and flags of Go programs carry. */

const gatewayShape = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/;
const goShape = /^([+-]?)((?:\d+\.?\d*(?:h|ms|m|s|us|µs|ns))+)$/;
const unitMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/**
 * Milliseconds of a Gateway API duration such as `1h30m` or `500ms` (gatewayapi.md 6); undefined when the text is not one.
 * `0s` is zero, which fields read as "no limit".
 */
export function parseDuration(text: string): number | undefined {
  return gatewayShape.test(text) ? milliseconds(text) : undefined;
}

/** Milliseconds of a Go duration string (time.ParseDuration), such as `1.5h` or `-10ms`; undefined when it is not one. */
export function parseGoDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = goShape.exec(text);
  if (match === null) return undefined;
  const total = milliseconds(match[2] ?? '');
  return match[1] === '-' ? -total : total;
}

/** `ms` stands before `m` and `s`, or 5ms would read as 5m followed by an s. */
function milliseconds(text: string): number {
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)(ms|us|µs|ns|h|m|s)/g)) {
    total += Number(amount) * (unitMs[unit ?? ''] ?? 0);
  }
  return total;
}

/**
 * A duration in Go's syntax (`1.5h`, `90m`, `1500ms`) as the Gateway API takes it: whole hours, minutes, seconds and
 * milliseconds (GEP-2257; aim.md 5.6, trap 13). undefined for what is no duration, or longer than that syntax can say.
 */
export function gatewayDuration(text: string): string | undefined {
  const total = parseGoDuration(text);
  if (total === undefined || /^[+-]/.test(text)) return undefined;
  // What is set at all is at least a millisecond: zero means no limit.
  const whole = total > 0 ? Math.max(1, Math.round(total)) : 0;
  const hours = Math.floor(whole / 3_600_000);
  if (hours > 99_999) return undefined;
  const minutes = Math.floor(whole / 60_000) % 60;
  const seconds = Math.floor(whole / 1_000) % 60;
  const ms = whole % 1_000;
  const parts = [
    hours > 0 ? `${hours}h` : '',
    whole >= 60_000 ? `${minutes}m` : '',
    whole >= 1_000 || ms === 0 ? `${seconds}s` : '',
    ms > 0 ? `${ms}ms` : '',
  ];
  return parts.join('');
}
