import { isIP } from 'node:net';

/** Where a host's port really is. */
export interface Place {
  readonly address: string;
  readonly port: number;
}

/** By `host:port`: hosts for which DNS is not asked (`--resolve`, as curl's). */
export type Places = ReadonlyMap<string, Place>;

export const noPlaces: Places = new Map();

export function placeOf(places: Places, address: string, port: number): Place {
  return places.get(`${address.toLowerCase()}:${port}`) ?? { address, port };
}

/**
 * `HOST:PORT:ADDRESS`, and `HOST:PORT:ADDRESS:PORT` where another port is to be dialled; IPv6 addresses in brackets.
 *
 * @throws Error that says what is wrong with it
 */
export function parsePlace(text: string): readonly [string, Place] {
  const form = /^(?<host>[^:]+):(?<port>\d{1,5}):(?:\[(?<six>[^\]]+)\]|(?<four>[^:]+))(?::(?<own>\d{1,5}))?$/;
  const { host = '', port = '', six, four, own } = form.exec(text)?.groups ?? {};
  const address = six ?? four ?? '';
  const ports = [Number(port), Number(own ?? port)];
  if (host === '' || isIP(address) === 0 || ports.some((one) => one < 1 || one > 65_535)) {
    throw new Error(`${text}: use HOST:PORT:ADDRESS, as in api.openai.com:443:127.0.0.1`);
  }
  return [`${host.toLowerCase()}:${Number(port)}`, { address, port: Number(own ?? port) }];
}
