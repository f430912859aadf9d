import type { Readable } from 'node:stream';
import type { WebSocket } from 'ws';
import type { ExecProcess } from './podaccess.ts';

/** Remote commands over WebSockets: each message begins with the number of its channel (k8s.io/apimachinery remotecommand). */
export const execProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, close: 255 } as const;
const maxBacklogBytes = 1024 * 1024;

export interface ExecStreams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
}

/** Connects a process with the client until it ends; the end of the connection ends the process. */
export function serveExec(socket: WebSocket, process: ExecProcess, wanted: ExecStreams): void {
  const outputs = [
    ...(wanted.stdout ? [copyTo(socket, channels.stdout, process.stdout)] : [drain(process.stdout)]),
    ...(wanted.stderr ? [copyTo(socket, channels.stderr, process.stderr)] : [drain(process.stderr)]),
  ];
  process.stdin.on('error', () => undefined);
  if (!wanted.stdin) process.stdin.end();
  socket.on('message', (data) => {
    if (!Buffer.isBuffer(data) || data.length === 0) return;
    const channel = data.readUInt8(0);
    if (channel === channels.close && data[1] === channels.stdin) process.stdin.end();
    if (channel !== channels.stdin || !wanted.stdin || data.length === 1) return;
    if (process.stdin.write(data.subarray(1))) return;
    socket.pause();
    process.stdin.once('drain', () => {
      socket.resume();
    });
  });
  socket.on('error', () => {
    socket.terminate();
  });
  socket.on('close', () => {
    process.kill();
  });
  void process.exited.then(async ({ exitCode, startError }) => {
    await Promise.all(outputs);
    // A paused connection would not notice that its client goes.
    socket.resume();
    sendStatus(socket, exitCode, startError);
    socket.close(1000);
  });
}

/** A stream as it comes, for `kubectl attach`. */
export async function serveOutput(socket: WebSocket, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) {
    if (socket.readyState !== socket.OPEN) return;
    await new Promise<void>((resolve) => {
      socket.send(framed(channels.stdout, chunk), () => {
        resolve();
      });
    });
  }
  sendStatus(socket, 0, undefined);
  socket.close(1000);
}

function sendStatus(socket: WebSocket, exitCode: number, startError: string | undefined): void {
  const success = { metadata: {}, status: 'Success' };
  const message = startError ?? `command terminated with non-zero exit code: exit status ${exitCode}`;
  const failure = {
    metadata: {},
    status: 'Failure',
    message,
    ...(startError === undefined
      ? {
          reason: 'NonZeroExitCode',
          details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
        }
      : { reason: 'InternalError', code: 500 }),
  };
  socket.send(framed(channels.error, Buffer.from(JSON.stringify(exitCode === 0 ? success : failure))));
}

function framed(channel: number, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(channel), data]);
}

async function copyTo(socket: WebSocket, channel: number, source: Readable): Promise<void> {
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      if (socket.readyState !== socket.OPEN) continue;
      const sent = new Promise<void>((resolve) => {
        socket.send(framed(channel, chunk), () => {
          resolve();
        });
      });
      if (socket.bufferedAmount > maxBacklogBytes) await sent;
    }
  } catch {
    // Whatever broke the stream ends the process, which is what is told.
  }
}

async function drain(source: Readable): Promise<void> {
  source.resume();
  await new Promise<void>((resolve) => {
    source.once('close', () => {
      resolve();
    });
  });
}
