import type { RequestEvent } from '../admin/resources.ts';
import { callAdmin, type AdminFlags } from './admin.ts';

export interface RequestsFlags extends AdminFlags {
  output?: 'json';
}

/** Prints the requests of a running `headgate up` as they end, until the user or the process ends. */
export async function requests(flags: RequestsFlags): Promise<void> {
  const stopping = new AbortController();
  process.on('SIGINT', () => {
    stopping.abort();
  });
  const response = await callAdmin(flags, 'requests', stopping.signal);
  if (flags.output !== 'json') console.log('TIME       STATUS         MS  REQUEST');
  let text = '';
  try {
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) print(event, flags);
    }
  } catch (error) {
    if (!stopping.signal.aborted)
      throw new Error('the connection broke off: `headgate up` has ended', { cause: error });
  }
}

function print(event: string, { output }: RequestsFlags): void {
  const [, name, data = ''] = /^event: (\w+)\ndata: (.*)$/s.exec(event) ?? [];
  if (name === 'dropped') console.error(`(some requests are left out: ${data})`);
  if (name !== 'request') return;
  if (output === 'json') {
    console.log(data);
    return;
  }
  // Our own server, of our own version.
  const { time, status, durationMs, method, path, model, backend, rule, endpoint } = JSON.parse(data) as RequestEvent;
  const to = [model, backend ?? rule, endpoint].filter((part) => part !== undefined).join('  ');
  console.log(`${time.slice(11, 19)}   ${status}   ${durationMs.toFixed(1).padStart(10)}  ${method} ${path}  ${to}`);
}
