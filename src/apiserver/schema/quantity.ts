import { parseQuantity } from '../../kinds/quantity.ts';

/** Kubernetes quantities (`500m`, `1Gi`, `2e3`) as CEL sees them, compared by value. */
export class Quantity {
  readonly text: string;
  readonly #value: number;
  constructor(text: string) {
    const value = parseQuantity(text);
    if (value === undefined) throw new Error(`"${text}" is no quantity`);
    this.text = text;
    this.#value = value;
  }

  asNumber(): number {
    return this.#value;
  }
}

export function isQuantity(text: string): boolean {
  return parseQuantity(text) !== undefined;
}

/** Negative, 0 or positive as `a` is less than, equal to or more than `b`. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return Math.sign(a.asNumber() - b.asNumber());
}
