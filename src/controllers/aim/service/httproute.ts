import type { AimRouting } from '../../../kinds/aim/fields.ts';
import { HTTPRoute } from '../../../kinds/gateway/httproute.ts';
import { child, type Child } from '../../../reconcile/children.ts';
import { gatewayDuration } from '../../../kinds/durations.ts';

/** The route of a service of either generation (aim.md 5.6). */
export interface WantedRoute {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly gatewayRef: NonNullable<AimRouting['gatewayRef']>;
  readonly path: string;
  /** Service that takes the requests, at port 80. */
  readonly backend: string;
  /** In Go's syntax. */
  readonly requestTimeout: string | undefined;
}

export function httpRouteChild(wanted: WantedRoute): Child {
  const { name, namespace, labels, annotations = {}, gatewayRef, path, backend } = wanted;
  const request = wanted.requestTimeout === undefined ? undefined : gatewayDuration(wanted.requestTimeout);
  return child(
    HTTPRoute,
    {
      metadata: {
        name,
        namespace,
        labels: { ...labels },
        ...(Object.keys(annotations).length === 0 ? {} : { annotations: { ...annotations } }),
      },
      spec: {
        parentRefs: [gatewayRef],
        rules: [
          {
            matches: [{ path: { type: 'PathPrefix', value: path } }],
            filters: [
              { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } } },
            ],
            // With the API's defaults: a list that is one value would be applied again after each restart without.
            backendRefs: [{ group: '', kind: 'Service', name: backend, namespace, port: 80, weight: 1 }],
            ...(request === undefined ? {} : { timeouts: { request } }),
          },
        ],
      },
    },
    { owned: true },
  );
}
