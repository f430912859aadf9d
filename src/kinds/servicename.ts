/** A Service's name: a DNS-1035 label. */
const shape = /^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

export const serviceNameRule =
  "at most 63 lower-case letters, digits and '-', a letter first and no '-' last (a DNS-1035 label)";

export function isServiceName(text: string): boolean {
  return shape.test(text);
}
