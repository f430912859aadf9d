import { textReply, type AdminRoute } from './server.ts';

/** What probes and scrapes ask, open to them as Kubernetes' own servers have it. */

export interface Readiness {
  readonly ready: boolean;
  readonly text: string;
}

export function healthRoutes(readiness: () => Readiness): AdminRoute[] {
  const alive = { method: 'GET', open: true, handle: () => textReply('ok\n') } as const;
  return [
    { ...alive, path: '/healthz' },
    { ...alive, path: '/livez' },
    {
      method: 'GET',
      path: '/readyz',
      open: true,
      handle: () => {
        const { ready, text } = readiness();
        return textReply(`${text}\n`, ready ? 200 : 503);
      },
    },
  ];
}

/** The Prometheus text format. */
const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

export function metricsRoute(metrics: () => Promise<string>, { open }: { open: boolean }): AdminRoute {
  return {
    method: 'GET',
    path: '/metrics',
    open,
    handle: async () => ({ status: 200, contentType: metricsType, text: await metrics() }),
  };
}
