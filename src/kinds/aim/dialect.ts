/**
 * The two generations of the AIM API (aim.md 1). Both are served side by side; what they share is written once with the
 * dialect as parameter.
 */
export interface AimDialect {
  /** API group of the kinds, and prefix of their labels, annotations and finalizers. */
  readonly group: 'aim.eai.amd.com' | 'aim.silogen.ai';
  readonly version: 'v1alpha1';
}

/** aim.eai.amd.com: marked [H] in the specification. */
export const currentDialect: AimDialect = { group: 'aim.eai.amd.com', version: 'v1alpha1' };

/** aim.silogen.ai: marked [L] in the specification. */
export const legacyDialect: AimDialect = { group: 'aim.silogen.ai', version: 'v1alpha1' };
