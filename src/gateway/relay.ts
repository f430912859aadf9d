/** Hands the answer of an attempt to the client as it comes: head, chunks, server-sent events, the silence between them, and breaking off. */
import type { Duplex } from 'node:stream';
import { errorEvent } from '../llm/errors.ts';
import type { Answer } from './answers.ts';
import { debugHeaders } from './debugheaders.ts';
import { removeHeader } from './headers.ts';
import type { GatewayRequest } from './request.ts';

export interface RelayOwner {
  /** The upstream has sent nothing for too long. */
  onSilence(): void;
}

export class Relay {
  /** Of the answer that was begun; 0 before. */
  status = 0;
  readonly #request: GatewayRequest;
  readonly #owner: RelayOwner;
  #silence: NodeJS.Timeout | undefined;
  #eventStream = false;
  /** The last bytes relayed ended an event, so that another one may follow. */
  #betweenEvents = true;

  constructor(request: GatewayRequest, owner: RelayOwner) {
    this.#request = request;
    this.#owner = owner;
  }

  /** An attempt begins: how long its upstream may be silent, as the rule says. */
  begin(): void {
    const { rule, context } = this.#request;
    const limited = rule?.requestTimeoutMs !== undefined && rule.requestTimeoutMs > 0;
    const silenceMs =
      rule?.streamIdleTimeoutMs || (limited || rule?.backendRequestTimeoutMs ? 0 : context.defaultIdleTimeoutMs);
    if (silenceMs > 0) this.#silence = setTimeout(silent, silenceMs, this.#owner);
  }

  head(status: number, headers: string[], endpoint: string | undefined): void {
    this.#silence?.refresh();
    const [type, length] = contentFacts(headers);
    this.#eventStream = type?.startsWith('text/event-stream') === true;
    this.status = status;
    // Neither has a body, whatever its length would be (RFC 9110 8.6).
    if (status === 204 || status === 304) removeHeader(headers, 'content-length');
    debugHeaders(this.#request, endpoint, headers);
    // Without a declared length bytes may be long in coming: the client shall have the head at once.
    this.#request.exchange.sendHead(status, headers, this.#eventStream || length === undefined);
  }

  chunk(chunk: Buffer): boolean {
    this.#silence?.refresh();
    if (this.#eventStream) this.#betweenEvents = endsEvent(chunk);
    return this.#request.exchange.write(chunk);
  }

  /** The silence of an upstream that was held back is not its own. */
  drained(): void {
    this.#silence?.refresh();
  }

  complete(trailers: string[]): void {
    this.#request.exchange.end(trailers);
  }

  /** Ends an answer that has begun: a stream by an event that says why, anything else by a cut connection. */
  breakOff({ status, text, details }: Answer): void {
    const { exchange } = this.#request;
    this.status = status;
    if (this.#eventStream) {
      exchange.write(`${this.#betweenEvents ? '' : '\n\n'}${errorEvent(status, text, details)}`);
      exchange.end();
    } else exchange.abort();
  }

  /** Hands on what both sides say after a switch of protocols, until one of them ends. */
  join(headers: string[], server: Duplex, onEnd: () => void): void {
    this.end();
    this.status = 101;
    const client = this.#request.exchange.switchProtocols(headers);
    let open = 2;
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('error', () => undefined).pipe(to);
      from.once('close', () => {
        to.destroy();
        open -= 1;
        if (open === 0) onEnd();
      });
    }
  }

  /** The attempt is over. */
  end(): void {
    if (this.#silence !== undefined) clearTimeout(this.#silence);
    this.#silence = undefined;
  }
}

function silent(owner: RelayOwner): void {
  owner.onSilence();
}

/** Values of content-type and content-length. */
function contentFacts(headers: readonly string[]): [type: string | undefined, length: string | undefined] {
  let type: string | undefined;
  let length: string | undefined;
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] === 'content-type') type ??= headers[at + 1];
    else if (headers[at] === 'content-length') length = headers[at + 1];
  }
  return [type, length];
}

/** True when the chunk ends with a blank line. */
function endsEvent(chunk: Buffer): boolean {
  const { length } = chunk;
  if (chunk[length - 1] !== 0x0a) return false;
  return chunk[length - 2] === 0x0a || (chunk[length - 2] === 0x0d && chunk[length - 3] === 0x0a);
}
