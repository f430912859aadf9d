/** The first name that somebody has given. */
export function firstOf(...names: readonly (string | undefined)[]): string | undefined {
  return names.find((name) => name !== undefined && name !== '');
}
