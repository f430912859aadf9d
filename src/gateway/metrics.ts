/** Counters of the data plane. Kept by hand because they are touched on every request; written in the Prometheus text format. */

const bucketsSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** What can stop a request before it reaches a backend or cut it short. */
export const limitNames = [
  'body_bytes',
  'buffered_bytes',
  'endpoint_connections',
  'request_timeout',
  'backend_request_timeout',
  'stream_idle_timeout',
  'picker_answer',
] as const;
export type LimitName = (typeof limitNames)[number];

interface Series {
  readonly route: string;
  readonly backend: string;
  readonly statuses: Map<number, number>;
  /** One per bucket and one for what is slower than all. */
  readonly durations: Float64Array;
  durationSum: number;
}

export interface GatewayMetrics {
  inFlight: number;
  /** Bytes of request bodies held in memory now. */
  bufferedBytes: number;
  failovers: number;
  record(route: string, backend: string, status: number, durationMs: number): void;
  limitHit(limit: LimitName): void;
  /** Forgets series of rules and backends (by id) that no table has any more: the configuration bounds their number. */
  keepOnly(ids: ReadonlySet<string>): void;
  requests(): number;
  render(): string;
}

export function createGatewayMetrics(): GatewayMetrics {
  const series = new Map<string, Series>();
  const limits = new Map<LimitName, number>(limitNames.map((name) => [name, 0]));
  let total = 0;
  return {
    inFlight: 0,
    bufferedBytes: 0,
    failovers: 0,
    record(route, backend, status, durationMs) {
      total += 1;
      // A backend's id names its route and rule; requests without a backend are told apart by their route.
      const key = backend === '' ? route : backend;
      let entry = series.get(key);
      if (entry === undefined) {
        const durations = new Float64Array(bucketsSeconds.length + 1);
        entry = { route, backend, statuses: new Map(), durations, durationSum: 0 };
        series.set(key, entry);
      }
      entry.statuses.set(status, (entry.statuses.get(status) ?? 0) + 1);
      const seconds = durationMs / 1000;
      entry.durationSum += seconds;
      let bucket = 0;
      while (bucket < bucketsSeconds.length && seconds > (bucketsSeconds[bucket] ?? 0)) bucket += 1;
      entry.durations[bucket] = (entry.durations[bucket] ?? 0) + 1;
    },
    limitHit(limit) {
      limits.set(limit, (limits.get(limit) ?? 0) + 1);
    },
    keepOnly(ids) {
      for (const key of series.keys()) if (key !== '' && !ids.has(key)) series.delete(key);
    },
    requests: () => total,
    render() {
      const lines = [
        '# HELP headgate_requests_in_flight Requests being served.',
        '# TYPE headgate_requests_in_flight gauge',
        `headgate_requests_in_flight ${this.inFlight}`,
        '# HELP headgate_request_body_buffered_bytes Bytes of request bodies held in memory.',
        '# TYPE headgate_request_body_buffered_bytes gauge',
        `headgate_request_body_buffered_bytes ${this.bufferedBytes}`,
        '# HELP headgate_failovers_total Attempts made because an endpoint could not be reached.',
        '# TYPE headgate_failovers_total counter',
        `headgate_failovers_total ${this.failovers}`,
        '# HELP headgate_limits_hit_total Requests refused or cut short by a limit.',
        '# TYPE headgate_limits_hit_total counter',
        ...[...limits].map(([name, count]) => `headgate_limits_hit_total{limit="${name}"} ${count}`),
        '# HELP headgate_requests_total Requests answered, by route rule, backend and status (499: the client went away).',
        '# TYPE headgate_requests_total counter',
      ];
      for (const { route, backend, statuses } of series.values()) {
        for (const [status, count] of statuses) {
          lines.push(`headgate_requests_total{${labels(route, backend)},status="${status}"} ${count}`);
        }
      }
      lines.push(
        '# HELP headgate_request_duration_seconds From the request head to the end of the answer.',
        '# TYPE headgate_request_duration_seconds histogram',
      );
      for (const entry of series.values()) lines.push(...histogramLines(entry));
      return `${lines.join('\n')}\n`;
    },
  };
}

function histogramLines({ route, backend, durations, durationSum }: Series): string[] {
  const name = 'headgate_request_duration_seconds';
  const shared = labels(route, backend);
  let count = 0;
  const lines = Array.from(durations, (value, bucket) => {
    count += value;
    return `${name}_bucket{${shared},le="${bucketsSeconds[bucket] ?? '+Inf'}"} ${count}`;
  });
  return [...lines, `${name}_sum{${shared}} ${durationSum}`, `${name}_count{${shared}} ${count}`];
}

function labels(route: string, backend: string): string {
  return `route="${escapeLabel(route)}",backend="${escapeLabel(backend)}"`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
