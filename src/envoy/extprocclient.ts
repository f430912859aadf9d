/** The proxy's end of ext_proc: lays one HTTP exchange before an external processor, for example somebody else's endpoint picker. */
import type { ProcessingRequest, ProcessingResponse } from './extproc.ts';
import { processPath } from './extproc.ts';
import { readProcessingResponse } from './extprocread.ts';
import { writeProcessingRequest } from './extprocwrite.ts';
import type { GrpcError } from '../wire/grpc.ts';
import type { CallOptions, ClientCall, GrpcClient } from '../wire/grpcclient.ts';

export interface ExtProcHandler {
  response(response: ProcessingResponse): void;
  /** No more responses: `error` when the call failed. Without one the exchange goes on unchanged (epp.md 3.2). */
  closed(error: GrpcError | undefined): void;
  /** What was sent has gone out after `send` said that it should wait. */
  drained?(): void;
}

export interface ExtProcCall extends Pick<ClientCall, 'end' | 'cancel' | 'pause' | 'resume'> {
  /** False: wait for `drained` before sending more. */
  send(request: ProcessingRequest): boolean;
}

/** @param options for the whole call; the caller keeps the time of single messages itself */
export function openExtProc(client: GrpcClient, handler: ExtProcHandler, options: CallOptions = {}): ExtProcCall {
  const call = client.open(
    processPath,
    {
      message: (message) => {
        handler.response(readProcessingResponse(message));
      },
      closed: (error) => {
        handler.closed(error);
      },
      drained: () => handler.drained?.(),
    },
    options,
  );
  return {
    send: (request) => call.send(writeProcessingRequest(request)),
    end: call.end,
    cancel: call.cancel,
    pause: call.pause,
    resume: call.resume,
  };
}
