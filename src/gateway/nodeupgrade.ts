/** A request that asks to switch protocols (RFC 9110 7.8), sent on a connection of its own: the connection becomes the client's. */
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { serverNameFor } from '../credentials/tls.ts';
import type { Place } from '../wire/places.ts';
import {
  connectionHeaders,
  type Destination,
  type TransportCall,
  type TransportEvents,
  type TransportLimits,
  type UpstreamRequest,
} from './transport.ts';

export class UpgradeCall implements TransportCall {
  readonly #events: TransportEvents;
  readonly #onEnd: () => void;
  readonly #request: ClientRequest;
  #message: IncomingMessage | undefined;
  #over = false;

  /** `place`: where the destination's endpoint really is; `onEnd`: the destination has one request less. */
  constructor(
    destination: Destination,
    place: Place,
    request: UpstreamRequest,
    events: TransportEvents,
    limits: TransportLimits,
    onEnd: () => void,
  ) {
    this.#events = events;
    this.#onEnd = onEnd;
    const { method, target, host, headers, upgrade } = request;
    const lines = [...headers, 'host', host, 'connection', 'Upgrade', 'upgrade', upgrade ?? ''];
    const { endpoint, tls } = destination;
    const send = tls === undefined ? httpRequest : httpsRequest;
    this.#request = send({
      ...(tls === undefined ? {} : { ...tls.options, servername: serverNameFor(tls, endpoint.address) }),
      host: place.address,
      port: place.port,
      method,
      path: target,
      headers: lines,
      setHost: false,
      agent: false,
      maxHeaderSize: limits.maxHeaderBytes,
    });
    let sent = false;
    const connecting = setTimeout(() => {
      this.#request.destroy(new Error('the connection did not come in time'));
    }, limits.connectTimeoutMs);
    this.#request
      .on('socket', (socket) => {
        socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
          sent = true;
          clearTimeout(connecting);
        });
      })
      .on('upgrade', (message: IncomingMessage, socket: Duplex, first: Buffer) => {
        if (this.#over) socket.destroy();
        else {
          socket.once('close', () => {
            this.#end();
          });
          if (first.length > 0) socket.unshift(first);
          this.#events.onUpgrade(endToEnd(message.rawHeaders), socket);
        }
      })
      .on('response', (message) => {
        this.#relay(message);
      })
      .on('error', (error) => {
        clearTimeout(connecting);
        this.#fail(tls?.explain(error, endpoint.key) ?? error.message, sent);
      })
      .end();
  }

  /** The server does not want to switch: its answer is one like any other. */
  #relay(message: IncomingMessage): void {
    if (this.#over) return;
    this.#message = message;
    this.#events.onHead(message.statusCode ?? 502, endToEnd(message.rawHeaders));
    message
      .on('data', (chunk: Buffer) => {
        if (!this.#over && !this.#events.onChunk(chunk)) message.pause();
      })
      .on('end', () => {
        if (this.#over || !message.complete) return;
        this.#end();
        this.#events.onEnd([]);
      })
      .on('error', (error) => {
        this.#fail(error.message, true);
      })
      .on('close', () => {
        this.#fail('the connection ended in the answer', true);
      });
  }

  resume(): void {
    this.#message?.resume();
  }

  cancel(): void {
    this.#end();
    this.#request.destroy();
  }

  #fail(message: string, sent: boolean): void {
    if (this.#over) return;
    this.#end();
    this.#events.onFailure({ message, sent });
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onEnd();
  }
}

function endToEnd(rawHeaders: readonly string[]): string[] {
  const headers: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    if (!connectionHeaders.has(name)) headers.push(name, rawHeaders[at + 1] ?? '');
  }
  return headers;
}
