import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Container, HTTPGetAction, Probe } from 'kubernetes-types/core/v1.js';
import { checkHealth } from '../wire/grpchealthclient.ts';

export interface ProbeTarget {
  container: Container;
  podIP: string;
  /** Runs a command the way the container's own runs; its exit code and the end of its output. */
  exec: (command: readonly string[], timeoutMs: number) => Promise<{ exitCode: number; output: string }>;
}

/** undefined when the probe succeeded, else what kubelet's Unhealthy event says of it. */
export type ProbeFailure = string | undefined;

/** Times and thresholds of a probe with Kubernetes' defaults, in ms. */
export interface ProbeTiming {
  initialDelayMs: number;
  periodMs: number;
  timeoutMs: number;
  successThreshold: number;
  failureThreshold: number;
}

export function timingOf(probe: Probe): ProbeTiming {
  return {
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1000,
    periodMs: (probe.periodSeconds || 10) * 1000,
    timeoutMs: (probe.timeoutSeconds || 1) * 1000,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  };
}

/** Results in a row, and what they have come to. */
export interface ProbeTally {
  /** Positive: that many successes in a row; negative: failures. */
  run: number;
  verdict: 'success' | 'failure' | undefined;
}

export const noResults: ProbeTally = { run: 0, verdict: undefined };

/** The tally after one more result: the verdict changes when a threshold is reached. */
export function tally(before: ProbeTally, succeeded: boolean, timing: ProbeTiming): ProbeTally {
  const run = succeeded ? Math.max(before.run, 0) + 1 : Math.min(before.run, 0) - 1;
  if (run >= timing.successThreshold) return { run, verdict: 'success' };
  if (-run >= timing.failureThreshold) return { run, verdict: 'failure' };
  return { run, verdict: before.verdict };
}

/** Asks once. Never rejects: a probe that cannot be carried out has failed. */
export async function runProbe(probe: Probe, target: ProbeTarget): Promise<ProbeFailure> {
  const { timeoutMs } = timingOf(probe);
  try {
    if (probe.httpGet !== undefined) return await httpProbe(probe.httpGet, target, timeoutMs);
    if (probe.tcpSocket !== undefined) {
      const host = probe.tcpSocket.host ?? target.podIP;
      return await tcpProbe(host, portOf(probe.tcpSocket.port, target.container), timeoutMs);
    }
    if (probe.grpc !== undefined) {
      const { port, service = '' } = probe.grpc;
      const status = await checkHealth({ host: target.podIP, port, service, timeoutMs });
      return status === 'SERVING' ? undefined : `service unhealthy (responded with "${status}")`;
    }
    if (probe.exec !== undefined) {
      const { exitCode, output } = await target.exec(probe.exec.command ?? [], timeoutMs);
      return exitCode === 0 ? undefined : output.trim() || `command exited with ${String(exitCode)}`;
    }
    return 'the probe names no action: use httpGet, tcpSocket, grpc or exec';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A port by number, or by the name one of the container's ports has. */
export function portOf(port: number | string, container: Container): number {
  const number = Number(port);
  if (Number.isInteger(number)) return number;
  const named = container.ports?.find(({ name }) => name === port);
  if (named === undefined) throw new Error(`container ${container.name} has no port named "${String(port)}"`);
  return named.containerPort;
}

function httpProbe(action: HTTPGetAction, target: ProbeTarget, timeoutMs: number): Promise<ProbeFailure> {
  const host = action.host ?? target.podIP;
  const port = portOf(action.port, target.container);
  const path = action.path?.startsWith('/') === true ? action.path : `/${action.path ?? ''}`;
  const headers: Record<string, string> = { 'User-Agent': 'kube-probe/1.32', Accept: '*/*', Connection: 'close' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name] = value;
  const https = action.scheme?.toUpperCase() === 'HTTPS';
  const url = `${https ? 'https' : 'http'}://${host}:${String(port)}${path}`;
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const options = { host, port, path, headers, agent: false, signal } as const;
    // A kubelet does not verify certificates either: it asks an address, not a name.
    const request = https ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
    request.on('response', (response) => {
      response.destroy();
      const { statusCode = 0 } = response;
      resolve(
        statusCode >= 200 && statusCode < 400 ? undefined : `HTTP probe failed with statuscode: ${String(statusCode)}`,
      );
    });
    request.on('error', (error) => {
      const why = signal.aborted ? 'context deadline exceeded' : error.message;
      resolve(`Get "${url}": ${why}`);
    });
    request.end();
  });
}

function tcpProbe(host: string, port: number, timeoutMs: number): Promise<ProbeFailure> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const done = (failure: ProbeFailure): void => {
      socket.destroy();
      resolve(failure);
    };
    socket.on('connect', () => {
      done(undefined);
    });
    socket.on('timeout', () => {
      done(`dial tcp ${host}:${String(port)}: i/o timeout`);
    });
    socket.on('error', (error) => {
      done(`dial tcp ${host}:${String(port)}: ${error.message}`);
    });
  });
}
