import { createRequire } from 'node:module';
import type * as prometheus from 'prom-client';

/**
 * The parts of prom-client that Headgate uses. Its index also loads what measures the process and, for that, the whole API of
 * OpenTelemetry: 80 modules and some 30 ms, where these are 8.
 */
const load = createRequire(import.meta.url);

// Each file of the package exports the class that its index gives the same name.
const part = <T>(name: string): T => load(`prom-client/lib/${name}.js`) as T;
export const Counter = part<typeof prometheus.Counter>('counter');
export const Gauge = part<typeof prometheus.Gauge>('gauge');
export const Histogram = part<typeof prometheus.Histogram>('histogram');
export const Registry = part<typeof prometheus.Registry>('registry');
export type Counter<Label extends string = string> = prometheus.Counter<Label>;
export type Gauge<Label extends string = string> = prometheus.Gauge<Label>;
export type Histogram<Label extends string = string> = prometheus.Histogram<Label>;
export type Registry = prometheus.Registry;
