const goUnitMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
};

/**
 * A duration in Go's syntax (`1.5h`, `90m`, `1500ms`) as the Gateway API takes it: whole hours, minutes, seconds and
 * milliseconds (GEP-2257; aim.md 5.6, trap 13). undefined for what is no duration, or longer than that syntax can say.
 */
export function gatewayDuration(text: string): string | undefined {
  if (text === '0') return '0s';
  if (!/^(?:[0-9]+(?:\.[0-9]+)?(?:h|ms|m|s|us|µs|ns))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)(ms|us|µs|ns|h|m|s)/g)) {
    total += Number(amount) * (goUnitMs[unit ?? ''] ?? 0);
  }
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
