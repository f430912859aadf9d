import { keyIn, type AirunwayDialect } from '../../kinds/airunway/dialect.ts';
import type { Gateway } from '../../kinds/gateway/gateway.ts';
import { keyOf } from '../../kinds/object.ts';
import type { AirunwaySettings } from './settings.ts';

/** Which Gateway the models are offered at (airunway.md 4.1.3). */

export type GatewayChoice =
  | {
      readonly name: string;
      readonly namespace: string;
      /** Several say that they are the one. */ readonly also: readonly string[];
    }
  | { readonly error: string };

export function chooseGateway(
  gateways: readonly Gateway[],
  settings: Pick<AirunwaySettings, 'gateway'>,
  dialect: AirunwayDialect,
): GatewayChoice {
  if (settings.gateway !== undefined) return { ...settings.gateway, also: [] };
  const label = keyIn(dialect, 'inference-gateway');
  const byKey = gateways.toSorted((a, b) => (keyOf(a.metadata) < keyOf(b.metadata) ? -1 : 1));
  const candidates = byKey.length > 1 ? byKey.filter(({ metadata }) => metadata.labels?.[label] === 'true') : byKey;
  const [chosen, ...others] = candidates;
  if (chosen === undefined) {
    return {
      error:
        byKey.length === 0
          ? 'no Gateway resources found in cluster'
          : `multiple Gateways found but none labeled with ${label}=true`,
    };
  }
  const { name, namespace = '' } = chosen.metadata;
  return { name, namespace, also: others.map(({ metadata }) => keyOf(metadata)) };
}

/** The first address in the status of a Gateway: an IP or a host name, without scheme and port. */
export function addressOf(gateway: Gateway | undefined): string | undefined {
  return gateway?.status?.addresses?.map(({ value }) => value).find((value) => (value ?? '') !== '');
}
