/** Where `kubectl logs` reads from; the embedded node implements it. */
export interface PodLogSource {
  /**
   * The log of one container as it is written. Throws an error with `code` (HTTP status), `reason` and `message` (a KubeError)
   * when there is none; ends when the log does, or with `follow` when the container ends or `signal` aborts.
   */
  read(request: PodLogRequest): Promise<AsyncIterable<Uint8Array>> | AsyncIterable<Uint8Array>;
}

export interface PodLogRequest {
  namespace: string;
  pod: string;
  /** Always set when the pod has several containers. */
  container: string;
  follow: boolean;
  /** The container's run before the last restart. */
  previous: boolean;
  /** Lines from the end. */
  tailLines?: number;
  sinceSeconds?: number;
  /** RFC 3339 */
  sinceTime?: string;
  /** Each line begins with its RFC 3339 time. */
  timestamps: boolean;
  limitBytes?: number;
  signal: AbortSignal;
}
