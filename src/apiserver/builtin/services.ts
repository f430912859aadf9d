import { isObject, listAt, objectAt, stringAt, valueAt, type JsonObject } from '../json.ts';
import { duplicate, invalidValue, required, type FieldError } from '../status.ts';
import { keyOf } from '../../kinds/object.ts';
import type { Log } from '../../telemetry/log.ts';
import type { StoredObject } from '../store/object.ts';
import type { Store } from '../store/store.ts';
import { withDefaults, type Strategy } from './strategy.ts';

/** Hands out cluster IPs; the embedded node's loopback network in `headgate up`. */
export interface ServiceAddresses {
  /** An unused address, `preferred` when it is free; throws when it is not, or when there is none left. */
  allocate(preferred?: string): string;
  release(address: string): void;
}

export const services: Strategy = {
  prepare(object, previous) {
    const given = objectAt(object, 'spec') ?? {};
    const ports = listAt(given, 'ports').map((port) =>
      isObject(port) ? withDefaults(port, { targetPort: port['port'] }) : port,
    );
    const spec: JsonObject = {
      ...given,
      ...(given['ports'] !== undefined && { ports }),
      // An update that leaves the address out keeps it.
      ...(previous !== undefined && given['clusterIP'] === undefined && keptAddress(previous)),
      ...(given['clusterIP'] === 'None' && { clusterIPs: ['None'] }),
    };
    if (spec['type'] === 'ExternalName') return { ...object, spec };
    const defaults = {
      internalTrafficPolicy: 'Cluster',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ...(spec['type'] !== 'ClusterIP' && { externalTrafficPolicy: 'Cluster' }),
    };
    return {
      ...object,
      spec: withDefaults(spec, defaults),
      status: objectAt(object, 'status') ?? { loadBalancer: {} },
    };
  },
  validate(object, previous) {
    const errors: FieldError[] = [];
    const ports = listAt(object, 'spec', 'ports');
    const address = stringAt(object, 'spec', 'clusterIP');
    const type = stringAt(object, 'spec', 'type');
    if (ports.length === 0 && address !== 'None' && type !== 'ExternalName') errors.push(required('spec.ports'));
    if (type === 'ExternalName' && !stringAt(object, 'spec', 'externalName'))
      errors.push(required('spec.externalName'));
    checkPortNames(ports, errors);
    const before = stringAt(previous, 'spec', 'clusterIP');
    if (before !== undefined && before !== '' && address !== before && type !== 'ExternalName') {
      errors.push(invalidValue('spec.clusterIPs[0]', [address], 'may not change once set'));
    }
    return errors;
  },
};

function keptAddress(previous: StoredObject): JsonObject {
  const clusterIP = valueAt(previous, 'spec', 'clusterIP');
  return clusterIP === undefined ? {} : { clusterIP, clusterIPs: valueAt(previous, 'spec', 'clusterIPs') };
}

function checkPortNames(ports: readonly unknown[], errors: FieldError[]): void {
  const names = ports.map((port) => stringAt(port, 'name') ?? '');
  for (const [index, name] of names.entries()) {
    if (name === '' && ports.length > 1) errors.push(required(`spec.ports[${index}].name`));
    else if (name !== '' && names.indexOf(name) < index) errors.push(duplicate(`spec.ports[${index}].name`, name));
  }
}

/** Gives a Service its cluster IP; undefined when it gets none. The address is the caller's to release. */
export function allocateAddress(
  service: StoredObject,
  addresses: ServiceAddresses,
): { service: StoredObject; address: string } | undefined {
  const wanted = stringAt(service, 'spec', 'clusterIP') ?? '';
  if (wanted === 'None' || stringAt(service, 'spec', 'type') === 'ExternalName') return undefined;
  const address = addresses.allocate(wanted === '' ? undefined : wanted);
  return { service: withAddress(service, address), address };
}

/** `clusterIPs` mirrors `clusterIP`. */
export function withAddress(service: StoredObject, address: string): StoredObject {
  return { ...service, spec: { ...objectAt(service, 'spec'), clusterIP: address, clusterIPs: [address] } };
}

/**
 * After a restart: the addresses that stored Services have are taken, and those of deleted Services become free. A Service whose
 * address cannot be had, as it is of a network that others have now, gets another one: at the old one others might answer.
 */
export async function reserveAddresses(store: Store, addresses: ServiceAddresses, log: Log): Promise<void> {
  const homeless = store.list('/services').filter((service) => {
    const address = clusterAddress(service);
    return address !== undefined && !reserved(addresses, address);
  });
  await Promise.all(
    homeless.map(async (service) => {
      const key = keyOf(service.metadata);
      const address = addresses.allocate();
      await store.write('/services', key, (newest) =>
        newest === undefined
          ? { action: 'keep', object: service }
          : { action: 'put', object: withAddress(newest, address) },
      );
      log.warn({ service: key, from: clusterAddress(service), to: address }, 'Service moved to another cluster IP');
    }),
  );
  store.history.subscribe((event) => {
    if (event.resource !== '/services' || event.type !== 'DELETED') return;
    const address = clusterAddress(event.object);
    if (address !== undefined) addresses.release(address);
  });
}

function reserved(addresses: ServiceAddresses, address: string): boolean {
  try {
    addresses.allocate(address);
    return true;
  } catch {
    return false;
  }
}

function clusterAddress(service: StoredObject): string | undefined {
  const address = stringAt(service, 'spec', 'clusterIP');
  return address === undefined || address === '' || address === 'None' ? undefined : address;
}
