/** An EndpointPickerConfig with all defaults filled in (epp.md 4.7): plain data, so that a decision can be replayed from it. */

export interface PluginSpec {
  readonly name: string;
  readonly type: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** Endpoints from a file. */
export interface DiscoveryFile {
  readonly path: string;
  /** Whether its changes count. */
  readonly follow: boolean;
}

export interface ProfileSpec {
  readonly name: string;
  /** Names of plugins, in order; weights count for scorers only. */
  readonly plugins: readonly { readonly pluginRef: string; readonly weight: number }[];
}

export interface BandSpec {
  readonly priority: number;
  readonly maxBytes: number;
  readonly maxRequests: number;
  readonly fairnessPolicyRef: string;
  readonly orderingPolicyRef: string;
}

export interface FlowControlSpec {
  readonly maxBytes: number;
  readonly maxRequests: number;
  /** 0: requests wait for as long as their client does. */
  readonly defaultRequestTtlMs: number;
  readonly defaultPriorityBand: Omit<BandSpec, 'priority'>;
  readonly priorityBands: readonly BandSpec[];
  readonly usageLimitPolicyPluginRef: string;
}

export interface DataSourceSpec {
  readonly pluginRef: string;
  readonly extractors: readonly string[];
}

export interface PickerConfig {
  readonly featureGates: readonly string[];
  readonly plugins: readonly PluginSpec[];
  readonly profiles: readonly ProfileSpec[];
  readonly saturationDetector: string;
  /** undefined: legacy admission (epp.md 6.3). */
  readonly flowControl: FlowControlSpec | undefined;
  readonly dataSources: readonly DataSourceSpec[];
  /** Where endpoints come from when it is not the Kubernetes API. */
  readonly discovery: DiscoveryFile | undefined;
  readonly parser: string;
}
