/**
 * KubeAIRunway changed its name: the kinds are the same in both API groups, and so is what is made from them, but for the
 * names derived from the group (airunway.md 0.2).
 */
export interface AirunwayDialect {
  /** API group of the kinds, and prefix of labels, annotations and finalizers. */
  readonly group: string;
  /** Value of the label app.kubernetes.io/managed-by, and first part of the names of the system's own objects. */
  readonly name: string;
}

/** The name of the user's guide. */
export const kubeairunway: AirunwayDialect = { group: 'kubeairunway.ai', name: 'kubeairunway' };

/** The later name. */
export const airunway: AirunwayDialect = { group: 'airunway.ai', name: 'airunway' };

export const airunwayDialects = [kubeairunway, airunway] as const;

/** A label, annotation or finalizer of the dialect: `kubeairunway.ai/model-deployment`. */
export const keyIn = ({ group }: AirunwayDialect, name: string): string => `${group}/${name}`;
