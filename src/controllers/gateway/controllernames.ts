/** Headgate's own controller name: the only one it claims on a real cluster. */
export const headgateController = 'headgate.dev/gateway-controller';

/** The controllers whose classes the embedded API serves too, so that manifests written for them run unchanged. */
export const foreignControllers = [
  'gateway.envoyproxy.io/gatewayclass-controller',
  'istio.io/gateway-controller',
  'kgateway.dev/kgateway',
  'networking.gke.io/gateway',
] as const;
