/** What a client may do to a listener. */
export interface ServerLimits {
  /** Bytes of the request line and all headers; beyond it 431. */
  readonly maxHeaderBytes: number;
  /** Number of headers; beyond it 431. */
  readonly maxHeaders: number;
  readonly maxConnections: number;
  /** How long a client may take to send the head, and the whole request. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** How long an idle connection is kept. */
  readonly keepAliveTimeoutMs: number;
  /** How long bytes of a refused body are read and thrown away, so that the client gets to see the refusal. */
  readonly lingerMs: number;
  /** How long a client may take none of the bytes of an answer that is complete on our side. */
  readonly stalledReaderMs: number;
}

export const defaultServerLimits: ServerLimits = {
  maxHeaderBytes: 64 * 1024,
  maxHeaders: 200,
  maxConnections: 10_000,
  headersTimeoutMs: 30_000,
  requestTimeoutMs: 300_000,
  keepAliveTimeoutMs: 75_000,
  lingerMs: 2_000,
  stalledReaderMs: 60_000,
};
