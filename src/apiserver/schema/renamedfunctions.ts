/** CEL's functions on texts that rewritten expressions call with `__` before the name (celtext.ts), by their number of arguments. */
export const renamedFunctions: Readonly<Record<string, number>> = {
  matches: 1,
  contains: 1,
  startsWith: 1,
  endsWith: 1,
  lowerAscii: 0,
  upperAscii: 0,
  split: 1,
};
