/** Kubernetes quantities (`500m`, `1Gi`, `2e3`), compared by value. */
export class Quantity {
  readonly text: string;
  constructor(text: string) {
    if (!isQuantity(text)) throw new Error(`"${text}" is no quantity`);
    this.text = text;
  }

  asNumber(): number {
    const groups = pattern.exec(this.text)?.groups;
    return Number(groups?.['number'] ?? 'NaN') * factorOf(groups?.['suffix'] ?? '');
  }
}

const pattern = /^(?<number>[+-]?(?:\d+\.?\d*|\.\d+))(?<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/;

export function isQuantity(text: string): boolean {
  return pattern.test(text);
}

/** Negative, 0 or positive as `a` is less than, equal to or more than `b`. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return Math.sign(a.asNumber() - b.asNumber());
}

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

function factorOf(suffix: string): number {
  if (suffix === '') return 1;
  if (suffix.endsWith('i')) return 1024 ** ('KMGTPE'.indexOf(suffix.charAt(0)) + 1);
  return decimal[suffix] ?? Number(`1${suffix}`);
}
