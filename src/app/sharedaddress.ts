import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { SharedAddress } from './sockets.ts';

/**
 * The address that `--listen` names.
 *
 * @throws Error when it is none of this machine
 */
export function sharedAddress(given: string): SharedAddress {
  const address = given === 'localhost' ? '127.0.0.1' : given;
  const version = isIP(address);
  if (version === 0) throw new Error(`--listen ${given}: use an IP address of this machine, 0.0.0.0, :: or localhost`);
  if (address !== '0.0.0.0' && address !== '::') return { address, reachedAt: [address] };
  const others = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    // Addresses of a link need the name of the interface.
    .filter(({ internal, address: own }) => !internal && !own.startsWith('fe80:'))
    .filter(({ family }) => family === 'IPv4' || address === '::')
    .map(({ address: own }) => own);
  return { address, reachedAt: ['127.0.0.1', ...new Set(others)] };
}

/** Other machines reach it. */
export function isOutside({ address }: SharedAddress): boolean {
  return !address.startsWith('127.') && address !== '::1';
}
