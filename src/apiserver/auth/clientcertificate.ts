import { TLSSocket } from 'node:tls';
import type { Duplex } from 'node:stream';
import { authenticatedGroup, type User } from './user.ts';

/** Who a client certificate of our authority names, as in Kubernetes: the common name is the user, organizations are groups. */

/** A connection keeps its certificate: it is looked at once. */
const known = new WeakMap<Duplex, User | 'none'>();

/** The user of the connection's certificate; undefined when it has none, or none that our authority signed. */
export function certificateUser(socket: Duplex): User | undefined {
  let user = known.get(socket);
  if (user === undefined) known.set(socket, (user = userOf(socket) ?? 'none'));
  return user === 'none' ? undefined : user;
}

function userOf(socket: Duplex): User | undefined {
  // Authorized: OpenSSL has checked the signature, the time and that the certificate is for clients.
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const subject: unknown = socket.getPeerCertificate().subject;
  const [name] = partsOf(subject, 'CN');
  if (name === undefined || name === '') return undefined;
  return { name, groups: [...partsOf(subject, 'O'), authenticatedGroup] };
}

function partsOf(subject: unknown, attribute: string): string[] {
  const value: unknown = typeof subject === 'object' && subject !== null ? Reflect.get(subject, attribute) : undefined;
  const values: unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((one) => typeof one === 'string');
}
