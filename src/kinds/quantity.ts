/** Kubernetes quantities: `500m`, `1Gi`, `2e3`. */

const shape = /^(?<number>[+-]?(?:\d+\.?\d*|\.\d+))(?<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/;

const decimal: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
};

/** The value of a quantity (bytes, where it measures memory); undefined when the text is none. */
export function parseQuantity(text: string | number): number | undefined {
  const groups = shape.exec(String(text))?.groups;
  if (groups === undefined) return undefined;
  return Number(groups['number']) * factorOf(groups['suffix'] ?? '');
}

function factorOf(suffix: string): number {
  if (suffix === '') return 1;
  if (suffix.endsWith('i')) return 1024 ** ('KMGTPE'.indexOf(suffix.charAt(0)) + 1);
  return decimal[suffix] ?? Number(`1${suffix}`);
}

/** Whole bytes as Kubernetes prints them: with the largest binary suffix that leaves a whole number (`512Mi`, `1000`). */
export function binaryQuantity(bytes: number): string {
  let value = bytes;
  let suffix = '';
  for (const larger of ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']) {
    if (value === 0 || value % 1024 !== 0) break;
    value /= 1024;
    suffix = larger;
  }
  return `${String(value)}${suffix}`;
}
