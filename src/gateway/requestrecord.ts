/** A request that has ended. Holds nothing of its body, its query or its headers, which may be secret. */
export interface RequestRecord {
  /** When its head came; RFC 3339. */
  readonly time: string;
  /** `namespace/name` */
  readonly gateway: string | undefined;
  readonly method: string;
  readonly host: string;
  /** Without the query. */
  readonly path: string;
  readonly model: string | undefined;
  /** Id of the rule; undefined where no route took it. */
  readonly rule: string | undefined;
  readonly backend: string | undefined;
  readonly endpoint: string | undefined;
  /** 499: the client went away. */
  readonly status: number;
  /** 0: no endpoint was tried. */
  readonly attempts: number;
  readonly durationMs: number;
}

export interface RequestObserver {
  /** Somebody wants to know: only then are records made. */
  readonly watched: boolean;
  finished(request: RequestRecord): void;
}

/** How a request ended. */
export interface Outcome {
  /** 499: the client went away. */
  readonly status: number;
  /** Key of the endpoint that was tried last. */
  readonly endpoint: string | undefined;
  /** Places it was sent to. */
  readonly attempts: number;
}
