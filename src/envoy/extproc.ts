/**
 * envoy.service.ext_proc.v3: the messages with which a proxy asks an external processor about one HTTP exchange (epp.md 3). Field
 * numbers are those of epp.md 3.1; reading is in `extprocread.ts`, writing in `extprocwrite.ts`.
 */
import type { HeaderView } from './headermap.ts';
import type { StructObject } from '../wire/struct.ts';

export const extProcService = 'envoy.service.ext_proc.v3.ExternalProcessor';
export const processPath = `/${extProcService}/Process`;

/** How the proxy sends a body (ProcessingMode.BodySendMode); the position is the number on the wire. */
export const bodyModes = ['NONE', 'STREAMED', 'BUFFERED', 'BUFFERED_PARTIAL', 'FULL_DUPLEX_STREAMED'] as const;
export type BodyMode = (typeof bodyModes)[number];

/** What the proxy says of its filter's configuration; sent with the first message by proxies that know of it. */
export interface ProtocolConfig {
  readonly requestBodyMode: BodyMode;
  readonly responseBodyMode: BodyMode;
}

export type Phase = 'request' | 'response';

interface RequestContext {
  /** envoy.config.core.v3.Metadata as it came; see `filterMetadata`. */
  readonly metadataContext: Buffer | undefined;
  readonly protocolConfig: ProtocolConfig | undefined;
  /** The proxy waits for no answer and takes none. */
  readonly observabilityMode: boolean;
}

export interface HttpHeaders {
  readonly type: 'headers';
  readonly phase: Phase;
  readonly headers: HeaderView;
  readonly endOfStream: boolean;
}

export interface HttpBody {
  readonly type: 'body';
  readonly phase: Phase;
  /** A view of the message. */
  readonly body: Buffer;
  readonly endOfStream: boolean;
}

export interface HttpTrailers {
  readonly type: 'trailers';
  readonly phase: Phase;
  readonly headers: HeaderView;
}

/** One message of the proxy. */
export type ProcessingRequest = RequestContext & (HttpHeaders | HttpBody | HttpTrailers);

export interface SetHeader {
  readonly name: string;
  readonly value: string;
  /** Default: `overwrite`, which adds a header that is not there (epp.md 3.2). */
  readonly action?: 'overwrite' | 'append' | 'add-if-absent' | 'overwrite-if-exists';
}

export interface HeaderMutation {
  readonly set?: readonly SetHeader[];
  readonly remove?: readonly string[];
}

export type BodyMutation =
  | { readonly type: 'replace'; readonly body: Buffer }
  | { readonly type: 'clear' }
  /** A chunk of the new body: the only kind there is in FULL_DUPLEX_STREAMED mode. */
  | { readonly type: 'chunk'; readonly body: Buffer; readonly endOfStream: boolean };

export interface CommonResponse {
  readonly headers?: HeaderMutation;
  readonly body?: BodyMutation;
  /** The proxy matches its routes again with the new headers. */
  readonly clearRouteCache?: boolean;
  /** CONTINUE_AND_REPLACE: the body given here is the whole body; nothing more is sent to the processor. */
  readonly replace?: boolean;
}

/** An answer that the proxy gives the client instead of going on. */
export interface ImmediateResponse {
  /** HTTP status. */
  readonly status: number;
  readonly headers?: HeaderMutation;
  readonly body: string;
  /** Appears in the proxy's access log. */
  readonly details?: string;
}

/** One answer of the processor. */
export type ProcessingResponse = {
  /** Filter metadata by namespace. */
  readonly dynamicMetadata?: StructObject;
} & (
  | { readonly type: 'headers' | 'body'; readonly phase: Phase; readonly common?: CommonResponse }
  | { readonly type: 'trailers'; readonly phase: Phase; readonly headers?: HeaderMutation }
  | { readonly type: 'immediate'; readonly response: ImmediateResponse }
);
