/**
 * The hosts for which a route is reached through a listener (gatewayapi.md 5): [] means every host; undefined, that they
 * have none in common.
 */
export function intersectHostnames(
  listener: string | undefined,
  route: readonly string[] | undefined,
): readonly string[] | undefined {
  const own = (route ?? []).map((host) => host.toLowerCase());
  const outer = listener === undefined || listener === '' ? undefined : listener.toLowerCase();
  if (outer === undefined) return own;
  if (own.length === 0) return [outer];
  const common = own.flatMap((host) => {
    if (covers(outer, host)) return [host];
    return covers(host, outer) ? [outer] : [];
  });
  return common.length === 0 ? undefined : [...new Set(common)];
}

/** `*.b` covers x.b, x.y.b, `*.b` and `*.c.b`, not b itself. */
function covers(wide: string, narrow: string): boolean {
  if (wide === narrow) return true;
  return wide.startsWith('*') && narrow.endsWith(wide.slice(1)) && narrow.length > wide.length - 1;
}
