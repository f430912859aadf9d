import type { KubeObject } from '../kinds/object.ts';
import { headgateController } from '../controllers/gateway/controllernames.ts';
import type { Manifest } from './manifests/yaml.ts';

/** What commands declare for users who wrote no YAML. */

/** A declaration of ours, as if it came from a file of this name. */
export function manifestsOf(source: string, objects: readonly KubeObject[]): Manifest[] {
  return objects.map((object) => ({ source, object }));
}

/** A way in of this name: a class of ours, a Gateway on port 80, and bodies up to what prompts need. */
export function gatewayDeclaration(name: string): KubeObject[] {
  const metadata = { name, namespace: 'default' };
  return [
    declaration('gateway.networking.k8s.io/v1', 'GatewayClass', { name }, { controllerName: headgateController }),
    declaration('gateway.networking.k8s.io/v1', 'Gateway', metadata, {
      gatewayClassName: name,
      listeners: [{ name: 'http', protocol: 'HTTP', port: 80 }],
    }),
    declaration('gateway.envoyproxy.io/v1alpha1', 'ClientTrafficPolicy', metadata, {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name }],
      connection: { bufferLimit: '50Mi' },
    }),
  ];
}

export function declaration(
  apiVersion: string,
  kind: string,
  metadata: KubeObject['metadata'],
  spec: Record<string, unknown>,
): KubeObject & { spec: Record<string, unknown> } {
  return { apiVersion, kind, metadata, spec };
}
